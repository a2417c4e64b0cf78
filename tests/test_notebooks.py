"""Each notebook runs from top to bottom on the solution, on drawn pictures, in half a minute; none stores outputs."""

from __future__ import annotations

import re
import resource
import shutil
import tomllib
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))
CPU_LIMIT_S = 30
HEADLINES = {"linear_classifier": {"SVM": 40, "softmax": 41}, "two_layer_net": {"two-layer net": 58}}  # per cent


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def _text(cell: Any) -> str:
    """What a cell printed, or displayed as text."""
    outputs = cell.get("outputs", [])
    return "\n".join(one.get("text", "") or one.get("data", {}).get("text/plain", "") for one in outputs)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.fixture(params=NOTEBOOKS, ids=_name, scope="module")
def notebook(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A notebook after it ran in a plain folder that holds nothing but the assignment's solved modules and helpers."""
    path: Path = request.param
    folder = tmp_path_factory.mktemp("plain") / path.parent.name
    folder.mkdir()
    for source in ("assignments", "solutions"):  # a solution takes the place of its stub
        for module in (ROOT / source / path.parent.name).glob("*.py"):
            shutil.copy(module, folder)
    content = nbformat.read(path, as_version=4)
    before = _cpu_s()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'assignments'}")
        patch.setenv("GRADER_COURSE", str(ROOT))
        patch.delenv("MPLBACKEND", raising=False)  # the notebook's own pictures are what is tested
        resources = {"metadata": {"path": str(folder)}}
        NotebookClient(content, timeout=300, kernel_name="python3", resources=resources).execute()
    content.metadata["test"] = {"module": path.stem, "cpu_s": _cpu_s() - before, "folder": str(folder)}
    return content


@pytest.mark.slow
class TestARun:
    def test_it_takes_at_most_half_a_minute_of_one_core(self, notebook: Any) -> None:
        assert notebook.metadata["test"]["cpu_s"] < CPU_LIMIT_S

    def test_each_check_in_line_passes(self, notebook: Any) -> None:
        cells = [cell for cell in notebook.cells if cell.source.startswith("check(")]
        assert len(cells) >= 4
        for cell in cells:
            assert _text(cell).count("✓") == cell.source.count("check("), _text(cell)

    def test_it_trains_the_headline_result(self, notebook: Any) -> None:
        headline = HEADLINES[notebook.metadata["test"]["module"]]
        printed = "\n".join(_text(cell) for cell in notebook.cells)
        for name, percent in headline.items():
            line = next(line for line in printed.splitlines() if line.startswith(f"{name}: test accuracy"))
            assert float(line.split()[-1].rstrip("%")) >= percent

    def test_it_shows_pictures(self, notebook: Any) -> None:
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        assert sum("image/png" in output.get("data", {}) for output in outputs) >= 5

    def test_it_warns_of_nothing(self, notebook: Any) -> None:
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        assert [output.text for output in outputs if output.get("name") == "stderr"] == []

    def test_it_keeps_the_weights_to_hand_in(self, notebook: Any) -> None:
        folder = Path(notebook.metadata["test"]["folder"])
        assert list(folder.glob("*_best_model.pt"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=_name)
class TestAsStored:
    def test_it_holds_no_outputs(self, path: Path) -> None:
        cells = nbformat.read(path, as_version=4).cells
        assert [cell.id for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []

    def test_it_is_valid_and_chooses_its_device_in_one_line(self, path: Path) -> None:
        content = nbformat.read(path, as_version=4)
        nbformat.validate(content)
        assert sum(cell.source.count("\nDEVICE = ") for cell in content.cells) == 1

    def test_it_checks_every_part_that_is_a_function_in_line(self, path: Path) -> None:
        rubric = ROOT / "grader" / "suites" / path.parent.name / "rubric.toml"
        parts = tomllib.loads(rubric.read_text(encoding="utf-8"))["modules"][path.stem]["parts"]
        wanted = {f"{_name(path)}/{name}" for name, part in parts.items() if not part.get("of")}
        source = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
        assert set(re.findall(r'check\("(.*?)"\)', source)) == wanted
