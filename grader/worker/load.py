"""Runs the text of a hand-in's module, statement by statement, with the other modules of the same hand-in in reach."""

from __future__ import annotations
import __future__

import ast
import builtins
import importlib
import linecache
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from grader.protocol import Error
from grader.worker import shims
from grader.worker.words import describe

__all__ = ["Handin", "Unloadable"]


class Unloadable(Exception):
    """The file does not parse, so nothing in it can be graded."""


@dataclass
class Handin:
    """The modules of one hand-in: their texts, and those that have been run.

    `sources` maps a module's name to its file's name (as messages show it) and its text; the kit's given helpers are
    among them. Modules are found by their flat name from inside each other and leave `sys.modules` alone, unless
    `register` says that this process belongs to the hand-in.
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
        tree = _parse(text, filename)
        module = ModuleType(name)
        module.__file__ = filename
        vars(module)["__builtins__"] = {**vars(builtins), "__import__": self._import}
        self.modules[name] = module  # before it runs: modules may import each other
        if self.register:
            sys.modules[name] = module
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        self._run(tree, filename, module)
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

    def _run(self, tree: ast.Module, filename: str, module: ModuleType) -> None:
        flags = _future_flags(tree)
        for statement in tree.body:
            try:
                code = compile(ast.Module([statement], []), filename, "exec", flags=flags, dont_inherit=True)
                exec(code, vars(module))  # the one place where a hand-in's text is run
            except BaseException as fault:  # also SystemExit: the statements below still count
                self.notes.append(describe(fault, self.files()))

    def files(self) -> frozenset[str]:
        """Names of all files, as tracebacks show them."""
        return frozenset(filename for filename, _ in self.sources.values())

    def _import(
        self,
        name: str,
        scope: Mapping[str, Any] | None = None,
        local: Mapping[str, Any] | None = None,
        fromlist: tuple[str, ...] = (),
        level: int = 0,
    ) -> ModuleType:
        flat = _flat_name(name, fromlist, self.sources)
        if flat in self.sources or flat in self.modules:
            return self.module(flat)
        try:
            return importlib.__import__(name, scope, local, fromlist or (), level)
        except ImportError:
            shim = shims.find(name, fromlist)
            if shim is None:
                raise
            return shim


def _flat_name(name: str, fromlist: tuple[str, ...] | None, sources: Mapping[str, Any]) -> str:
    # `from A2.linear_classifier import …` and `from .linear_classifier import …` mean the file beside this one
    package, _, last = name.rpartition(".")
    folder = package.rpartition(".")[2]
    if last in sources and fromlist and (not package or (len(folder) == 2 and folder[0] == "A")):
        return last
    return name


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
