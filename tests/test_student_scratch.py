"""Removing a worker's scratch folder, whatever a hand-in has left in it."""

from __future__ import annotations

import os
from typing import Any

from grader.student.scratch import remove_tree


class TestRemovingAScratchFolder:
    def test_takes_files_folders_and_links_but_not_what_links_point_at(self, tmp_path: Any) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "kept").write_text("x")
        folder = tmp_path / "scratch"
        (folder / "a" / "b").mkdir(parents=True)
        (folder / "a" / "file").write_text("x")
        (folder / "link").symlink_to(outside)
        (folder / "a" / "link").symlink_to(outside, target_is_directory=True)
        (folder / "a").chmod(0)
        remove_tree(str(folder))
        assert not folder.exists()
        assert (outside / "kept").read_text() == "x"

    def test_takes_folders_nested_deeper_than_paths_and_calls_go(self, tmp_path: Any) -> None:
        folder = tmp_path / "scratch"
        folder.mkdir()
        at = os.open(folder, os.O_RDONLY)
        for _ in range(400):  # of 40 letters each
            os.mkdir("deep" * 10, dir_fd=at)
            inner = os.open("deep" * 10, os.O_RDONLY, dir_fd=at)
            os.close(at)
            at = inner
        os.close(at)
        remove_tree(str(folder))
        assert not folder.exists()

    def test_takes_folders_side_by_side(self, tmp_path: Any) -> None:
        folder = tmp_path / "scratch"
        for name in ("a/b/c", "a/d", "e", "f/g/h/i", "f/j"):
            (folder / name).mkdir(parents=True)
            (folder / name / "file").write_text("x")
        remove_tree(str(folder))
        assert not folder.exists()

    def test_of_a_folder_that_is_gone_does_nothing(self, tmp_path: Any) -> None:
        remove_tree(str(tmp_path / "nowhere"))
