"""The pages for people: what they link to is there, the commands they name exist, both languages say the same."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from pages import ROOT, all_pages, anchors, command_lines, sections

from blossom_data.cli.app import PANELS, app

BOTH = {
    "README.md": "README.zh-CN.md",
    **{f"docs/{name}.md": f"docs/zh/{name}.md" for name in ("README", "install", "first-run", "cost", "training")},
    "docs/pipelines.md": "docs/zh/pipelines.md",
    "docs/view.md": "docs/zh/view.md",
    "docs/synthesize.md": "docs/zh/synthesize.md",
    "docs/evaluate.md": "docs/zh/evaluate.md",
    "docs/look.md": "docs/zh/look.md",
}
"""A page, and the same page in Chinese."""
_PLACEHOLDER = re.compile(r"[A-Z][A-Z0-9_./:=-]*|\.\.\.|…")
FOLDERS = ("blossom_data", "tests", "benchmarks", "docs", "tools", "prompts", "pipelines", "recipes")
_OUR_FILE = re.compile(rf"(?:{'|'.join(FOLDERS)})/[\w./-]*|[\w/-]+\.py")
OF_OTHERS = ("trl_sft.py", "convert_hf_to_gguf.py")
"""Programs that are written for, or come from, somebody else."""
each_page = pytest.mark.parametrize("page", all_pages(), ids=lambda page: str(page.relative_to(ROOT)))


@each_page
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for link in (link for section in sections(page) for link in section.links):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), f"{link}: no such file"
        assert not anchor or anchor in anchors(target), f"{link}: no such heading"


@each_page
def test_every_command_that_is_named_exists(page: Path) -> None:
    for line, is_whole in command_lines(page):
        try:
            check_command(line, is_whole=is_whole)
        except Exception as why:
            pytest.fail(f"{line}: {why}")


def check_command(line: str, *, is_whole: bool) -> None:
    """Parses a command line as the program would; `is_whole`: what it requires must be there, and its values valid."""
    words = shlex.split(line)[1:]
    command: Any = app
    context = app.make_context("blossom-data", ["--help"], resilient_parsing=True)
    while words and hasattr(command, "resolve_command"):
        if words[0].startswith("-") or _PLACEHOLDER.fullmatch(words[0]):
            break
        assert words[0] in command.commands, f"no such command: {words[0]}"
        _, command, words = command.resolve_command(context, words)
        context = type(context)(command, parent=context)
    words = [word for word in words if word not in ("...", "…")]
    given, _, _ = command.make_parser(context).parse_args(args=words)
    if not is_whole:
        return
    for option in command.params:
        value = given.get(option.name)
        assert value is not None or not option.required, f"{option.opts[-1]} is missing"
        if isinstance(value, str) and not _PLACEHOLDER.fullmatch(value) and not is_path(option):
            option.process_value(context, value)


def is_path(option: Any) -> bool:
    """Whether a parameter is a file or folder, which a page's example need not have."""
    return "Path" in str(option.type_descriptor.annotation)


def test_the_table_of_commands_is_that_of_the_help() -> None:
    table = (ROOT / "docs/cli.md").read_text(encoding="utf-8").partition("| panel | commands |")[2].partition("\n\n")[0]
    told = {row.split("|")[1].strip(): row.split("|")[2] for row in table.splitlines()[2:]}
    assert list(told) == [panel.title for panel in PANELS]
    for panel in PANELS:
        words = {name.split()[0] for name in re.findall("`([^`]+)`", told[panel.title])}
        assert set(panel.commands) <= words, panel.title


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in all_pages():
        for section in sections(page):
            named = [*section.commands, *section.spans]
            for target in (word for line in named for word in re.findall(r"^make ([a-z-]+)", line)):
                assert target in targets, f"{page.relative_to(ROOT)}: make {target}"


def test_every_page_is_in_the_index() -> None:
    for folder in (ROOT / "docs", ROOT / "docs/zh"):
        index = folder / "README.md"
        listed = {(folder / link).resolve() for section in sections(index) for link in section.links}
        for page in folder.glob("*.md"):
            assert page == index or page in listed, f"{page.name} is not in {index.relative_to(ROOT)}"
        assert (ROOT / "docs/decisions") in listed


def test_the_front_door_is_short() -> None:
    for name in ("README.md", "README.zh-CN.md"):
        assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) <= 200, name


@pytest.mark.parametrize(("english", "chinese"), BOTH.items())
def test_both_languages_say_the_same(english: str, chinese: str) -> None:
    """Headings one for one; under each the same commands and names in code, as many rows, links to the same pages."""
    ours, theirs = sections(ROOT / english), sections(ROOT / chinese)
    assert [section.level for section in ours] == [section.level for section in theirs]
    for one, other in zip(ours, theirs, strict=True):
        where = f"{chinese}: {other.heading}"
        assert other.commands == one.commands, where
        assert other.spans == one.spans, where
        assert other.rows == one.rows, where
        assert page_names(other.links) == page_names(one.links), where


def page_names(links: list[str]) -> set[str]:
    """What is linked to, whatever its language."""
    return {Path(link.partition("#")[0]).name.replace(".zh-CN", "") if "://" not in link else link for link in links}


def test_all_chinese_pages_have_their_counterpart() -> None:
    assert {f"docs/zh/{page.name}" for page in (ROOT / "docs/zh").glob("*.md")} <= set(BOTH.values())


def test_every_file_of_ours_that_is_named_exists() -> None:
    """But for decisions, which tell of what has been."""
    suffixes = {f"/{'/'.join(file.parts[depth:])}" for file in our_files() for depth in range(len(file.parts))}
    for page in all_pages():
        if page.parent.name == "decisions":
            continue
        for section in sections(page):
            for span in section.spans:
                is_ours = _OUR_FILE.fullmatch(span) and not re.search("NAME|NNN", span) and span not in OF_OTHERS
                assert not is_ours or f"/{span.rstrip('/')}" in suffixes, f"{page.relative_to(ROOT)}: {span}"


def our_files() -> list[Path]:
    """Files and folders of the checkout, relative to it."""
    tops = [ROOT / name for name in FOLDERS]
    found = [*ROOT.glob("*"), *(path for top in tops for path in top.rglob("*"))]
    return [path.relative_to(ROOT) for path in found if "__pycache__" not in path.parts]
