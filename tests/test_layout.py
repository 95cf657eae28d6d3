"""The shape of the code: layers, sizes, and what may not be imported by the command line."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "blossom_data"
FILES = sorted(PACKAGE.rglob("*.py"))

# Lower never imports higher; names on one line may import each other.
LAYERS = [
    ["errors"],
    [
        "records",
        "asks",
        "prompts",
        "config",
        "counters",
        "bitmap",
        "toml_lines",
        "toml_file",
        "settings_types",
        "settings_file",
    ],
    ["pipelines", "shards", "rows", "ledger"],
    ["llm", "answers", "checks", "translation"],
    ["sources", "pull", "stages"],
    ["engine"],
    ["report", "publish", "mix", "train"],
    ["executors"],
    ["refresh"],
    ["doctor", "schemas"],
    ["demo"],
    ["cli"],
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
HEAVY = ("torch", "transformers", "datasets", "pyarrow", "ray", "duckdb", "gradio", "aiohttp", "openai", "pydantic")


def layer_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_lower_layers_never_import_higher_ones() -> None:
    wrong = [
        f"{file.relative_to(PACKAGE)} imports {module}"
        for file in FILES
        if layer_of(file) in RANK
        for module in imports(ast.parse(file.read_text()))
        if module.startswith("blossom_data.") and RANK[module.split(".")[1]] > RANK[layer_of(file)]
    ]
    assert not wrong


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_files_and_functions_stay_small() -> None:
    lengths = {file: len(file.read_text().splitlines()) for file in FILES if file.name != "__init__.py"}
    assert statistics.median(lengths.values()) <= 150
    assert {file.name: lines for file, lines in lengths.items() if lines > 400} == {}
    sizes = {
        f"{file.name}:{function.name}": (function.end_lineno or 0) - function.lineno + 1
        for file in FILES
        for function in functions(ast.parse(file.read_text()))
    }
    assert {name: lines for name, lines in sizes.items() if lines > 70} == {}
    assert statistics.quantiles(sizes.values(), n=10)[-1] <= 40


def test_every_module_says_what_it_is_for() -> None:
    assert [file.name for file in FILES if not ast.get_docstring(ast.parse(file.read_text()))] == []


@pytest.mark.parametrize(("arguments", "allowed"), [(["--help"], []), (["translate", "--help"], ["pydantic"])])
def test_help_imports_nothing_heavy(arguments: list[str], allowed: list[str]) -> None:
    script = (
        "import sys; from blossom_data.cli.app import main\n"
        f"try: main({arguments!r})\nexcept SystemExit: pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    # A command's own help may load what checks its settings; that of the whole program may not.
    assert set(ast.literal_eval(done.stdout.splitlines()[-1])) <= set(allowed)


def test_every_command_has_help_with_an_example() -> None:
    from blossom_data.cli.app import COMMANDS

    for name in COMMANDS:
        done = subprocess.run(
            [sys.executable, "-m", "blossom_data", name, "--help"], capture_output=True, text=True, check=True
        )
        assert f"Example: blossom-data {name}" in done.stdout
