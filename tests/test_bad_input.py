"""Every kind of bad hand-in of the issue, graded in one run: a clear line, that part's points, and nothing else."""

from __future__ import annotations

import json
import re
import stat
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from grader.results import without_durations
from tests.handins import write_files, zip_of
from tests.small_course import LAYERS, NET, POINTS, function, replaced, without
from tests.small_grader import Ended, SmallGrader, part_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="hand-ins are confined on Linux only")
PARTS = ("scale", "shift", "affine")
WHOLE = sum(POINTS[name] for name in PARTS)


@dataclass(frozen=True)
class Row:
    """A bad hand-in of module `layers`: the parts that it loses, the status of each, and the line that says why."""

    name: str
    layers: str | bytes
    lost: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    kept: int = 0  # points that a part which is lost in part still earns


def _scale(name: str, body: str, status: str, message: str, kept: int = 0) -> Row:
    return Row(name, function("scale", body), {"scale": (status, message)}, kept)


def _module(name: str, text: str | bytes, message: str) -> Row:
    return Row(name, text, dict.fromkeys(PARTS, ("error", message)))


def _harmless(name: str, first: str) -> Row:
    return Row(name, LAYERS.replace("\n\nimport torch\n", f"\n\nimport torch\n{first}\n"))


def _burning(seconds: float) -> str:
    return (
        f"import time\nend = time.process_time() + {seconds}\nwhile time.process_time() < end: pass\nreturn x * factor"
    )


LINE = LAYERS[: LAYERS.index("return x * factor")].count("\n")  # of the first line of a function's new body
# Each limit with a hand-in just under it and one just over: a part of four tests has 1 s, 512 MiB, 16 MiB of output.
LIMITS = [
    Row("time under", function("scale", _burning(0.1))),
    _scale("time over", _burning(0.6), "partial", "stopped after its 1 CPU seconds for this part were used up", kept=2),
    Row("memory under", function("scale", "torch.empty(400 << 20, dtype=torch.uint8)\nreturn x * factor")),
    _scale(
        "memory over", "torch.empty(600 << 20, dtype=torch.uint8)", "memory", "asks for more memory than it may have"
    ),
    Row("output under", function("scale", "print('x' * (7 << 19))\nreturn x * factor")),
    _scale(
        "output over", "print('x' * (5 << 20))\nreturn x * factor", "partial", "prints more than the 16 MiB", kept=4
    ),
]
ROWS = [
    *LIMITS,
    _module(
        "syntax error", replaced("x * factor", "x * (factor"), r"layers\.py, line 9: does not parse: .*never closed"
    ),
    Row("missing function", without("scale"), {"scale": ("not_implemented", "the module has no function scale")}),
    Row(
        "wrong signature",
        replaced("def scale(x: Tensor, factor: float)", "def scale(x: Tensor)"),
        {"scale": ("error", r"raises TypeError: scale\(\) takes 1 positional argument but 2 were given")},
    ),
    Row(
        "wrong count",
        function("shift", "return x + by"),
        {"shift": ("failed", r"returns a tensor of shape \(2,\), float32 where 2 values \(y, total\) are asked for")},
    ),
    Row(
        "no tuple",
        function("shift", "return 7"),
        {"shift": ("failed", r"returns an int where 2 values \(y, total\) are asked for")},
    ),
    _scale("wrong shape", "return (x * factor)[0]", "partial", r"y has shape \(2,\), expected \(2, 2\)", kept=1),
    _scale("wrong dtype", "return (x * factor).to(torch.complex64)", "failed", "y is a tensor.* complex64 where real"),
    _scale("wrong device", "return (x * factor).to('meta')", "failed", "y is a meta tensor where a tensor"),
    _scale("none", "x * factor", "failed", "y is None where a tensor or a number is asked for"),
    _scale("text", "return 'x * factor'", "failed", "y is a str where a tensor or a number is asked for"),
    _scale("object", "return object()", "failed", "y is an object where a tensor or a number is asked for"),
    _scale("nan", "return x * factor * float('nan')", "failed", "y has NaN in 4 of 4 elements"),
    _scale("in place", "return x.mul_(factor)", "partial", "changes its input x", kept=4),
    _scale("exception", "raise KeyError('lost')", "error", rf"raises KeyError: 'lost' \(layers\.py, line {LINE}\)"),
    _scale(
        "endless loop", "while True:\n    pass", "timeout", "stopped after its 1 CPU seconds for this part were used"
    ),
    _scale("recursion", "return scale(x, factor)", "error", rf"raises RecursionError: .* \(layers\.py, line {LINE}\)"),
    _scale(
        "prints", "for _ in range(2048):\n    print('x' * (1 << 20))\nreturn x * factor", "error", "prints more than"
    ),
    _scale(
        "memory", "torch.zeros(20 << 30, dtype=torch.uint8)\nreturn x", "memory", "asks for more memory than it may"
    ),
    _scale("bytes", "bytearray(20 << 30)\nreturn x * factor", "memory", "asks for more memory than it may have"),
    _scale("exit", "import sys\nsys.exit(0)", "error", rf"raises SystemExit: 0 \(layers\.py, line {LINE + 1}\)"),
    _scale("hard exit", "import os\nos._exit(0)", "error", r"ended the process that runs it \(exit status 0\)"),
    _scale("segfault", "import ctypes\nctypes.string_at(0)", "error", "ended the process that runs it with SIGSEGV"),
    _scale("view", "return torch.zeros(1).expand(1 << 40)", "memory", "asks for more memory than it may have"),
    _scale("nested", "y = []\ny.append(y)\nreturn y", "error", "raises ValueError: .*nested deeper than 64 levels"),
    _scale("input", "return x * float(input())", "error", rf"raises EOFError: .* \(layers\.py, line {LINE}\)"),
    _scale("long", "raise ValueError('x' * 10**7)", "error", "raises ValueError: x{100,}"),
    _scale(
        "signal", "import signal\nsignal.raise_signal(40)", "error", "ended the process that runs it with signal 40"
    ),
    _scale("odd exception", "class E(Exception):\n    def __str__(self): raise E()\nraise E()", "error", "raises E: "),
    _module("exit at import", f"import os\nos._exit(1)\n{LAYERS}", "ended the process .* while its module is loaded"),
    _module("loop at import", f"while True: pass\n{LAYERS}", "stopped after .* while its module is loaded"),
    _module(
        "not utf-8", LAYERS.replace("small", "kleine, schöne").encode("latin-1"), r"layers\.py: line 1 isn't UTF-8"
    ),
    _module("empty file", "", r"layers\.py: defines none of scale, shift, affine"),
    _module("another file", "def train(net):\n    return net\n", r"layers\.py: defines none of scale, shift, affine"),
    Row("crlf", LAYERS.replace("\n", "\r\n")),
    _harmless("prints at import", "print('hello')\nprint(torch.ones(3))"),
    _harmless("plots at import", "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()"),
    _harmless("colab", "from google.colab import drive\ndrive.mount('/content/drive')"),
    _harmless("download", "import urllib.request\nurllib.request.urlretrieve('http://example.org/x', 'x')"),
    _harmless("cuda", "W = torch.zeros(3).cuda()\nDEVICE = torch.device('cuda')\ntorch.ones(2, device=DEVICE)"),
    _harmless("exit in the middle", "import sys\nsys.exit(1)"),
    _harmless("own module", "statistics = 1\nassert False, 'a check of my own'"),
]


