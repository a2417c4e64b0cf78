"""Runs the text of a hand-in's module, statement by statement, with the other modules of the same hand-in in reach."""

from __future__ import annotations
import __future__

import ast
import builtins
import functools
import linecache
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any

from grader.protocol import Error
from grader.worker import shims
from grader.worker.words import describe

__all__ = ["Finder", "Handin", "Unloadable"]


class Unloadable(Exception):
    """The file does not parse, so nothing in it can be graded."""


@dataclass
class Handin:
    """The modules of one hand-in: their texts, and those that have been run.

    `sources` maps a module's name to its file's name (as messages show it) and its text; the kit's given helpers are
    among them. Modules are found by their flat name from inside each other and leave `sys.modules` alone once they
    are loaded, unless `register` says that this process belongs to the hand-in.
    """

    sources: Mapping[str, tuple[str, str]]
    register: bool = False
    modules: dict[str, ModuleType] = field(default_factory=dict)
    notes: list[Error] = field(default_factory=list)

    def module(self, name: str) -> ModuleType:
        """The module of this name, run on first use; a statement that raises is noted and skipped.

        Raises:
            Unloadable: its text does not parse.
        """
        if name in self.modules:
            return self.modules[name]
        filename, text = self.sources[name]
        statements = _compiled(filename, text)
        module = ModuleType(name)
        module.__file__, module.__package__ = filename, ""
        vars(module)["__builtins__"] = {**vars(builtins), "__import__": self._import}
        self.modules[name] = module  # before it runs: modules may import each other
        # inspect.getsource reads this cache; Python ends a line at a line feed and nowhere else
        linecache.cache[filename] = (len(text), None, [line + "\n" for line in text.split("\n")], filename)
        with self._registered(name, module):
            self._run(statements, module)
        return module

    def module_or_blank(self, name: str) -> ModuleType:
        """The module of this name, or an empty one where there is none that parses."""
        try:
            return self.module(name)
        except (KeyError, Unloadable):
            self.modules[name] = ModuleType(name)
            if self.register:
                sys.modules[name] = self.modules[name]
            return self.modules[name]

    @contextmanager
    def _registered(self, name: str, module: ModuleType) -> Iterator[None]:
        """While a module runs it is found by its name, as data classes ask; afterwards only in its own process."""
        before = sys.modules.get(name)
        sys.modules[name] = module
        try:
            yield
        finally:
            if not self.register:
                sys.modules.pop(name, None)
                sys.modules.update({name: before} if before is not None else {})

    def _run(self, statements: tuple[CodeType | Exception, ...], module: ModuleType) -> None:
        for statement in statements:
            try:
                if isinstance(statement, Exception):
                    raise statement.with_traceback(None)
                exec(statement, vars(module))  # the one place where a hand-in's text is run
            except BaseException as fault:  # also SystemExit: the statements below still count
                if isinstance(fault, KeyboardInterrupt) and not self.register:
                    raise  # at home it came from the keyboard
                self.notes.append(describe(fault, self.texts()))

    def texts(self) -> dict[str, str]:
        """The text of each file, by its name as tracebacks show it."""
        return dict(self.sources.values())

    def _import(
        self,
        name: str,
        scope: Mapping[str, Any] | None = None,
        local: Mapping[str, Any] | None = None,
        fromlist: tuple[str, ...] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """`import` as the hand-in's modules do it: first each other, then what is installed, then a stand-in."""
        try:
            found = self._own(name, fromlist or (), level)
        except Unloadable as fault:
            raise ImportError(str(fault)) from None
        if found is not None:
            return found
        try:
            return builtins.__import__(name, scope, local, fromlist or (), level)
        except ImportError:
            shim = shims.find(name, fromlist)
            if shim is None:
                raise
            return shim

    def _own(self, name: str, fromlist: tuple[str, ...], level: int) -> ModuleType | None:
        """The hand-in's own module that an import means: `x`, `A2.x`, `.x`; or a package of them: `A2`, `.`."""
        package, _, last = name.rpartition(".")
        if last in self.sources and _is_here(package):
            if not package or fromlist:
                return self.module(last)
            return _package(package, {last: self.module(last)})  # import A2.x
        asked = [one for one in fromlist if one in self.sources]
        if asked and (_is_here(name) if name else level > 0):
            return _package(name, {one: self.module(one) for one in asked})  # from A2 import x, from . import x
        return self.modules.get(name)


class Finder(MetaPathFinder, Loader):
    """Finds the hand-in's modules for imports that are not its modules' own: extra files of it, `importlib`, pickles.

    It comes first, so that the kit's copy of a given helper is what runs, wherever it is imported from.
    """

    def __init__(self, handin: Handin) -> None:
        self._handin = handin

    def find_spec(self, fullname: str, path: object, target: ModuleType | None = None) -> ModuleSpec | None:
        """A spec for the modules of the hand-in, and for nothing else."""
        ours = fullname in self._handin.sources
        return ModuleSpec(fullname, self, origin=self._handin.sources[fullname][0]) if ours else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module, which has been run then."""
        return self._handin.module(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is left to do."""


def _is_here(package: str) -> bool:
    """Whether a package's name is no more than the folder in which the hand-in lies: "", "A2", "assignments.A2"."""
    folder = package.rpartition(".")[2]
    return not package or (len(folder) == 2 and folder[0] == "A" and folder[1].isdigit())


def _package(name: str, modules: Mapping[str, ModuleType]) -> ModuleType:
    package = ModuleType(name.partition(".")[0])
    vars(package).update(modules)
    return package


@functools.lru_cache(maxsize=1000)
def _compiled(filename: str, text: str) -> tuple[CodeType | Exception, ...]:
    """Each statement of a module as code, or what forbids it (a `return` at the top). Known mistakes are run often."""
    tree = _parse(text, filename)
    flags = _future_flags(tree)
    found: list[CodeType | Exception] = []
    for statement in tree.body:
        try:
            found.append(compile(ast.Module([statement], []), filename, "exec", flags=flags, dont_inherit=True))
        except Exception as fault:
            found.append(fault)
    return tuple(found)


def _parse(text: str, filename: str) -> ast.Module:
    try:
        return ast.parse(text, filename)
    except SyntaxError as fault:
        raise Unloadable(f"{filename}, line {fault.lineno}: {fault.msg}") from fault
    except (RecursionError, MemoryError, ValueError) as fault:
        raise Unloadable(f"{filename}: can't be parsed ({type(fault).__name__})") from fault


def _future_flags(tree: ast.Module) -> int:
    flags = 0
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            for alias in statement.names:
                feature = getattr(__future__, alias.name, None)
                flags |= feature.compiler_flag if feature else 0
    return flags
