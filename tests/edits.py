"""Machine edits of a module's source text: lines put in, names changed, bodies nested; how habits are made."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Collection, Iterator, Sequence

__all__ = [
    "Edit",
    "Function",
    "always",
    "at_bottom",
    "at_top",
    "bare",
    "by_hand",
    "chain",
    "decorated",
    "each_tensor",
    "functions_of",
    "in_bodies",
    "indented",
    "nested",
    "notebook",
    "replaced",
    "substituted",
    "with_functions",
    "without",
]

Edit = Callable[[str], str]
Function = ast.FunctionDef
TENSORS = {"W", "X", "y", "X_train", "y_train", "X_val", "y_val", "X_batch", "y_batch"}


def chain(*edits: Edit) -> Edit:
    """One edit after the other."""

    def edit(text: str) -> str:
        for one in edits:
            text = one(text)
        return text

    return edit


def functions_of(text: str) -> list[Function]:
    """All functions and methods of a module, nested ones left out, in the order of their text."""

    def found(body: Sequence[ast.stmt]) -> Iterator[Function]:
        for node in body:
            if isinstance(node, ast.FunctionDef):
                yield node
            elif isinstance(node, ast.ClassDef):
                yield from found(node.body)

    return list(found(ast.parse(text).body))


def at_top(*lines: str) -> Edit:
    """Lines below the module's docstring, above all else."""

    def edit(text: str) -> str:
        body = ast.parse(text).body
        place = body[0].end_lineno if ast.get_docstring(ast.parse(text)) else 0
        return _inserted(text, {place or 0: ["", *lines]})

    return edit


def at_bottom(*lines: str) -> Edit:
    """Lines below all else."""
    return lambda text: "\n".join([text.rstrip("\n"), "", "", *lines, ""])


def in_bodies(make: Callable[[Function], Sequence[str]], only: Collection[str] = ()) -> Edit:
    """Lines at the head of each body, below its docstring; of these functions only, where any are named."""

    def edit(text: str) -> str:
        added = {}
        for function in functions_of(text):
            first = _first_statement(function)
            if (not only or function.name in only) and first.lineno > function.lineno:
                added[first.lineno - 1] = [" " * first.col_offset + line for line in make(function)]
        return _inserted(text, added)

    return edit


def nested(text: str) -> str:
    """Each function's body in a function of its own inside it, its parameters changed through `nonlocal`."""
    lines = text.split("\n")
    for function in reversed(functions_of(text)):
        first = _first_statement(function)
        if first.lineno == function.lineno:
            continue
        indent = " " * first.col_offset
        body = [f"    {line}" if line.strip() else line for line in lines[first.lineno - 1 : function.end_lineno]]
        changed = sorted(_assigned(function) & {one.arg for one in _arguments(function)})
        head = [f"{indent}def work():", *([f"{indent}    nonlocal {', '.join(changed)}"] if changed else [])]
        lines[first.lineno - 1 : function.end_lineno] = [*head, *body, f"{indent}return work()"]
    return "\n".join(lines)


def each_tensor(line: str) -> Callable[[Function], list[str]]:
    """A line for each tensor among a function's parameters, its name in the place of `@`; None stays None."""

    def lines(function: Function) -> list[str]:
        names = [one.arg for one in function.args.args if one.arg in TENSORS]
        return [f"if {name} is not None: " + line.replace("@", name) for name in names]

    return lines


def always(*lines: str) -> Callable[[Function], Sequence[str]]:
    """The same lines in every function."""
    return lambda function: lines


def by_hand(*names: str, body: str) -> Edit:
    """These functions replaced by what `body` makes of `value`, their own result; whichever of them there are."""
    lines = [
        "def _kept(function):",
        "    import functools",
        "    @functools.wraps(function)",
        "    def called(*args, **kwargs):",
        "        value = function(*args, **kwargs)",
        *(f"        {line}" for line in body.split("\n")),
        "    return called",
    ]
    return at_bottom(*lines, *(f"if {name!r} in globals(): {name} = _kept({name})" for name in names))


def notebook(text: str) -> str:
    """A notebook of one cell for each statement, among cells that plot, install and print."""
    statements = [ast.get_source_segment(text, node) or "" for node in ast.parse(text).body]
    noise = ["!pip install torchsummary", "%matplotlib inline\nimport os, matplotlib.pyplot as plt", "plt.plot([1])"]
    cells = [*noise, *statements, "print('all done')", "%%time\nx = 1", "help(print)"]
    code: dict[str, object] = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    return json.dumps(
        {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [{**code, "source": cell} for cell in cells]}
    )


def indented(by: str) -> Edit:
    """The bare module, `by` in the place of each four blanks at the head of a line."""

    def edit(text: str) -> str:
        lines = bare(text).split("\n")
        return "\n".join(by * ((len(line) - len(line.lstrip(" "))) // 4) + line.lstrip(" ") for line in lines)

    return edit


def decorated(decorator: str) -> Edit:
    """A decorator on every function."""

    def edit(text: str) -> str:
        found = {node.lineno - 1: [" " * node.col_offset + decorator] for node in functions_of(text)}
        return _inserted(text, found)

    return edit


def without(*names: str) -> Edit:
    """The module with these functions and methods deleted, where it has them."""

    def edit(text: str) -> str:
        lines = text.split("\n")
        for node in reversed([one for one in functions_of(text) if one.name in names]):
            lines[node.lineno - 1 : node.end_lineno] = []
        return "\n".join(lines)

    return edit


def bare(text: str) -> str:
    """The module without docstrings, comments and type hints, each class as Python 2 wrote it or with no base."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
            for argument in _arguments(node):
                argument.annotation = None
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(_Unhinted().visit(tree)) + "\n"


class _Unhinted(ast.NodeTransformer):
    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        value = node.value or ast.Constant(None)
        return ast.copy_location(ast.Assign([node.target], value), node)


def replaced(*pairs: tuple[str, str]) -> Edit:
    """Each old text by its new one, wherever it stands; in some module of the assignment it must."""

    def edit(text: str) -> str:
        for old, new in pairs:
            text = text.replace(old, new)
        return text

    return edit


def substituted(*pairs: tuple[str, str]) -> Edit:
    """As `replaced`, with patterns."""

    def edit(text: str) -> str:
        for pattern, new in pairs:
            text = re.sub(pattern, new, text)
        return text

    return edit


def with_functions(text: str, functions: dict[str, str]) -> str:
    """The module with these functions, given as `def …` texts, in the place of its own."""
    lines = text.split("\n")
    tree = ast.parse(text)
    own = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    for name in sorted(functions, key=lambda name: -own[name].lineno):
        lines[own[name].lineno - 1 : own[name].end_lineno] = functions[name].strip("\n").split("\n")
    return "\n".join(lines)


def _inserted(text: str, added: dict[int, list[str]]) -> str:
    """`text` with lines put in below the lines of these numbers."""
    lines = text.split("\n")
    for number in sorted(added, reverse=True):
        lines[number:number] = added[number]
    return "\n".join(lines)


def _first_statement(function: Function) -> ast.stmt:
    documented = ast.get_docstring(function) is not None and len(function.body) > 1
    return function.body[1 if documented else 0]


def _arguments(function: Function) -> list[ast.arg]:
    given = function.args
    return [*given.posonlyargs, *given.args, *given.kwonlyargs]


def _assigned(function: Function) -> set[str]:
    return {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