def _strange_places(folder: Path) -> dict[str, Path]:
    """Hand-ins that are bad, or odd, as folders and archives, by name."""
    linked: list[tuple[str | zipfile.ZipInfo, str | bytes]]
    link = zipfile.ZipInfo("net.py")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    linked = [("layers.py", LAYERS), (link, "/etc/passwd")]
    bomb = b"\0" * (21 << 20)
    return {
        "parent": zip_of(folder / "parent.zip", {"layers.py": LAYERS, "../escaped.py": "x = 1"}),
        "link": zip_of(folder / "link.zip", linked),
        "bomb": zip_of(folder / "bomb.zip", [("layers.py", LAYERS), ("big.txt", bomb)]),
        "bombed module": zip_of(folder / "bombed module.zip", {"layers.py": bomb}),
        "empty": write_files(folder / "empty", {}),
        "notes": write_files(folder, {"notes.txt": "see my other folder"}) / "notes.txt",
        "twins": write_files(folder / "twins", {"layers.py": LAYERS, "old/layers.py": LAYERS + "\n# older\n"}),
        "Zoë Müller 作业": write_files(folder / "Zoë Müller 作业", {"layers.py": LAYERS}),
        "other modules": write_files(folder / "other modules", {"net.py": NET}),
    }


@dataclass(frozen=True)
class Graded:
    """A graded folder of bad hand-ins: records by name, and where results are."""

    records: dict[str, Any]
    results: Path
    said: Ended


