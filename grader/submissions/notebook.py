"""A notebook in place of a module: what its cells define becomes the module's text, line by line where it stood."""

from __future__ import annotations

import ast
import json
import re
import textwrap
import warnings
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from grader.submissions.source import MOST_SOURCE_BYTES, Unreadable, with_plain_line_ends, within_limits

__all__ = ["as_module"]

MOST_NOTEBOOK_BYTES = 20 << 20  # outputs included: pictures; the worst JSON of this size takes 450 MiB
MOST_CELLS = 2_000
MOST_MAGICS = 200  # lines of one cell, each of which costs another parse
MOST_PARSED = 2_000_000  # characters parsed for one cell, all its parses together
# A line that IPython alone understands, and of which nothing is kept.
MAGIC = re.compile(r"\s*[%!?]|.*\?\s*$|[^#'\"]*=\s*[%!]")
# Cell magics whose cell holds Python all the same; the cell of any other is no part of a module.
PYTHON_CELLS = {"%%time", "%%timeit", "%%capture", "%%prun", "%%python", "%%python3"}
FILE_CELLS = {"%%writefile", "%%file"}
DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
# What a plain value may consist of: numbers, text, names and their attributes, and arithmetic on them.
PLAIN = (
    *(ast.Constant, ast.Name, ast.Attribute, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.Starred, ast.Subscript),
    *(ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp),
    *(ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context),
)
# Calls that choose a device, which functions below rely on.
DEVICE_CALLS = {"torch.device", "torch.cuda.is_available"}


@dataclass
class Assembly:
    """The lines of a module that grows cell by cell, and what was left out on the way."""

    module: str
    lines: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def as_module(data: bytes, module: str) -> tuple[str, list[str]]:
    """The text of the module that the notebook in `data` stands for, and a note on each cell that doesn't parse.

    Kept are imports, functions, classes, and assignments of plain values to names and attributes, in their order; all
    else leaves blank lines. A comment above each cell says which one it is.

    Raises:
        Unreadable: too long, or no notebook.
    """
    if len(data) > MOST_NOTEBOOK_BYTES:
        raise Unreadable(f"a notebook of more than {MOST_NOTEBOOK_BYTES >> 20} MiB: clear its outputs")
    assembly = Assembly(module)
    cells = _code_cells(data)
    if sum(map(len, cells)) > MOST_SOURCE_BYTES:
        raise Unreadable(f"its cells hold more than {MOST_SOURCE_BYTES:,} characters")
    for number, cell in enumerate(cells, start=1):
        _add(cell, number, assembly)
    return within_limits("\n".join([*assembly.lines, ""])), assembly.notes


def _code_cells(data: bytes) -> list[str]:
    """The texts of the code cells, whatever version of the format they are written in."""
    nbformat: Any = import_module("nbformat")  # here, since the import takes 0.2 s and few hand-ins need it
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nbformat's advice on cell ids
            bare = json.dumps(_without_outputs(json.loads(data)))
            notebook = nbformat.convert(nbformat.reader.reads(bare), 4)
        return [with_plain_line_ends(cell.source) for cell in notebook.cells if cell.cell_type == "code"]
    except (RecursionError, MemoryError):
        raise Unreadable("it is nested too deeply to be a notebook") from None
    except Unreadable:
        raise
    except Exception:  # nbformat answers a malformed notebook with whatever its code runs into
        raise Unreadable("it is no notebook that Jupyter could open: save it again") from None


def _without_outputs(document: Any) -> dict[str, Any]:
    """The notebook's cells alone: outputs may be most of it, and are nothing to grade."""
    sheets = document.get("worksheets", [document])
    if sum(len(sheet["cells"]) for sheet in sheets) > MOST_CELLS:
        raise Unreadable(f"a notebook of more than {MOST_CELLS:,} cells")
    version = {name: document[name] for name in ("nbformat", "nbformat_minor") if name in document}
    if "worksheets" in document:
        bare = [{"cells": [_bare(cell) for cell in sheet["cells"]]} for sheet in sheets]
        return {**version, "metadata": {}, "worksheets": bare}
    return {**version, "metadata": {}, "cells": [_bare(cell) for cell in document["cells"]]}


