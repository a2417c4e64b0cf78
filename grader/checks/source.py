"""Rules on a student's source text: no loops here, no call to that."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

from grader.checks.failure import Failure

__all__ = ["Source"]


class Source:
    """The syntax tree of a hand-in's module; functions of the module that are called are followed one level."""

    def __init__(self, text: str) -> None:
        tree = ast.parse(text)
        self._functions = dict(_functions(tree))
        self._names = dict(_imports(tree))
        for target, value in _renamed(tree):  # F = torch.nn.functional
            dotted = self._dotted(value)
            if dotted and not dotted.startswith("?"):
                self._names.setdefault(target, dotted)

    def no_loops(self, name: str, hint: str = "one operation on whole tensors replaces the loop") -> None:
        """No `for` or `while` statement, and no comprehension over tensors' rows, in the function or what it calls."""
        for function in self._with_helpers(name):
            for node in ast.walk(function):
                if isinstance(node, ast.For | ast.While | ast.AsyncFor):
                    raise Failure(f"{name} has a loop in line {node.lineno}, which this part rules out", hint=hint)
                if isinstance(node, ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp) and _works(node):
                    raise Failure(f"{name} loops in line {node.lineno}, which this part rules out", hint=hint)

    def no_calls(
        self, name: str, *, names: Collection[str] = (), modules: Collection[str] = (), hint: str = ""
    ) -> None:
        """No use of these function names, or of anything in these modules, in the function or what it calls."""
        for function in self._with_helpers(name):
            for node in ast.walk(function):
                used = self._dotted(node)
                if used and (used.rpartition(".")[2] in names or any(f"{used}.".startswith(f"{m}.") for m in modules)):
                    message = f"{name} uses {used} in line {node.lineno}, which this part rules out"  # type: ignore[attr-defined]
                    raise Failure(message, hint=hint)

    def _with_helpers(self, name: str) -> list[ast.AST]:
        if name not in self._functions:
            return []
        function = self._functions[name]
        calls = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
        called = {node.id for node in calls if isinstance(node, ast.Name)}
        owner, _, _ = name.rpartition(".")
        for node in calls:  # self.helper(), Class.helper()
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                called |= {f"{one}.{node.attr}" for one in (owner, node.value.id)}
        return [function, *(self._functions[one] for one in sorted(called - {name}) if one in self._functions)]

    def _dotted(self, node: ast.AST) -> str:
        """The full name that an expression stands for, through the module's imports: "torch.nn.functional.relu"."""
        if isinstance(node, ast.Name):
            return self._names.get(node.id, "")
        if isinstance(node, ast.Attribute):
            return self._member(node.value, node.attr)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr":
            match node.args:
                case [owner, ast.Constant(str(name)), *_]:
                    return self._member(owner, name)
        return ""

    def _member(self, owner: ast.expr, name: str) -> str:
        return f"{self._dotted(owner) or '?'}.{name}"


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, ast.FunctionDef):
                    yield f"{node.name}.{method.name}", method


def _renamed(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=ast.Attribute() | ast.Name() as value):
                yield target, value


def _imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (
                    alias.asname or alias.name.partition(".")[0],
                    alias.name if alias.asname else alias.name.partition(".")[0],
                )
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _works(node: ast.AST) -> bool:
    """Whether a comprehension computes (calls or arithmetic), rather than listing indices."""
    element = node.elt if isinstance(node, ast.ListComp | ast.GeneratorExp | ast.SetComp) else node
    return any(isinstance(one, ast.Call | ast.BinOp | ast.Subscript) for one in ast.walk(element))
