"""The shape of the code: layers, sizes, and what may not be imported by the command line."""

from __future__ import annotations

import ast
import functools
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "blossom_data"
FILES = sorted(PACKAGE.rglob("*.py"))

# Lower never imports higher; what stands on one line may import each other, though never in a circle.
STAIRS = {
    "": """
        redaction
        errors
        languages
        object_store
        records asks prompts config counters bitmap in_order toml_lines toml_file settings_types settings_file
        shards outputs rows ledger pipelines
        llm answers review
        sources pull stages curate
        engine
        mix report publish evaluate synthesize
        train
        executors
        view
        refresh doctor demo schemas
        cli
    """,
    "llm": """
        policy reading decode reply_models access reply
        rate_limits money structured http dialect refusals
        client whereabouts call
        streaming
        channel
        pool
        batch engines
    """,
    "stages": """
        typed_reply model_family
        translate annotate
        verify_math judge judge_leak classify synthesize
        build
    """,
    "train": """
        template
        recipe
        data
        model
        parallel
        loop handoff
        preflight
        run launch
    """,
}
RIDDLES = {
    "room",
    "own",
    "pins",
    "books",
    "parts",
    "forms",
    "board",
    "glance",
    "draws",
    "bins",
    "utils",
    "helpers",
    "manager",
}
MOST_MODULES = 16
HEAVY = ("torch", "transformers", "datasets", "pyarrow", "ray", "duckdb", "gradio", "aiohttp", "openai", "pydantic")


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(file): file for file in FILES}


def imports(file: Path) -> Iterator[str]:
    """The modules of this package that `file` imports anywhere in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("blossom_data"):
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else str(node.module)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)


@functools.cache
def import_graph() -> dict[str, list[str]]:
    """What each module imports; read once, and only where these tests run."""
    return {module: sorted({*imports(file)} - {module}) for module, file in MODULES.items()}


def inside(room: str) -> dict[str, set[str]]:
    """What lies in the folder `room` (dotted, "" the package itself), with what else of it each thing imports."""
    prefix = f"blossom_data.{room}." if room else "blossom_data."
    found: dict[str, set[str]] = {}
    for module, imported in import_graph().items():
        if module.startswith(prefix):
            one = module.removeprefix(prefix).split(".")[0]
            others = {name.removeprefix(prefix).split(".")[0] for name in imported if name.startswith(prefix)}
            found.setdefault(one, set()).update(others - {one})
    return found


@pytest.mark.parametrize("room", STAIRS)
def test_lower_layers_never_import_higher_ones(room: str) -> None:
    rank = {name: step for step, names in enumerate(STAIRS[room].strip().splitlines()) for name in names.split()}
    found = inside(room)
    assert found.keys() - {"__init__", "__main__"} <= rank.keys()
    wrong = [
        f"{one} imports {other}"
        for one, others in found.items()
        for other in others
        if rank.get(other, 0) > rank.get(one, len(rank))
    ]
    assert wrong == []


def circle(graph: Mapping[str, Iterable[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as found:
        return list(found.args[1])
    return []


def test_no_two_files_and_no_two_folders_of_a_level_import_each_other() -> None:
    assert circle(import_graph()) == []
    folders = {str(file.parent.relative_to(PACKAGE)).replace("/", ".").removeprefix(".") for file in FILES}
    assert {room: found for room in folders if (found := circle(inside(room)))} == {}


def test_folders_stay_small_and_names_are_no_riddles() -> None:
    modules = Counter(file.parent.relative_to(PACKAGE) for file in FILES if file.name != "__init__.py")
    assert {str(folder): count for folder, count in modules.items() if count > MOST_MODULES} == {}
    assert {str(file) for file in FILES if {file.stem, file.parent.name} & RIDDLES} == set()


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


def error_names() -> set[str]:
    """BlossomError, all that is derived from it, and nothing that says by itself what to do."""
    classes = [
        node for file in FILES for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ClassDef)
    ]
    names = {"BlossomError"}
    for _ in range(4):
        names |= {each.name for each in classes if {ast.unparse(base) for base in each.bases} & names}
    return names - {"Interrupted", "RecordRefused"}


def has_hint(call: ast.Call) -> bool:
    hints = [word.value for word in call.keywords if word.arg == "hint"]
    return bool(hints) and not (isinstance(hints[0], ast.Constant) and not hints[0].value)


def test_every_error_says_what_to_do() -> None:
    names = error_names()
    silent = [
        f"{file.relative_to(PACKAGE)}:{call.lineno}"
        for file in FILES
        for call in ast.walk(ast.parse(file.read_text()))
        if isinstance(call, ast.Call) and ast.unparse(call.func) in names and not has_hint(call)
    ]
    assert silent == []


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