def _bare(cell: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {name: cell[name] for name in ("cell_type", "source", "input", "level") if name in cell}
    if cell["cell_type"] == "code":
        kept |= {"outputs": [], "execution_count": None, "prompt_number": 0, "language": "python", "collapsed": False}
    return {**kept, "metadata": {}}


def _add(cell: str, number: int, assembly: Assembly) -> None:
    """Append what cell `number` defines to the module."""
    lines = textwrap.dedent(cell).split("\n")
    assembly.lines.append(f"# code cell {number} of the notebook")
    if not _is_python(lines, assembly.module):
        return
    try:
        kept = _kept_lines(_parsed(lines), lines)
    except SyntaxError as fault:
        assembly.notes.append(f"code cell {number} left out, for it doesn't parse: line {fault.lineno}: {fault.msg}")
        return
    except (RecursionError, MemoryError, ValueError):
        assembly.notes.append(f"code cell {number} left out, for it doesn't parse")
        return
    assembly.lines += kept


def _is_python(lines: list[str], module: str) -> bool:
    """Whether a cell holds Python by its first line; a cell magic in front of Python is blanked."""
    first = next((index for index, line in enumerate(lines) if line.strip()), None)
    if first is None or not lines[first].startswith("%%"):
        return True
    magic, *words = lines[first].split()
    lines[first] = ""
    return magic in PYTHON_CELLS or (magic in FILE_CELLS and f"{module}.py" in [w.rpartition("/")[2] for w in words])


def _parsed(lines: list[str]) -> ast.Module:
    """The cell's tree; a line that only IPython understands becomes `pass`, wherever the parser stops at one."""
    for _ in range(min(MOST_MAGICS, MOST_PARSED // (1 + sum(map(len, lines))))):
        try:
            return _tree(lines)
        except SyntaxError as fault:
            at = (fault.lineno or 0) - 1
            if not 0 <= at < len(lines) or not MAGIC.match(lines[at]):
                break
            lines[at] = _passed(lines[at])
    lines[:] = [_passed(line) if line.lstrip().startswith(("%", "!")) else line for line in lines]
    return _tree(lines)


def _passed(line: str) -> str:
    return line[: len(line) - len(line.lstrip())] + "pass"


def _tree(lines: list[str]) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse("\n".join(lines))


def _kept_lines(tree: ast.Module, lines: list[str]) -> list[str]:
    """`lines` with everything blank but the statements that a module keeps."""
    kept = [""] * len(lines)
    for statement in filter(_is_kept, tree.body):
        decorators = getattr(statement, "decorator_list", [])
        first = min(part.lineno for part in (statement, *decorators)) - 1
        last = (statement.end_lineno or statement.lineno) - 1
        text = lines[first : last + 1]
        text[-1] = text[-1].encode()[: statement.end_col_offset].decode()  # columns count bytes
        if not decorators:
            text[0] = text[0].encode()[statement.col_offset :].decode()
        text[0] = f"{kept[first]}; {text[0]}" if kept[first] else text[0]
        kept[first : last + 1] = text
    return kept


def _is_kept(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Assign):
        return all(map(_is_target, statement.targets)) and _is_plain(statement.value)
    if isinstance(statement, ast.AnnAssign):
        return _is_target(statement.target) and (statement.value is None or _is_plain(statement.value))
    return isinstance(statement, DEFINITIONS)


def _is_target(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple | ast.List):
        return all(map(_is_target, node.elts))
    return isinstance(node, ast.Name) or (isinstance(node, ast.Attribute) and _is_plain(node))


def _is_plain(node: ast.AST) -> bool:
    if isinstance(node, ast.Lambda):
        return True  # a function under another form
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) in DEVICE_CALLS and all(map(_is_plain, node.args)) and not node.keywords
    return isinstance(node, PLAIN) and all(map(_is_plain, ast.iter_child_nodes(node)))
