"""What a terminal shows of graded hand-ins: faults of ours first, then a table, or plain lines where nobody looks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from grader.emit.wording import STATUS, points_text
from grader.results import Module, Part, Record

__all__ = ["hand_in_line", "show"]

ERRORS_SHOWN = 10


def show(records: Sequence[Record], *, console: Console | None = None) -> None:
    """Print the records: one hand-in part by part, several as a table; one line each where the output is no terminal.

    Args:
        records: in the order to show.
        console: where to; standard output where None.
    """
    console = console or Console()
    if faults := _faults(records):
        _print(console, faults)
    if any(record.sandbox == "none" for record in records):
        _print(
            console, Text("graded without a sandbox: these hand-ins could read and write all that you can", "bold red")
        )
    if not console.is_terminal:
        for record in records:
            _print(console, Text(hand_in_line(record)))
            for line in _part_lines(record) if len(records) == 1 else ():
                _print(console, Text(line))
    elif len(records) == 1:
        _print(console, _one(records[0]))
    elif records:
        _print(console, _table(records))
        _print(console, _legend(records))


def hand_in_line(record: Record) -> str:
    """One hand-in as a plain line: name, score, a letter a part, and what is wrong with its modules."""
    letters = [f"{module.id} {_letters(module)}" for a in record.assignments for module in a.modules]
    score = f"{points_text(record.score)}/{points_text(record.max_score)}"
    faults = [f"grader error in {', '.join(record.grader_errors)}"] if record.grader_errors else []
    return "  ".join([record.submission, score, *letters, *faults])


def _print(console: Console, what: RenderableType) -> None:
    """Print with nothing guessed: names and messages are no markup, no emoji, and are never wrapped as plain lines."""
    plain = isinstance(what, Text) and not console.is_terminal
    console.print(what, markup=False, highlight=False, emoji=False, soft_wrap=plain)


def _letters(module: Module) -> str:
    return module.status if module.status != "graded" else "".join(STATUS[part.status].letter for part in module.parts)


def _faults(records: Iterable[Record]) -> Text | None:
    """The grader's own errors with names, for the head of the console; None where there are none."""
    where: dict[str, list[str]] = {}
    for record in records:
        for name in record.grader_errors:
            where.setdefault(name, []).append(record.submission)
    if not where:
        return None
    hand_ins = len({name for names in where.values() for name in names})
    lines = [
        f"grader error in {_count(len(where), 'part')} of {_count(hand_ins, 'hand-in')}: their points are not final"
    ]
    for name, who in list(where.items())[:ERRORS_SHOWN]:
        others = f" and {len(who) - 3} more" if len(who) > 3 else ""
        lines.append(f"  {name}: {', '.join(who[:3])}{others}")
    if len(where) > ERRORS_SHOWN:
        lines.append(f"  … and {len(where) - ERRORS_SHOWN} more")
    return Text("\n".join(lines), STATUS["grader_error"].style)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"


def _table(records: Sequence[Record]) -> Table:
    """A row a hand-in, a column a module with a letter for each of its parts."""
    modules = list(dict.fromkeys(m for record in records for m in _modules(record)))
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("hand-in", overflow="fold")
    table.add_column("score", justify="right")
    for name in modules:
        table.add_column(Text(name), no_wrap=True)
    for record in records:
        score = Text(f"{points_text(record.score)} / {points_text(record.max_score)}")
        of = _modules(record)
        table.add_row(Text(record.submission), score, *(_coloured(of[m]) if m in of else Text("") for m in modules))
    return table


def _modules(record: Record) -> Mapping[str, Module]:
    """Module name, with its assignment where there are several -> module."""
    several = len(record.assignments) > 1
    return {f"{a.id}/{m.id}" if several else m.id: m for a in record.assignments for m in a.modules}


def _coloured(module: Module) -> Text:
    if module.status != "graded":
        return Text(module.status.replace("_", " "), "yellow")
    return Text.assemble(*((STATUS[part.status].letter, STATUS[part.status].style) for part in module.parts))


def _legend(records: Sequence[Record]) -> Text:
    """The letters in use and their meaning."""
    used = {part.status for record in records for _, part in record.parts()}
    words = [word for status, word in STATUS.items() if status in used]
    return Text("   ".join(f"{word.letter} {word.label}" for word in words), "dim")


def _one(record: Record) -> Group:
    """A single hand-in, part by part, with what to do about each that is not right."""
    head = Text(f"{record.submission}  {points_text(record.score)} / {points_text(record.max_score)}", "bold")
    rows: list[RenderableType] = [head]
    for assignment in record.assignments:
        for module in assignment.modules:
            rows.append(Text(f"\n{assignment.id}/{module.id}", "bold"))
            if module.message:
                rows.append(Padding(Text(module.message, "yellow"), (0, 0, 0, 2)))
            rows.append(Padding(_parts_table(module.parts), (0, 0, 0, 2)))
    return Group(*rows)


def _parts_table(parts: Sequence[Part]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    for part in parts:
        word = STATUS[part.status]
        points = Text(f"{points_text(part.points)} / {points_text(part.max_points)}")
        table.add_row(Text(part.id), points, Text(word.label, word.style), Text(_advice(part)))
    return table


def _part_lines(record: Record) -> list[str]:
    """What `_one` shows, as plain lines."""
    lines = []
    for name, part in record.parts():
        points = f"{points_text(part.points)}/{points_text(part.max_points)}"
        lines.append("  ".join(filter(None, (f"  {name}", points, STATUS[part.status].label, _advice(part)))))
    return lines


def _advice(part: Part) -> str:
    like = "; ".join(f"behaves like {finding.title}" for finding in part.diagnosis)
    return f"{part.message} ({like})" if part.message and like else part.message or like
