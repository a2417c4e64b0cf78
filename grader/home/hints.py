"""Names a known mistake in a student's own run, from the digests that came with the kit; no solution is needed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from grader.session.digest import alike, digest
from grader.student import Exchange

__all__ = ["hints_for", "load"]


def load(path: Path) -> dict[str, Any]:
    """The hints of an assignment; none where the file is not there."""
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return found


def hints_for(known: Sequence[Mapping[str, Any]], logs: Mapping[str, Sequence[Exchange]]) -> list[str]:
    """What to tell of the first known mistake that fails the same tests with the same answers."""
    given = {node.rpartition("::")[2]: digest(log) for node, log in logs.items() if log}
    if not given:
        return []
    for mistake in known:
        answers = mistake["answers"]
        if all(name in answers and alike(answers[name], mine) for name, mine in given.items()):
            return [f"    behaves like {mistake['title']}", f"        {mistake['hint']}"]
    return []
