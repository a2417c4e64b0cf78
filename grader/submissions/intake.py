"""One hand-in taken in: copied, its modules found by name and decoded, what is wrong with it said in one line."""

from __future__ import annotations

import stat
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from grader.errors import GraderError
from grader.results.text import clean_line
from grader.submissions.archive import of_zip
from grader.submissions.copying import SOURCES, Copy, copy, is_module
from grader.submissions.listing import Listing, of_file, of_folder
from grader.submissions.notebook import as_module
from grader.submissions.records import Handin, Source
from grader.submissions.source import Unreadable, as_text

__all__ = ["ARCHIVE", "Known", "take_in"]

ARCHIVE = ".zip"
MOST_LEFT_OUT = 20  # lines of what was left out
MOST_NAMED = 4  # files named in one message
LINK = "a link among hand-ins, which is not followed: name what it points to on the command line"
Opener = Callable[[Path], AbstractContextManager[Listing]]


@dataclass(frozen=True)
class Known:
    """The names that those in a hand-in are held against: the course's modules, and the helpers that it gives."""

    modules: Collection[str]
    helpers: Collection[str]


def take_in(path: Path, name: str, files: Path, known: Known) -> Handin:
    """The hand-in at `path`, copied to the new folder `files`.

    Raises:
        GraderError: the copy can't be made.
    """
    try:
        opener, problem = _opener(path, known)
        with opener(path) as listing:
            done = copy(listing, files, known.modules, known.helpers)
            problem = problem or listing.problem
    except OSError as fault:
        way_out = "name an empty folder on a disk with room"
        raise GraderError(f"{name}: can't be copied: {fault.strerror}", place=str(files), way_out=way_out) from fault
    notes: list[str] = []
    sources = {} if problem else _sources(done, files, known, notes)
    if not problem and not sources:
        problem = _why_nothing(done, known)
    left_out = [*notes, *(f"{path}: {reason}" for path, reason in sorted(done.refused.items()))]
    return Handin(name, path, files, sources, done.sha256(), _bounded(left_out), clean_line(problem))


def _bounded(lines: list[str]) -> list[str]:
    kept = [clean_line(line) for line in lines[:MOST_LEFT_OUT]]
    return kept if len(lines) <= MOST_LEFT_OUT else [*kept, f"… and {len(lines) - MOST_LEFT_OUT:,} more"]


def _opener(path: Path, known: Known) -> tuple[Opener, str]:
    """How to list what lies at `path`, and why nothing there can be graded."""
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return _nothing, LINK
    if stat.S_ISDIR(mode):
        return partial(_of_folder_or_its_zip, known=known), ""
    if not stat.S_ISREG(mode):
        return _nothing, "neither a file nor a folder"
    if path.suffix.lower() == ARCHIVE:
        return of_zip, ""
    if is_module(PurePosixPath(path.name), known.modules):
        return of_file, ""
    return _nothing, f"a file that can't be graded: hand in a folder or a zip that holds {_asked_for(known)}"


@contextmanager
def _nothing(path: Path) -> Iterator[Listing]:
    yield Listing()


@contextmanager
def _of_folder_or_its_zip(path: Path, known: Known) -> Iterator[Listing]:
    """A folder; where it holds no module and a single zip, as learning-management systems export them, that zip."""
    with of_folder(path) as listing:
        zips = [member.path for member in listing.members if member.path.suffix.lower() == ARCHIVE]
        modules = [member for member in listing.members if is_module(member.path, known.modules)]
        if modules or len(zips) != 1:
            yield listing
            return
        with of_zip(path / zips[0]) as inside:
            inside.refused |= listing.refused
            yield inside


def _sources(done: Copy, files: Path, known: Known, notes: list[str]) -> dict[str, Source]:
    """The modules among what was copied, and those that were refused, in the order of their names."""
    sources = {}
    seen = sorted({**done.files, **done.refused}, key=_nearness)
    for module in sorted(known.modules):
        for suffix in SOURCES:  # .py wins over .ipynb
            paths = [path for path in seen if path.stem == module and path.suffix.lower() == suffix]
            if paths:
                sources[module] = _source(module, paths, done, files, notes)
                break
    return sources


def _nearness(path: PurePosixPath) -> tuple[int, str]:
    return len(path.parts), str(path)


def _source(module: str, paths: list[PurePosixPath], done: Copy, files: Path, notes: list[str]) -> Source:
    taken = [path for path in paths if path in done.files]
    path = Path(taken[0] if taken else paths[0])
    try:
        if not taken:
            raise Unreadable(done.refused[paths[0]])
        _refuse_twins(taken, done)
        text, own_notes = _read(module, files / path)
    except Unreadable as fault:
        return Source(module, path, "", clean_line(f"{path}: {fault}"))
    notes += [f"{path}: {note}" for note in own_notes]
    return Source(module, path, text)


def _refuse_twins(taken: list[PurePosixPath], done: Copy) -> None:
    """Nobody can say which of two different modules is meant; the same one twice does no harm."""
    twice = [str(path) for path in taken if path in done.refused]  # a zip can hold one name twice
    if twice or len({done.files[path] for path in taken}) > 1:
        named = " and ".join(twice * 2 or map(str, taken[:MOST_NAMED]))
        raise Unreadable(f"two modules of one name with different contents ({named}): hand in only one of them")


def _read(module: str, file: Path) -> tuple[str, list[str]]:
    data = file.read_bytes()
    return as_module(data, module) if file.suffix.lower() == ".ipynb" else (as_text(data), [])


def _why_nothing(done: Copy, known: Known) -> str:
    if not done.files and not done.refused:
        return f"empty: hand in {_asked_for(known)}"
    found = _listed([str(path) for path in sorted({**done.files, **done.refused}, key=_nearness)])
    return f"holds no module of the course: hand in {_asked_for(known)}; found {found}"


def _asked_for(known: Known) -> str:
    return _listed([f"{module}.py" for module in sorted(known.modules)])


def _listed(names: list[str]) -> str:
    return ", ".join([*names[:MOST_NAMED], *(["…"] if len(names) > MOST_NAMED else [])])
