"""Rules on a student's source text: no loops here, no call to that."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

from grader.checks.failure import Failure

__all__ = ["Source"]


class Source:
    """The syntax tree of a hand-in's module; functions of the module that are called are followed one level."""

    def __init__(self, text: str) -> None:
        self._functions = dict(_functions(ast.parse(text)))
        self._imports = dict(_imports(ast.parse(text)))

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
                if used and (used.rpartition(".")[2] in names or any(used.startswith(f"{m}.") for m in modules)):
                    message = f"{name} uses {used} in line {node.lineno}, which this part rules out"  # type: ignore[attr-defined]
                    raise Failure(message, hint=hint)

    def _with_helpers(self, name: str) -> list[ast.AST]:
        if name not in self._functions:
            return []
        function = self._functions[name]
        called = {node.func.id for node in ast.walk(function) if isinstance(node, ast.Call) and
                  isinstance(node.func, ast.Name)}  # fmt: skip
        return [function, *(self._functions[one] for one in sorted(called - {name}) if one in self._functions)]

    def _dotted(self, node: ast.AST) -> str:
        """The full name that an expression stands for, through the module's imports: "torch.nn.functional.relu"."""
        if isinstance(node, ast.Name):
            return self._imports.get(node.id, "")
        if isinstance(node, ast.Attribute):
            owner = self._dotted(node.value)
            return f"{owner}.{node.attr}" if owner else f"?.{node.attr}"
        return ""


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, ast.FunctionDef):
                    yield f"{node.name}.{method.name}", method


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