def _grade(small: SmallGrader, folder: Path, *arguments: str | Path) -> Graded:
    said = small.grade(*arguments, "-a", "A9/layers", "-o", folder, "--json")
    return Graded(said.records, folder, said)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All bad hand-ins, and a correct one."""
    folder = tmp_path_factory.mktemp("bad") / "hand-ins"
    for row in ROWS:
        write_files(folder / row.name, {"layers.py": row.layers})
    _strange_places(folder)
    return write_files(folder, {"victim/layers.py": LAYERS})


@pytest.fixture(scope="module")
def graded(small: SmallGrader, folder: Path) -> Graded:
    """All of them, two at a time."""
    return _grade(small, folder.parent / "two", folder, "--jobs", "2")


def _earned(row: Row) -> int:
    return WHOLE - sum(POINTS[name] for name in row.lost) + row.kept


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
class TestABadModule:
    def test_says_why_in_one_line(self, graded: Graded, row: Row) -> None:
        for name, (status, message) in row.lost.items():
            part = part_of(graded.records[row.name], name)
            assert len(part["message"]) <= 400
            assert (part["status"], re.match(message, part["message"]) is not None) == (status, True), part["message"]

    def test_loses_that_parts_points_and_nothing_else(self, graded: Graded, row: Row) -> None:
        record = graded.records[row.name]
        assert (record["score"], record["max_score"]) == (_earned(row), WHOLE)
        kept = [part_of(record, name) for name in PARTS if name not in row.lost]
        assert [part["status"] for part in kept] == ["passed"] * len(kept)

    def test_shows_no_frame_and_no_path_of_ours(self, graded: Graded, row: Row) -> None:
        text = json.dumps(graded.records[row.name])
        assert not re.search(r"grader/|Traceback|/tmp|\.venv|site-packages", text)


class TestAStrangePlace:
    @pytest.mark.parametrize("name", ["parent", "link", "bomb", "Zoë Müller 作业"])
    def test_costs_nothing_where_the_module_itself_is_whole(self, graded: Graded, name: str) -> None:
        assert graded.records[name]["score"] == WHOLE

    @pytest.mark.parametrize(("name", "why"), [
        ("parent", "escaped.py: a name that leads out of the hand-in"),
        ("link", "net.py: a symbolic link, which is not followed"),
        ("bomb", "big.txt: compressed more than 200 to 1"),
    ])  # fmt: skip
    def test_is_told_to_staff_where_something_was_left_out(self, graded: Graded, name: str, why: str) -> None:
        staff = json.loads((graded.results / name / "staff.json").read_text())
        assert any(why in line for line in staff["left_out"])

    def test_lets_nothing_out(self, graded: Graded, folder: Path) -> None:
        assert not list(folder.parent.rglob("escaped.py"))

    @pytest.mark.parametrize(("name", "status", "why"), [
        ("empty", "missing", "empty: hand in layers.py, net.py"),
        ("notes.txt", "missing", "a file that can't be graded: hand in a folder or a zip that holds layers.py, net.py"),
        ("other modules", "missing", "no file of this name was handed in"),
        ("twins", "unloadable", "two modules of one name with different contents"),
        ("bombed module", "unloadable", "layers.py: compressed more than 200 to 1"),
    ])  # fmt: skip
    def test_says_why_nothing_can_be_graded(self, graded: Graded, name: str, status: str, why: str) -> None:
        (module,) = graded.records[name]["assignments"][0]["modules"]
        assert (module["status"], graded.records[name]["score"]) == (status, 0)
        assert why in module["message"]
        assert {part["message"] for part in module["parts"]} == {module["message"]}


class TestTheRun:
    def test_ends_well_and_knows_every_hand_in(self, graded: Graded, folder: Path) -> None:
        assert graded.said.status == 0, graded.said.err
        assert len(graded.records) == len(list(folder.iterdir())) == len(ROWS) + 10

    def test_leaves_the_correct_hand_in_its_full_marks(self, graded: Graded) -> None:
        assert graded.records["victim"]["score"] == WHOLE

    def test_gives_the_same_records_one_at_a_time_and_the_other_way_round(
        self, small: SmallGrader, graded: Graded, folder: Path
    ) -> None:
        again = _grade(small, folder.parent / "one", *sorted(folder.iterdir(), reverse=True), "--jobs", "1")
        assert list(again.records) != list(graded.records)
        for name, record in graded.records.items():
            assert json.dumps(without_durations(again.records[name])) == json.dumps(without_durations(record))
