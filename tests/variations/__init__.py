"""Other right ways to write the parts of each module: every one must keep full marks."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Variation:
    """A legitimate way of writing some functions of a module, as replacements of their source text.

    A slow one is beyond a speed budget, or takes minutes where a network is trained.
    """

    name: str
    functions: dict[str, str]  # function name -> its full text, from `def` on
    slow: bool = False


def way(name: str, *texts: str) -> Variation:
    """A variation out of the full texts of the functions that it replaces."""
    return Variation(name, {text.removeprefix("def ").partition("(")[0]: text for text in texts})
