"""The rules of the house that a machine can see: purpose lines, the order of the rooms, short functions, one README."""

from __future__ import annotations

import ast
import configparser
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

import pytest

from grader.release.stubs import solutions_of, stale_stubs, stub_path

ROOT = Path(__file__).resolve().parent.parent
HAND_INS = ("examples/class/", "tests/handins/")  # as students write: no house style there
SETTINGS = ("pyproject.toml", "tox.ini", "constraints.txt", ".gitignore", ".pre-commit-config.yaml")
FOLDERS = ("assignments", "benchmarks", "docs", "grader", "solutions", "tests")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def _sources() -> list[Path]:
    stubs = {stub_path(solution) for solution in solutions_of(ROOT)}
    found = (path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")))
    return [path for path in found if path not in stubs and not _name(path).startswith(HAND_INS)]


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


SOURCES = _sources()
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}


def _functions() -> Iterator[tuple[str, Function]]:
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield f"{_name(path)}:{node.lineno} {node.name}", node


def _length(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


class TestPurposeLines:
    @pytest.mark.parametrize("path", SOURCES, ids=_name)
    def test_a_source_file_begins_with_one_sentence_on_what_it_holds(self, path: Path) -> None:
        first = (ast.get_docstring(TREES[path]) or "").split("\n")[0]
        assert re.fullmatch(r"\S.*[.!?:]", first), f"{_name(path)} begins with {first!r}, not with a sentence"

    @pytest.mark.parametrize("name", SETTINGS)
    def test_a_settings_file_begins_with_a_comment_on_what_it_holds(self, name: str) -> None:
        assert re.match(r"# [A-Z].*\.\n", (ROOT / name).read_text(encoding="utf-8"))

    def test_the_ci_script_says_below_its_interpreter_what_it_does(self) -> None:
        assert re.match(r"#!.*\n# [A-Z].*\.\n", (ROOT / ".ci" / "run").read_text(encoding="utf-8"))


class TestLengths:
    def test_functions_are_short(self) -> None:
        lengths = [_length(function) for _, function in _functions()]
        assert median(lengths) < 10
        assert quantiles(lengths, n=10)[-1] < 30

    def test_no_function_is_longer_than_sixty_lines(self) -> None:
        assert [(name, _length(function)) for name, function in _functions() if _length(function) > 60] == []

    def test_no_file_but_a_lesson_or_a_table_reaches_five_hundred_lines(self) -> None:
        lines = {_name(path): path.read_text(encoding="utf-8").count("\n") for path in SOURCES}
        free = re.compile(r"solutions/|.*/mistakes\.py")
        assert [name for name, count in lines.items() if count >= 500 and not free.match(name)] == []

    def test_no_body_of_a_function_is_pasted(self) -> None:
        bodies: dict[str, list[str]] = defaultdict(list)
        for name, function in _functions():
            statements = function.body[1:] if ast.get_docstring(function) else function.body
            text = "\n".join(ast.unparse(statement) for statement in statements)
            if text.count("\n") >= 4:
                bodies[text].append(name)
        assert [names for names in bodies.values() if len(names) > 1] == []


class TestRooms:
    def test_the_import_contract_holds(self) -> None:
        command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr

    def test_every_folder_of_the_engine_is_a_package_that_the_contract_sees(self) -> None:
        folders = {path.parent for path in SOURCES if path.is_relative_to(ROOT / "grader")}
        engine = [folder for folder in sorted(folders) if not folder.is_relative_to(ROOT / "grader" / "suites")]
        assert [_name(folder) for folder in engine if not (folder / "__init__.py").is_file()] == []


class TestStubs:
    def test_every_stub_is_in_step_with_its_solution(self) -> None:
        assert stale_stubs(ROOT) == []


class TestCommands:
    """README, tox.ini and .ci/run name the same environments."""

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")

    @pytest.fixture
    def tox(self) -> configparser.ConfigParser:
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(ROOT / "tox.ini", encoding="utf-8")
        return parser

    @pytest.fixture
    def commands(self) -> list[str]:
        return re.findall(r"^python3 -m venv .*$", self.readme, flags=re.MULTILINE)

    def test_the_readme_shows_the_demo_then_the_tests(self, commands: list[str]) -> None:
        assert [re.sub(r".*bin/(?=tox)", "", command) for command in commands] == ["tox -e demo", "tox"]

    def test_each_command_makes_its_own_environment(self, commands: list[str]) -> None:
        set_up = "python3 -m venv .venv && .venv/bin/pip install -q 'tox>=4.30' && .venv/bin/"
        assert all(command.startswith(set_up) for command in commands)

    def test_the_readme_asks_for_the_tox_that_tox_ini_needs(self, tox: configparser.ConfigParser) -> None:
        assert f"'tox>={tox['tox']['min_version']}'" in self.readme

    def test_plain_tox_lints_then_tests(self, tox: configparser.ConfigParser) -> None:
        assert tox["tox"]["env_list"].replace(" ", "").split(",") == ["lint", "tests"]

    def test_every_environment_that_is_named_exists(self, tox: configparser.ConfigParser) -> None:
        contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
        named = set(re.findall(r"tox (?:run )?-e (\w+)", self.readme + self.ci + contributing))
        assert named <= {name.removeprefix("testenv:") for name in tox.sections()}
        assert {"demo", "lint", "proofs"} <= named

    def test_ci_takes_its_commands_from_the_readme(self) -> None:
        assert "grep '^python3 -m venv' README.md" in self.ci
        assert not re.search(r"(pip|pytest|tox) (install|run|-e)", re.sub(r"(echo|#) .*", "", self.ci))

    def test_ci_counts_the_records_where_the_demo_leaves_them(self, tox: configparser.ConfigParser) -> None:
        assert "-o results/demo" in tox["testenv:demo"]["commands"]
        assert "find results/demo" in self.ci
        assert "results/demo/index.html" in self.readme

    def test_borrowed_environments_install_nothing_of_their_own(self, tox: configparser.ConfigParser) -> None:
        assert tox["testenv"]["package"] == "skip"
        assert tox["testenv"]["deps"] == "tox"
        own = [name for name in tox.sections() if {"package", "deps", "commands_pre"} & set(tox[name])]
        assert own == ["testenv", "testenv:tests"]

    def test_pre_commit_runs_what_lint_runs(self, tox: configparser.ConfigParser) -> None:
        lint = tox["testenv:lint"]["commands"].replace("{work_dir}", ".tox").strip().split("\n")
        hooks = re.findall(r'entry: "?(.*?)"? }', (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
        assert hooks == lint


class TestDependencies:
    @pytest.fixture
    def project(self) -> dict[str, list[str]]:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        groups = {"run time": project["dependencies"], **project["optional-dependencies"]}
        return {group: [re.split(r"[ ;<>=!~\[]", line)[0] for line in lines] for group, lines in groups.items()}

    def test_each_has_its_reason_in_contributing(self, project: dict[str, list[str]]) -> None:
        table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## Dependencies")[1]
        named = set(re.findall(r"[\w-]+", table))
        assert [name for names in project.values() for name in names if name not in named] == []

    def test_each_that_the_tests_install_is_pinned(self, project: dict[str, list[str]]) -> None:
        pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").lower().replace("_", "-")
        wanted = [name for group in ("run time", "dev", "notebooks") for name in project[group]]
        assert [name for name in wanted if f"\n{name}==" not in pins] == []


class TestAssignmentPages:
    """The README of an assignment tells students what the rubric gives."""

    @pytest.mark.parametrize("path", sorted((ROOT / "grader" / "suites").glob("A*/rubric.toml")), ids=_name)
    def test_it_lists_every_part_with_its_title_and_points(self, path: Path) -> None:
        page = (ROOT / "assignments" / path.parent.name / "README.md").read_text(encoding="utf-8")
        modules = tomllib.loads(path.read_text(encoding="utf-8"))["modules"].values()
        parts = {name: part for module in modules for name, part in module["parts"].items()}
        expected = [f"| `{name}` | {part['title']} | {part['points']} |" for name, part in parts.items()]
        assert [line for line in page.splitlines() if re.match(r"\| `\w+` \|", line)] == expected
