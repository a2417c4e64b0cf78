"""What every worker may read, and when the trial of this machine says no."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from grader import confine
from grader.confine import locking, paths, syscalls, trials
from grader.errors import SandboxError

IS_X86 = platform.machine() == "x86_64"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Landlock and seccomp are Linux's")


@pytest.fixture(scope="module")
def prepared() -> confine.Prepared:
    return confine.prepare()


class TestPaths:
    def test_base_paths_exist_are_resolved_and_lie_apart(self) -> None:
        found = [Path(path) for path in confine.base_paths()]
        assert all(path.exists() and path == path.resolve() for path in found)
        assert not [path for path in found if set(path.parents) & set(found)]
        assert not [path for path in found if path.is_relative_to("/proc") or path in (Path("/"), Path("/usr"))]

    def test_the_library_and_the_packages_lie_in_them(self) -> None:
        for module in (os, torch, pytest):
            assert paths.overlap(confine.base_paths(), [str(module.__file__)])

    def test_a_course_under_a_readable_folder_is_found_through_its_link(self, tmp_path: Path) -> None:
        (tmp_path / "readable" / "course").mkdir(parents=True)
        (tmp_path / "course").symlink_to(tmp_path / "readable" / "course")
        found = confine.overlap([tmp_path / "readable"], [tmp_path / "other", tmp_path / "course"])
        assert found == (tmp_path / "readable" / "course", tmp_path / "readable")

    def test_folders_that_only_begin_alike_lie_apart(self, tmp_path: Path) -> None:
        assert confine.overlap([tmp_path / "hand"], [tmp_path / "handin", tmp_path]) is None

    def test_the_refusal_names_both_paths_and_a_way_out(self, tmp_path: Path) -> None:
        with pytest.raises(SandboxError) as raised:
            confine.refuse_readable([tmp_path], [tmp_path / "results"])
        assert str(raised.value) == (
            f"{tmp_path / 'results'} could be read by every hand-in\n"
            f"  in        {tmp_path}, which a worker must be able to read\n"
            "  expected  the course, the results and other hand-ins outside what a worker reads\n"
            "  way out   move it elsewhere "
            "(the kernel can open a folder to a worker, but can't close a part of it again)"
        )


class TestTrial:
    def test_every_promise_is_kept_here(self, tmp_path: Path) -> None:
        (tmp_path / "rubric.toml").write_text("")
        assert confine.doctor_facts([tmp_path / "rubric.toml"]) == dict.fromkeys(confine.PROMISES.values(), True)
        assert confine.modes() == ("landlock+seccomp", "none")

    def test_auto_is_the_strongest_mode_that_holds(self, tmp_path: Path) -> None:
        assert confine.choose("auto", [tmp_path, tmp_path / "results to come"]) == "landlock+seccomp"

    def test_none_is_given_without_a_trial(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(trials, "_prepared", lambda: pytest.fail("tried"))
        assert confine.choose("none", [Path(os.__file__)]) == "none"

    def test_a_course_among_the_libraries_is_refused(self) -> None:
        with pytest.raises(SandboxError, match="could be read by every hand-in"):
            confine.choose("auto", [Path(os.__file__)])

    def test_a_course_that_a_locked_process_opens_breaks_its_promise(self, prepared: confine.Prepared) -> None:
        held = confine.trial(prepared, [Path(os.__file__)])
        assert [name for name, kept in held.items() if not kept] == ["course"]

    def test_without_the_filter_only_the_promises_of_files_are_kept(
        self, prepared: confine.Prepared, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(syscalls, "load", lambda _: None)
        held = confine.trial(prepared)
        assert {name for name in ("course", "reads", "writes", "memory_limit", "scratch") if held[name]} == {
            *("course", "reads", "writes", "memory_limit", "scratch")
        }
        unkept = ("files", "network", "processes", "tracing", "limits", "lock", "memory", "foreign")
        assert not [name for name in unkept if held[name] and (IS_X86 or name != "foreign")]

    def test_without_landlock_files_are_open_and_calls_refused(
        self, prepared: confine.Prepared, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def no_landlock(prepared: confine.Prepared, cage: confine.Cage) -> None:
            ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)

        monkeypatch.setattr(locking, "_restrict_paths", no_landlock)
        held = confine.trial(prepared)
        assert {name for name, kept in held.items() if not kept} == {"reads", "writes"}

    def test_the_refusal_says_what_is_not_kept_and_what_the_way_out_costs(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kept = dict.fromkeys(confine.PROMISES, True) | {"reads": False, "writes": False}
        monkeypatch.setattr(trials, "_examine", lambda prepared, forbidden: (kept, ""))
        with pytest.raises(SandboxError) as raised:
            confine.choose("auto")
        text = str(raised.value)
        assert "not kept here: no hand-in opens any other file of this machine; no hand-in changes a file" in text
        assert "--sandbox none, for hand-ins you trust: the result will say so" in text

    def test_a_kernel_that_refuses_the_lock_is_quoted(
        self, prepared: confine.Prepared, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: Any) -> None:
            raise SandboxError("Landlock refused: confine failed", place="Landlock ABI 3")

        monkeypatch.setattr(locking, "_restrict_paths", refuse)
        with pytest.raises(SandboxError, match=r"on this machine: .*Landlock refused: confine failed"):
            confine.choose("auto")
        assert confine.modes() == ("none",)
