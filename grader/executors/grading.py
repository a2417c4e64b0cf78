"""Grades a folder of hand-ins: finds them, has them examined, keeps every part as it is known, writes the results."""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from importlib import metadata
from pathlib import Path

import torch

from grader import confine, emit, results, rubric, submissions
from grader.course import Assignment, Course, Module
from grader.errors import GraderError
from grader.executors.jobs import Finished, Job, PartSaid, Said, Setup
from grader.executors.local import LocalPool
from grader.results import Record, VisibilityRule
from grader.session.outcomes import ModuleOutcome, PartOutcome, TestOutcome
from grader.store import Store
from grader.submissions import Handin

__all__ = ["Options", "grade_all"]


@dataclass(frozen=True)
class Options:
    """What `grader grade` was asked for."""

    paths: Sequence[Path]
    asked: Sequence[str] = ()
    folder: Path = Path("results")
    jobs: int = 1
    sandbox: str = "auto"
    seed: int | None = None
    fresh: bool = False
    visibility: VisibilityRule = "now"


@dataclass
class Sheet:
    """One hand-in while it is graded: what is wanted of it, and what is known so far."""

    handin: Handin
    wanted: dict[str, list[Module]]
    key: int = 0
    parts: dict[tuple[str, str], PartOutcome] = field(default_factory=dict)
    open_jobs: int = 0

    def outcomes(self, modules: Sequence[Module]) -> list[ModuleOutcome]:
        """What is known of these modules."""
        return [self._outcome(module) for module in modules]

    def _outcome(self, module: Module) -> ModuleOutcome:
        found = [self.parts.get((module.path, part.id)) for part in module.parts]
        source = self.handin.sources.get(module.id)
        parts = [
            one or PartOutcome(part.id, part.title, part.points) for one, part in zip(found, module.parts, strict=True)
        ]
        if source is None:
            return ModuleOutcome(
                module.id, "missing", self.handin.problem or "no file of this name was handed in", parts
            )
        if source.problem:
            return ModuleOutcome(module.id, "unloadable", source.problem, parts)
        unloadable = next((part.staff["unloadable"] for part in parts if "unloadable" in part.staff), "")
        return ModuleOutcome(module.id, "unloadable" if unloadable else "graded", unloadable, parts)


def grade_all(course: Course, options: Options, tell: Callable[[str], None]) -> list[Record]:
    """The records of all hand-ins at the paths; everything is in the results folder too.

    Raises:
        UsageError: no hand-in, or no module of that name.
        GraderError: a course or a machine that can't grade; whatever is finished by then is kept.
    """
    assignments = rubric.read_all(course)
    asked, lacking = _with_hidden_suites(course, rubric.select(assignments, options.asked))
    for module in rubric.with_needed(assignments, asked):
        rubric.check_suites(course, module)
    mode = confine.choose(options.sandbox, [course.suites, course.root / "solutions", options.folder.resolve()])
    workspace = Path(tempfile.mkdtemp(prefix="grader-"))
    try:
        names = {module.id for assignment in assignments.values() for module in assignment.modules}
        helpers = {"eecs598", *(name for id in assignments for name in course.helpers(id))}
        handins = submissions.find(options.paths, names, workspace / "hand-ins", helpers)
        with Store.open(options.folder) as store:
            records = _Grading(course, assignments, asked, options, mode, store, tell).run(handins, workspace)
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
    if lacking is not None:
        raise lacking
    return records


def _with_hidden_suites(
    course: Course, selected: Sequence[tuple[Assignment, list[Module]]]
) -> tuple[dict[str, list[Module]], GraderError | None]:
    """The modules that can be graded, by assignment, and the error that names the others when all is done.

    Raises:
        GraderError: there is a hidden suite for none of them.
    """
    found, lacking = {}, []
    for assignment, modules in selected:
        whole = [module for module in modules if course.suite(module, "hidden").exists()]
        lacking += [module.path for module in modules if module not in whole]
        if whole:
            found[assignment.id] = whole
    fault = GraderError(
        f"there is no hidden suite for {', '.join(lacking)}" + (": the others are graded" if found else ""),
        place=str(course.suites),
        expected="test_hidden.py beside test_public.py: students' kits have none",
        way_out="grade with the instructor's course folder: --course DIR",
    )
    if not found:
        raise fault
    return found, fault if lacking else None


