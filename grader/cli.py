"""The command `grader`: each command parses what was typed, calls one room, and chooses the exit status."""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any, cast

import typer

app = typer.Typer(
    help="Grades deep-learning-for-computer-vision assignments: hidden tests, confined hand-ins, scores and feedback.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

CourseOption = Annotated[
    Path | None, typer.Option("--course", help="The course folder (default: found upwards from here).")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the machine's form on standard output.")]
AskedOption = Annotated[list[str] | None, typer.Option("-a", help="A2 or A2/linear_classifier; may be repeated.")]


@app.command()
def grade(
    paths: Annotated[list[Path], typer.Argument(help="Hand-ins (folders, zips, module files), or folders of them.")],
    asked: AskedOption = None,
    results: Annotated[
        Path, typer.Option("-o", help="Where results go, and where an earlier run goes on from.")
    ] = Path("results"),
    jobs: Annotated[int, typer.Option(min=1, help="Hand-ins examined at a time.")] = 1,
    course: CourseOption = None,
    sandbox: Annotated[
        str, typer.Option(help="auto: confined, or refused. none: hand-ins may do all that you can.")
    ] = "auto",
    data: Annotated[Path | None, typer.Option(help="A folder with the real data sets.")] = None,
    seed: Annotated[int | None, typer.Option(help="The run's seed (default: drawn once per results folder).")] = None,
    fresh: Annotated[bool, typer.Option(help="Grade everything again; the old run is kept.")] = False,
    fail_under: Annotated[
        float | None, typer.Option(help="Exit with 1 where a hand-in has less than P percent.")
    ] = None,
    visibility: Annotated[str, typer.Option(help="When students see hidden tests: now, after_due, never.")] = "now",
    as_json: JsonOption = False,
) -> None:
    """Grade hand-ins, each part in a locked worker, against public and hidden suites."""
    from grader.errors import UsageError

    if sandbox not in ("auto", "none"):
        raise UsageError(f"--sandbox {sandbox}", expected="auto or none", way_out="leave it out for auto")
    if visibility not in ("now", "after_due", "never"):
        raise UsageError(
            f"--visibility {visibility}", expected="now, after_due or never", way_out="leave it out for now"
        )
    _set_data(data)
    from grader import emit
    from grader.executors.grading import Options, grade_all

    options = Options(paths, asked or (), results, jobs, sandbox, seed, fresh, cast(Any, visibility))
    try:
        records = grade_all(_course(course), options, tell=lambda line: print(line, file=sys.stderr))
    except KeyboardInterrupt:
        print("interrupted: what is finished is kept, and the same command goes on from there", file=sys.stderr)
        raise typer.Exit(130) from None
    if as_json:
        for record in records:
            print(record.to_json())
    else:
        emit.show(records)
        print(f"results in {results}: open {results / 'index.html'}")
    if any(record.grader_errors for record in records):
        raise typer.Exit(3)
    if fail_under is not None and any(100 * record.score < fail_under * record.max_score for record in records):
        raise typer.Exit(1)


@app.command()
def check(
    path: Annotated[str, typer.Argument(help="A2, A2/module or A2/module/part.")] = "",
    course: CourseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the public tests on your own modules, in this folder."""
    from grader.home import check_modules

    found = check_modules(_course(course), path, Path.cwd())
    for checked in found:
        print(json.dumps(checked.machine()) if as_json else "\n".join(checked.lines()))
    raise typer.Exit(0 if all(checked.passed for checked in found) else 1)


@app.command()
def stubs(
    check_only: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit with 1 where something is stale.")
    ] = False,
    course: CourseOption = None,
) -> None:
    """Generate stubs from solutions, record the public answers, and make the hints of a student's own run."""
    from grader.release import refresh, stale

    where = _course(course)
    if not check_only:
        for path in refresh(where):
            print(f"wrote {path.relative_to(where.root)}")
        return
    found = stale(where)
    for line in found:
        print(line)
    raise typer.Exit(1 if found else 0)


@app.command()
def mutants(
    asked: AskedOption = None,
    course: CourseOption = None,
    margins: Annotated[
        bool, typer.Option("--margins", help="Tolerances against rounding and against mistakes.")
    ] = False,
    whole: Annotated[bool, typer.Option("--whole", help="Every mistake on every part, training included.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Put every known mistake through its suite."""
    from grader.executors import mutants as trials

    found = trials.run_all(_course(course), asked or [], whole=whole, margins=margins)
    if as_json:
        print(json.dumps({"modules": {report.module.path: report.summary() for report in found}}))
    else:
        for line in (line for report in found for line in report.lines()):
            print(line)
    raise typer.Exit(0 if all(report.clean for report in found) else 1)


@app.command()
def lint(course: CourseOption = None) -> None:
    """For authors: rubrics against suites, mistakes against solutions, markers, notebooks."""
    from grader.release.lint import findings

    found = findings(_course(course))
    for finding in found:
        print(finding)
    raise typer.Exit(1 if found else 0)


@app.command()
def doctor(course: CourseOption = None, as_json: JsonOption = False) -> None:
    """Say what this machine can enforce: sandbox, GPU, data, versions."""
    from grader.home.doctor import facts_of

    facts = facts_of(course)
    print(json.dumps(facts) if as_json else "\n".join(_facts(facts)))
    raise typer.Exit(0 if all(facts["sandbox"].values()) else 3)


data_app = typer.Typer(help="Where each data set is, or will come from.", no_args_is_help=True)
app.add_typer(data_app, name="data")


@data_app.command("list")
def data_list() -> None:
    """Each data set, and what is in use: real data or the embedded stand-in."""
    from eecs598 import data

    for name in data.DATASETS:
        kind, place = data.locate(name)
        print(f"{name:<10} {kind:<10} {place if place.exists() else 'drawn when asked for'}")


@data_app.command("path")
def data_path(name: str) -> None:
    """Where a data set's files are."""
    from eecs598 import data

    print(data.locate(_data_set(name)).path)


@data_app.command("fetch")
def data_fetch(name: str) -> None:
    """Download a data set from its official source."""
    from eecs598 import data

    print(data.fetch(_data_set(name)))


def _data_set(name: str) -> str:
    from eecs598 import data
    from grader.errors import UsageError

    if name not in data.DATASETS:
        raise UsageError(
            f"there is no data set {name}", expected=f"one of {', '.join(data.DATASETS)}", way_out="mend the name"
        )
    return name


def _set_data(folder: Path | None) -> None:
    import os

    from grader.errors import UsageError

    if folder is None:
        return
    if not folder.is_dir():
        raise UsageError(f"--data {folder} is no folder", expected="a folder with data sets in their official layouts")
    os.environ["EECS598_DATA"] = str(folder.resolve())


def _course(asked: Path | None) -> Any:
    from grader import course

    return course.find(asked)


def _facts(facts: dict[str, Any]) -> list[str]:
    """What `doctor` says to a person: a mark before each promise, a value behind each name."""
    lines = []
    for title, entries in facts.items():
        rows = entries.items() if isinstance(entries, dict) else [("", entries)]
        lines += [title, *(f"  {_fact(name, value)}" for name, value in rows)]
    return lines


def _fact(name: str, value: object) -> str:
    return f"{'✓' if value else '✗'} {name}" if isinstance(value, bool) else f"{name} {value}".strip()


def main() -> None:
    """Run the command; an error of the kit's own kinds is told in words, with its exit status."""
    from grader.errors import GraderError

    try:
        app(prog_name="grader")
    except GraderError as fault:
        print(f"grader: {fault}", file=sys.stderr)
        raise SystemExit(fault.exit_status) from None
    except Exception:  # a fault of ours that nobody foresaw: 1 would say that a hand-in is below --fail-under
        traceback.print_exc()
        raise SystemExit(3) from None
