"""From a template to one self-contained page: everything escaped, no script, nothing fetched."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from grader.emit.wording import STATUS, points_text, title_of_test

__all__ = ["render"]


def render(template: str, **values: Any) -> str:
    """The page that `template` (a file of `templates/`) makes of `values`."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,  # whatever a template's name ends in
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(points=points_text, sentence=title_of_test)
    environment.globals["STATUS"] = STATUS
    return environment
