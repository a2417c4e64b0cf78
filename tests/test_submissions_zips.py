"""Hand-ins that are zips: what is taken out of them, and what is not."""

from __future__ import annotations

import shutil
import warnings
import zipfile
from functools import partial
from pathlib import Path

import pytest

from grader.submissions import find
from tests.handins import (
    HELPERS,
    LINEAR,
    MODULES,
    TWO_LAYER,
    Files,
    Taker,
    copied,
    find_one,
    zip_of,
)


@pytest.fixture
def taking(tmp_path: Path) -> Taker:
    return partial(find_one, tmp_path / "workspace")


def member(name: str, *, mode: int = 0o100644, method: int = zipfile.ZIP_DEFLATED) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3  # Unix, which has modes
    info.external_attr = mode << 16
    info.compress_type = method
    return info


class TestZips:
    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("../two_layer_net.py", "a name that leads out of the hand-in"),
            ("A2/../../two_layer_net.py", "a name that leads out of the hand-in"),
            ("/two_layer_net.py", "an absolute name"),
            ("A2\\two_layer_net.py", "a backslash in its name"),
            ("C:two_layer_net.py", "a drive in its name"),
            ("a\nb/two_layer_net.py", "control characters in its name"),
            ("a/" * 21 + "two_layer_net.py", "more than 20 folders deep"),
        ],
    )
    def test_a_name_that_could_lead_elsewhere_is_left_out(
        self, taking: Taker, tmp_path: Path, name: str, reason: str
    ) -> None:
        handin = taking(zip_of(tmp_path / "ada.zip", {"linear_classifier.py": LINEAR, name: TWO_LAYER}))
        assert copied(handin) == ["linear_classifier.py"]
        assert len(handin.left_out) == 1
        assert handin.left_out[0].endswith(reason)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["ada.zip", "workspace"]

    @pytest.mark.parametrize(("mode", "reason"), [(0o120777, "a symbolic link"), (0o010644, "not a plain file")])
    def test_links_and_pipes_are_left_out(self, taking: Taker, tmp_path: Path, mode: int, reason: str) -> None:
        pairs = [(member("linear_classifier.py"), LINEAR), (member("two_layer_net.py", mode=mode), "/etc/passwd")]
        handin = taking(zip_of(tmp_path / "ada.zip", pairs))
        assert copied(handin) == ["linear_classifier.py"]
        assert handin.sources["two_layer_net"].problem.startswith(f"two_layer_net.py: {reason}")

    def test_a_bomb_is_left_out_and_the_rest_is_taken(self, taking: Taker, tmp_path: Path) -> None:
        files: Files = {"linear_classifier.py": LINEAR, "two_layer_net.py": b"0" * 4_000_000}
        handin = taking(zip_of(tmp_path / "ada.zip", files))
        assert handin.sources["two_layer_net"].problem == "two_layer_net.py: compressed more than 200 to 1"
        assert copied(handin) == ["linear_classifier.py"]

    def test_members_that_share_their_bytes_are_left_out(self, taking: Taker, tmp_path: Path) -> None:
        path = zip_of(tmp_path / "ada.zip", {"linear_classifier.py": LINEAR, "aaaaaaaa_1.txt": "x" * 99, "b.txt": ""})
        data = path.read_bytes()
        second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
        first_offset = data[data.index(b"PK\x01\x02") + 42 :][:4]
        path.write_bytes(data[: second + 42] + first_offset + data[second + 46 :])
        handin = taking(path)
        assert copied(handin) == ["b.txt"]
        assert "belongs to another file too" in handin.sources["linear_classifier"].problem

    def test_one_name_twice_with_different_contents_is_a_problem(self, taking: Taker, tmp_path: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the standard library's own remark on writing such a zip
            path = zip_of(tmp_path / "ada.zip", [("linear_classifier.py", LINEAR), ("linear_classifier.py", "x = 1")])
        assert "two modules of one name" in taking(path).sources["linear_classifier"].problem

    def test_one_name_twice_with_the_same_contents_is_one(self, taking: Taker, tmp_path: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            path = zip_of(tmp_path / "ada.zip", [("linear_classifier.py", LINEAR)] * 2)
        handin = taking(path)
        assert (handin.sources["linear_classifier"].text, handin.left_out) == (LINEAR, [])

    def test_a_file_in_the_place_of_a_folder_is_left_out(self, taking: Taker, tmp_path: Path) -> None:
        handin = taking(zip_of(tmp_path / "ada.zip", {"knn.py": "", "knn.py/two_layer_net.py": TWO_LAYER}))
        assert copied(handin) == ["knn.py"]
        assert handin.sources["two_layer_net"].problem.startswith("knn.py/two_layer_net.py: can't be read: ")

    def test_a_zip_inside_is_not_opened(self, taking: Taker, tmp_path: Path) -> None:
        inner = zip_of(tmp_path / "inner.zip", {"two_layer_net.py": TWO_LAYER}).read_bytes()
        files: Files = {"linear_classifier.py": LINEAR, "more.zip": inner}
        handin = taking(zip_of(tmp_path / "ada.zip", files))
        assert handin.left_out == ["more.zip: a zip inside the hand-in is not opened"]

    def test_another_method_of_compression_is_left_out(self, taking: Taker, tmp_path: Path) -> None:
        pairs = [(member("linear_classifier.py", method=zipfile.ZIP_LZMA), LINEAR)]
        problem = taking(zip_of(tmp_path / "ada.zip", pairs)).sources["linear_classifier"].problem
        assert "by a method other than deflate" in problem

    def test_an_encrypted_zip_says_so(self, taking: Taker, tmp_path: Path) -> None:
        path = zip_of(tmp_path / "ada.zip", {"linear_classifier.py": LINEAR})
        data = bytearray(path.read_bytes())
        data[6] |= 1  # the flag in the member's own header, and in the directory
        data[data.index(b"PK\x01\x02") + 8] |= 1
        path.write_bytes(data)
        problem = taking(path).sources["linear_classifier"].problem
        assert problem == "linear_classifier.py: encrypted: zip it without a password"

    def test_a_damaged_member_is_left_out(self, taking: Taker, tmp_path: Path) -> None:
        pairs = [
            (member("linear_classifier.py", method=zipfile.ZIP_STORED), LINEAR),
            (member("two_layer_net.py"), TWO_LAYER),
        ]
        path = zip_of(tmp_path / "ada.zip", pairs)
        path.write_bytes(path.read_bytes().replace(b"reg", b"rug"))
        handin = taking(path)
        assert copied(handin) == ["two_layer_net.py"]
        assert "Bad CRC-32" in handin.sources["linear_classifier"].problem

    @pytest.mark.parametrize("cut", [slice(0), slice(40), slice(0, -30), slice(30, None)])
    def test_a_broken_zip_says_so(self, taking: Taker, tmp_path: Path, cut: slice) -> None:
        path = zip_of(tmp_path / "ada.zip", {"linear_classifier.py": LINEAR})
        path.write_bytes(path.read_bytes()[cut])
        handin = taking(path)
        assert handin.sources == {} or handin.sources["linear_classifier"].problem
        assert handin.problem.endswith("make it again") or "can't be read" in handin.left_out[0]

    def test_any_one_byte_changed_ends_in_a_hand_in_all_the_same(self, tmp_path: Path) -> None:
        path = zip_of(tmp_path / "ada.zip", {"A2/linear_classifier.py": LINEAR})
        data = path.read_bytes()
        for at in range(len(data)):
            path.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
            (handin,) = find([path], MODULES, tmp_path / "w", HELPERS)
            assert handin.name == "ada"
            shutil.rmtree(tmp_path / "w")

    def test_a_zip64_directory_is_not_read(self, taking: Taker, tmp_path: Path) -> None:
        path = zip_of(tmp_path / "ada.zip", {"linear_classifier.py": LINEAR})
        data = path.read_bytes()
        path.write_bytes(data[:-22] + b"PK\x06\x07" + bytes(16) + data[-22:])
        assert "zip64" in taking(path).problem
