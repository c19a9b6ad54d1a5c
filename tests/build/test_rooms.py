"""Rules of the house that no linter knows: sizes, and where an environment variable may be read."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.build.places import BUILD_BACKEND, ROOMS, ROOT, python_files

MAX_FILE_LINES = 350
MAX_FUNCTION_LINES = 60

OURS = python_files(*ROOMS.values(), BUILD_BACKEND)
WITHOUT_ENVIRONMENT = python_files(ROOMS["placet_attestations"], ROOMS["placet_engine"])


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


@pytest.mark.parametrize("path", OURS, ids=name_of)
def test_a_file_has_one_job_and_its_functions_fit_a_screen(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= MAX_FILE_LINES
    functions = (n for n in ast.walk(tree(path)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    lines = {node.name: (node.end_lineno or node.lineno) - node.lineno + 1 for node in functions}
    assert {name: count for name, count in lines.items() if count > MAX_FUNCTION_LINES} == {}


@pytest.mark.parametrize("path", WITHOUT_ENVIRONMENT, ids=name_of)
def test_only_the_doors_read_environment_variables(path: Path) -> None:
    assert sorted(environment_reads(tree(path))) == []


def environment_reads(module: ast.Module) -> set[str]:
    """The names by which a module reaches the process's environment."""
    names = {"environ", "environb", "getenv", "getenvb", "putenv", "expandvars"}
    found = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and node.attr in names:
            found.add(f"line {node.lineno}: .{node.attr}")
        if isinstance(node, ast.ImportFrom) and node.module in {"os", "os.path"}:
            found |= {f"line {node.lineno}: {alias.name}" for alias in node.names if alias.name in names}
    return found


@pytest.mark.parametrize(
    "text", ["import os\nos.environ['X']", "from os import getenv", "import os as o\no.getenv('X')"]
)
def test_the_rule_sees_each_way_to_the_environment(text: str) -> None:
    assert environment_reads(ast.parse(text))
