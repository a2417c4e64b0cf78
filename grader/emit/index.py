"""The class's page: who earned what in which part, what went wrong most, and what staff must look at."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from urllib.parse import quote

from grader.emit.feedback import anchor
from grader.emit.pages import render
from grader.emit.wording import percent
from grader.results import Finding, Part, Record

__all__ = ["class_page"]

BINS = 10  # of the distribution, ten percent each
FEW, MOST = 6, 10  # names, and rows, of a list before the rest folds away


@dataclass(frozen=True)
class Bar:
    """One bar of the distribution, in the units of its drawing."""

    label: str
    count: int
    x: float
    y: float
    height: float


@dataclass
class Mistake:
    """A known mistake, with the part that shows it and the hand-ins that are like it."""

    finding: Finding
    part: str
    who: list[Record] = field(default_factory=list)


@dataclass(frozen=True)
class Column:
    """One part over the whole class."""

    module: str
    part: Part
    mean: Fraction | None


@dataclass(frozen=True)
class Cell:
    """What one hand-in earned in one part; None where the hand-in has no such part."""

    part: Part | None
    shade: str
    anchor: str


@dataclass(frozen=True)
class Grid:
    """One assignment's table of hand-ins × parts."""

    id: str
    title: str
    modules: list[tuple[str, int]]  # title, number of parts
    columns: list[Column]
    rows: list[tuple[Record, Fraction, Fraction, list[Cell]]]
    mean: Fraction | None


def class_page(records: Sequence[Record], *, links: Mapping[str, str], titles: Mapping[str, str] | None = None) -> str:
    """The report on a class, as HTML.

    Args:
        records: one a hand-in, in the order of the table.
        links: submission -> its folder beside the page, as `folder_names` gives it.
        titles: `A2` or `A2/linear_classifier` -> its title; names stand alone where there is none.
    """
    titles = titles or {}
    shares = [percent(record.score, record.max_score) for record in records if record.max_score]
    ids = list(dict.fromkeys(a.id for record in records for a in record.assignments))
    return render(
        "index.html",
        records=records,
        links={name: quote(folder) for name, folder in links.items()},
        heading=" · ".join(titles.get(id, id) for id in ids) or "no hand-ins",
        names=", ".join(id for id in ids if id in titles),
        few=FEW,
        most=MOST,
        mean=statistics.mean(shares) if shares else None,
        median=statistics.median(shares) if shares else None,
        full=sum(record.score == record.max_score > 0 for record in records),
        bars=_bars(shares),
        mistakes=_mistakes(records),
        faults=_faults(records),
        faulty=sum(len(record.grader_errors) for record in records),
        broken=_broken(records),
        unconfined=sum(record.sandbox == "none" for record in records),
        grids=[_grid(id, records, titles) for id in ids],
        facts=_facts(records),
    )


def _bars(shares: Sequence[float]) -> list[Bar]:
    """Ten bars, the last one with 100 in it; 100 units high where the class is densest."""
    counts = [0] * BINS
    for share in shares:
        counts[min(int(share * BINS / 100), BINS - 1)] += 1
    top = max([*counts, 1])
    return [
        Bar(f"{10 * i}–{10 * i + 10}", count, 34.0 * i, 100 - 100 * count / top, 100 * count / top)
        for i, count in enumerate(counts)
    ]


def _mistakes(records: Sequence[Record]) -> list[Mistake]:
    """Known mistakes, the most common first."""
    found: dict[str, Mistake] = {}
    for record in records:
        for name, part in record.parts():
            for finding in part.diagnosis:
                found.setdefault(finding.id, Mistake(finding, name)).who.append(record)
    return sorted(found.values(), key=lambda mistake: (-len(mistake.who), mistake.finding.id))


def _faults(records: Sequence[Record]) -> list[tuple[str, str, list[Record]]]:
    """(part, what it said, hand-ins) of each grader error."""
    found: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        for name, part in record.parts():
            if part.status == "grader_error":
                found.setdefault((name, part.message), []).append(record)
    return [(name, message, who) for (name, message), who in found.items()]


def _broken(records: Sequence[Record]) -> list[tuple[Record, str, str, str]]:
    """(hand-in, module, status, message) of each module that was not graded."""
    return [
        (record, f"{a.id}/{module.id}", module.status.replace("_", " "), module.message)
        for record in records
        for a in record.assignments
        for module in a.modules
        if module.status != "graded"
    ]


def _grid(id: str, records: Sequence[Record], titles: Mapping[str, str]) -> Grid:
    mine = [(record, a) for record in records for a in record.assignments if a.id == id]
    by_name: dict[str, list[Part]] = {}
    parts_of = []
    for _, assignment in mine:
        parts = {f"{m.id}/{part.id}": part for m in assignment.modules for part in m.parts}
        parts_of.append(parts)
        for name, part in parts.items():
            by_name.setdefault(name, []).append(part)
    columns = [Column(name.split("/")[0], parts[0], _mean(parts)) for name, parts in by_name.items()]
    modules = list(dict.fromkeys(column.module for column in columns))
    return Grid(
        id=id,
        title=titles.get(id, id),
        modules=[(titles.get(f"{id}/{m}", m), sum(column.module == m for column in columns)) for m in modules],
        columns=columns,
        rows=[
            (record, a.score, a.max_score, [_cell(parts.get(name), f"{id}/{name}") for name in by_name])
            for (record, a), parts in zip(mine, parts_of, strict=True)
        ],
        mean=sum((a.score for _, a in mine), Fraction(0)) / len(mine) if mine else None,
    )


def _mean(parts: Sequence[Part]) -> Fraction | None:
    """Mean points of a part over the hand-ins where it counts."""
    points = [part.points for part in parts if part.status != "skipped"]
    return sum(points, Fraction(0)) / len(points) if points else None


def _cell(part: Part | None, name: str) -> Cell:
    return Cell(part, _shade(part) if part else "absent", anchor(name))


def _shade(part: Part) -> str:
    """The class of a cell: what happened where nothing was earned, else how much was."""
    if part.status in ("grader_error", "skipped", "not_implemented"):
        return part.status
    share = percent(part.points, part.max_points)
    if part.status == "passed":
        return "full"
    return "zero" if share == 0 else "low" if share < 50 else "high"


def _facts(records: Sequence[Record]) -> list[str]:
    """What the page's foot says of how it was made; a list where hand-ins differ."""
    rows = {
        "kit": {record.kit for record in records},
        "sandbox": {record.sandbox for record in records},
        "device": {record.device for record in records},
        "seed": {str(record.seed) for record in records},
        "data": {f"{name} {kind}" for record in records for name, kind in record.data.items()},
    }
    return [f"{name} {', '.join(sorted(values))}" for name, values in rows.items() if values]