@dataclass
class _Grading:
    course: Course
    assignments: Mapping[str, Assignment]
    asked: Mapping[str, list[Module]]
    options: Options
    mode: str
    store: Store
    tell: Callable[[str], None]
    data: dict[str, str] = field(default_factory=dict)
    modules: list[Module] = field(default_factory=list)
    folders: dict[str, str] = field(default_factory=dict)

    def run(self, handins: Sequence[Handin], workspace: Path) -> list[Record]:
        from eecs598 import data

        self.data = {"cifar10": "stand-in" if data.locate("cifar10")[0] == "stand-in" else "real"}
        self.modules = rubric.with_needed(self.assignments, self.asked)
        run = self.store.begin_run(
            suite_sha256=suite_hash(self.course, self.modules),
            versions=self._versions(),
            seed=self.options.seed,
            fresh=self.options.fresh,
        )
        self.folders = emit.folder_names(results.printable_name(handin.name) for handin in handins)
        sheets = [self._sheet(handin) for handin in handins]
        records: dict[int, Record] = {}
        todo = []
        for number, sheet in enumerate(sheets):
            done = self.store.record(sheet.key)
            if done is not None:
                records[number] = done
            else:
                todo.append(number)
        if todo:
            for number, record in self._examine(sheets, todo, run.seed, workspace):
                records[number] = record
        kept = [records[number] for number in range(len(sheets))]
        titles = self._titles()
        for number in set(range(len(sheets))) - set(todo):
            self._write(sheets[number], kept[number], None, titles)
        emit.write_class(self.options.folder, kept, titles=titles)
        return kept

    def _sheet(self, handin: Handin) -> Sheet:
        wanted = {
            name: modules
            for name, modules in self.asked.items()
            if self.options.asked or any(module.id in handin.sources for module in modules)
        }
        sheet = Sheet(handin, wanted or dict(self.asked))
        if handin.path.is_file() and handin.path.suffix in (".py", ".ipynb") and not self.options.asked:
            # a single module file counts alone
            sheet.wanted = {n: [m for m in ms if m.id in handin.sources] for n, ms in sheet.wanted.items()}
        sheet.key = self.store.begin(handin.name, handin.sha256)
        sheet.parts = self.store.parts(sheet.key)
        return sheet

    def _examine(
        self, sheets: Sequence[Sheet], todo: Sequence[int], seed: int, workspace: Path
    ) -> Iterator[tuple[int, Record]]:
        jobs = [job for number in todo for job in self._jobs(number, sheets[number], str(seed))]
        for number in todo:
            if not sheets[number].open_jobs:
                yield number, self._finish(sheets[number], seed)
        if not jobs:
            return
        setup = Setup(
            course=str(self.course.root),
            modules=[module.path for module in self.modules],
            mode=self.mode,
            data=self.data,
            scratch=str(workspace),
            seed=str(seed),
        )
        with LocalPool(setup, self.options.jobs) as pool:
            for (number, assignment), said in pool.run(iter(jobs)):
                self._hear(sheets[number], assignment, said)
                if isinstance(said, Finished) and not sheets[number].open_jobs:
                    yield number, self._finish(sheets[number], seed)

    def _jobs(self, number: int, sheet: Sheet, seed: str) -> Iterator[tuple[tuple[int, str], Job]]:
        texts = {name: (str(one.path), one.text) for name, one in sheet.handin.sources.items() if not one.problem}
        for name, modules in sheet.wanted.items():
            wanted = [
                (module.id, part.id)
                for module in modules
                for part in module.parts
                if module.id in texts and (module.path, part.id) not in sheet.parts
            ]
            if wanted:
                sheet.open_jobs += 1
                known = [
                    (path.rpartition("/")[2], part)
                    for (path, _), part in sheet.parts.items()
                    if path.startswith(f"{name}/")
                ]
                yield (number, name), Job(name, texts, str(sheet.handin.files), seed, wanted, known)

    def _hear(self, sheet: Sheet, assignment: str, said: Said) -> None:
        if isinstance(said, PartSaid):
            path = f"{assignment}/{said.module}"
            sheet.parts[path, said.part.id] = said.part
            self.store.put_part(sheet.key, path, said.part)
        else:
            sheet.open_jobs -= 1
            if said.fault:
                self._blame(sheet, assignment, said.fault)

    def _blame(self, sheet: Sheet, assignment: str, fault: str) -> None:
        """What an examiner that failed has not said is a fault of the grader, never silence."""
        last = fault.strip().splitlines()[-1]
        for module in sheet.wanted[assignment]:
            for part in module.parts:
                if module.id in sheet.handin.sources and (module.path, part.id) not in sheet.parts:
                    outcome = PartOutcome(part.id, part.title, part.points, staff={"fault": fault})
                    message = f"the grader's own fault: {last}"[:300]
                    outcome.tests = [TestOutcome("all tests", "hidden", "grader_error", Fraction(1), message)]
                    sheet.parts[module.path, part.id] = outcome

    def _finish(self, sheet: Sheet, seed: int) -> Record:
        outcomes = {name: sheet.outcomes(modules) for name, modules in sheet.wanted.items()}
        record = results.build(
            sheet.handin.name,
            sheet.handin.sha256,
            outcomes,
            seed=seed,
            sandbox=self.mode,
            device="cpu",
            data=self.data,
            kit=kit_version(),
            duration_s=sum(part.duration_s for part in sheet.parts.values()),
        )
        staff = {**results.staff_view(outcomes), "left_out": sheet.handin.left_out}
        self._write(sheet, record, staff, self._titles())
        self.store.put_record(sheet.key, record)  # last: a record that is kept is written no more
        self.tell(f"{record.submission}: {results.rounded(record.score)} of {results.rounded(record.max_score)}")
        return record

    def _write(self, sheet: Sheet, record: Record, staff: dict[str, object] | None, titles: dict[str, str]) -> None:
        folder = self.options.folder / self.folders[record.submission]
        emit.write_hand_in(folder, record, staff, visibility=self.options.visibility, titles=titles)

    def _titles(self) -> dict[str, str]:
        titles = {name: assignment.title for name, assignment in self.assignments.items()}
        modules = [module for assignment in self.assignments.values() for module in assignment.modules]
        return {**titles, **{module.path: module.title for module in modules}}

    def _versions(self) -> dict[str, str]:
        return {
            "kit": kit_version(),
            "torch": torch.__version__,
            "python": sys.version.split()[0],
            "sandbox": self.mode,
            "asked": " ".join(sorted(self.options.asked)),
            **{f"data {name}": kind for name, kind in self.data.items()},
        }


def kit_version() -> str:
    """The installed version of the kit."""
    try:
        return metadata.version("dlcv-grader")
    except metadata.PackageNotFoundError:
        return "0+source"


def suite_hash(course: Course, modules: Sequence[Module]) -> str:
    """A hash of what is asked: rubrics, suites, mistakes, recorded answers and solutions of these modules."""
    digest = hashlib.sha256()
    assignments = sorted({module.assignment for module in modules})
    files = [course.suites / name / file for name in assignments for file in ("rubric.toml", "public_answers.npz")]
    for module in sorted(modules, key=lambda module: module.path):
        files += [course.suite(module, "public"), course.suite(module, "hidden"), course.mistakes(module)]
        files += [course.solution(module), course.stub(module)]
    for path in files:
        content = path.read_bytes() if path.exists() else b""
        digest.update(f"{path.relative_to(course.root)} {len(content)}\n".encode() + content)
    return digest.hexdigest()
