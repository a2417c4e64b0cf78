"""Whether a part is still the blank that was handed out, judged on the syntax tree alone."""

from __future__ import annotations

import ast
import functools
import re
import warnings
from collections.abc import Collection

__all__ = ["blank_parts", "defines_none", "does_not_parse"]

CONSTANT_MAKERS = {"zeros", "zeros_like", "empty", "empty_like", "ones", "tensor", "new_zeros"}


def blank_parts(text: str, names: list[str], stub: str = "") -> set[str]:
    """Those of `names` (functions, classes, `Class.method`) that `text` leaves as they were handed out.

    A body is a blank where it equals the stub's, where it is one `raise NotImplementedError`, or where it only sets
    names to constants (None, numbers, zeros) and returns them, as the course's own stubs do. A class is a blank where
    one of its methods is in the stub and all of those are blank. What does not parse, or is not there, is no blank.
    """
    given, handed = _functions(stub), _functions(text)
    return {name for name in names if _is_blank(name, handed, given)}


@functools.lru_cache(maxsize=32)
def does_not_parse(file: str, text: str) -> str:
    """Why a text is no Python, in one line with its line number, or nothing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape in a hand-in's string is no news
            ast.parse(text)
    except SyntaxError as fault:
        return f"{file}, line {fault.lineno}: does not parse: {fault.msg}"
    except (ValueError, RecursionError, MemoryError) as fault:
        return f"{file}: does not parse ({type(fault).__name__})"
    return ""


def defines_none(text: str, names: Collection[str]) -> bool:
    """Whether none of `names` stands in `text`, and none can come from a file that it imports whole."""
    return not {*names, "import *"} & {*re.findall(r"\w+", text), *re.findall(r"import \*", text)}


def _is_blank(name: str, handed: dict[str, ast.AST], given: dict[str, ast.AST]) -> bool:
    if name in handed:
        return _blank_body(handed[name], given.get(name))
    methods = [one for one in handed if one.startswith(f"{name}.")]
    unwritten = [one for one in methods if _raises_not_implemented(given.get(one))]
    return bool(unwritten) and all(_blank_body(handed[one], given.get(one)) for one in unwritten)


def _blank_body(function: ast.AST, stub: ast.AST | None) -> bool:
    body = _body(function)
    if stub is not None and _raises_not_implemented(stub) and _text(body) == _text(_body(stub)):
        return True
    constants: set[str] = set()
    return all(_is_placeholder(statement, constants) for statement in body)


def _is_placeholder(statement: ast.stmt, constants: set[str]) -> bool:
    """A `pass`, a `raise NotImplementedError`, a name set to a constant, or a return of such names."""
    if isinstance(statement, ast.Pass):
        return True
    if isinstance(statement, ast.Raise):
        return statement.exc is not None and "NotImplementedError" in ast.dump(statement.exc)
    if isinstance(statement, ast.Return):
        return statement.value is None or _constant(statement.value, constants)
    if isinstance(statement, ast.Assign):
        if not all(isinstance(target, ast.Name | ast.Tuple) for target in statement.targets):
            return False
        constants.update(node.id for target in statement.targets for node in ast.walk(target) if
                         isinstance(node, ast.Name))  # fmt: skip
        return _constant(statement.value, constants)
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _constant(value: ast.expr, constants: set[str]) -> bool:
    if isinstance(value, ast.Constant):
        # a number other than 0 or 1 may be an answer: a written-down setting is one
        return value.value in (None, 0, 0.0, True, False)
    if isinstance(value, ast.Name):
        return value.id in constants
    if isinstance(value, ast.Tuple | ast.List):
        return all(_constant(item, constants) for item in value.elts)
    if isinstance(value, ast.Dict):
        return not value.keys
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in CONSTANT_MAKERS


def _raises_not_implemented(function: ast.AST | None) -> bool:
    """Whether a function, after its docstring and given lines, comes to a `raise NotImplementedError` of its own."""
    if function is None:
        return False
    return any(
        isinstance(node, ast.Raise) and node.exc is not None and "NotImplementedError" in ast.dump(node.exc)
        for node in ast.walk(function)
    )


def _body(function: ast.AST) -> list[ast.stmt]:
    body: list[ast.stmt] = getattr(function, "body", [])
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        body = body[1:]
    return body


def _text(body: list[ast.stmt]) -> str:
    return "\n".join(ast.dump(statement) for statement in body if not isinstance(statement, ast.Pass))


@functools.lru_cache(maxsize=32)  # asked for each part of a module, of the hand-in and of the stub
def _functions(text: str) -> dict[str, ast.AST]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    found: dict[str, ast.AST] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = node
        elif isinstance(node, ast.ClassDef):
            methods = {f"{node.name}.{one.name}": one for one in node.body if isinstance(one, ast.FunctionDef)}
            found.update(methods)
    return found
