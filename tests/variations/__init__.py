"""Other right ways to write the parts of each module: every one must keep full marks."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Variation:
    """A legitimate way of writing some functions of a module, as replacements of their source text."""

    name: str
    functions: dict[str, str]  # function name -> its full text, from `def` on
