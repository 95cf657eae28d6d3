"""Every page in a real browser: filters, search, paging, marks, versions and chat, by pointer and by keyboard alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hostile_texts import TEXTS
from loopback import Fault, Loopback, LoopbackRequest
from view_server import ViewServer, rejected, talk, write_set

WIDTHS = (375, 1440)
SCRIPTS = (
    "<script>alert(1)</script>",
    '"><img src=http://127.0.0.1:9/x onerror=alert(1)>',
    "javascript:alert(1)",
    "<svg/onload=alert(1)>",
    "</textarea><iframe src='http://127.0.0.1:9/'></iframe>",
    "{{7*7}}<style>@import 'http://127.0.0.1:9/';</style>",
    '<a hx-get="http://127.0.0.1:9/" hx-trigger="load" hx-on::load="alert(1)">x</a>',
    "<meta http-equiv=refresh content='0;url=http://127.0.0.1:9/'>",
)


def write_sets(folder: Path) -> None:
    kept = [talk(number, lang="zh" if number % 2 else "en", tags=[f"judge:{number % 10}"]) for number in range(130)]
    kept[7]["messages"].append({"role": "user", "content": "Use `ls -l` on {{host}} and <b>bold</b>."})
    kept[7]["messages"].append({"role": "assistant", "content": "Here.", "reasoning_content": "a hidden thought"})
    write_set(folder / "set", kept, [rejected(talk(200), "translate", "speech_act")])
    write_set(folder / "next", [*kept[1:5], talk(6, answer="It is twelve."), *kept[7:]])


@pytest.fixture(scope="module")
def model() -> Iterator[Loopback]:
    def respond(request: LoopbackRequest) -> Fault | str:
        if "plain" in request.text:
            return "an answer in one piece"
        parts = ["You", " said: ", request.text, " <b>", request.body["model"], "</b>"]
        events = [{"choices": [{"delta": {"reasoning_content": "a thought"}}]}]
        events += [{"choices": [{"delta": {"content": part}}]} for part in parts]
        body = b"".join(b"data: " + orjson.dumps(event) + b"\n\n" for event in events) + b"data: [DONE]\n\n"
        return Fault(headers={"Content-Type": "text/event-stream"}, body=body)

    with Loopback(respond) as server:
        yield server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, model: Loopback) -> Iterator[ViewServer]:
    folder = tmp_path_factory.mktemp("browser")
    write_sets(folder)
    chats = ("--chat", "one", "--chat", "two", "--base-url", model.base_url)
    with ViewServer("set", "next", *chats, cwd=folder) as started:
        yield started


PAGES = ("/", "/s/0", "/s/0?lang=zh&q=%E7%AD%89%E4%BA%8E", "/s/0/r/7", "/s/0/r/130", "/s/0/marks", "/compare", "/chat")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_can_be_read_by_everybody(server: ViewServer, open_page: Any, width: int, scheme: str) -> None:
    opened = open_page(server, viewport={"width": width, "height": 800}, color_scheme=scheme)
    for address in PAGES:
        opened.page.goto(server.base + address)
        assert opened.find_barriers() == [], address
        assert not opened.is_too_wide(), address


def test_every_page_prints_without_its_controls(server: ViewServer, open_page: Any) -> None:
    opened = open_page(server)
    for address in PAGES[1:5]:
        opened.page.goto(server.base + address)
        opened.page.emulate_media(media="print")
        assert opened.page.locator("main h1").is_visible()
        for selector in (".top", ".pages", "button"):
            assert opened.page.locator(f"{selector}:visible").count() == 0, (address, selector)
        assert opened.page.pdf()
        opened.page.emulate_media(media="screen")


def test_filters_search_and_paging_stand_in_the_address(server: ViewServer, open_page: Any) -> None:
    from playwright.sync_api import expect

    page = open_page(server, "/s/0").page
    page.locator("input[name=lang][value=zh]").check()
    page.wait_for_url("**/s/0?lang=zh")
    summary = page.locator(".summary")
    expect(summary).to_have_text("65 of 131 rows")
    assert page.locator("input[name=lang][value=zh]").is_checked()
    page.get_by_role("link", name="Next", exact=True).click()
    page.wait_for_url("**at=*")
    expect(page.locator(".rows .num").first).to_have_text("102")
    # A further filter begins at the first row.
    page.locator("input[name=score][value='3']").check()
    page.wait_for_url(lambda address: "score=3" in address and "at=" not in address)
    expect(page.locator(".rows > li")).to_have_count(13)
    page.go_back()
    page.wait_for_url("**at=*")
    expect(page.locator(".rows .num").first).to_have_text("102")
    page.goto(server.base + "/s/0")
    page.get_by_label("Search in texts and ids").fill("加 12")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=*")
    expect(summary).to_contain_text("found")
    page.get_by_label("Search in texts and ids").fill("加 9")
    page.get_by_role("button", name="Search").click()
    page.wait_for_url(lambda address: "9" in address.partition("q=")[2])
    numbers = ["10", "92", "94", "96", "98", "100"]
    expect(page.locator(".rows .num")).to_have_text(numbers)
    assert page.reload().status == 200
    expect(page.locator(".rows .num")).to_have_text(numbers)
    page.locator(".rows a").nth(1).click()
    page.wait_for_url("**/r/91*")
    page.get_by_role("link", name="Back to the list").click()
    page.wait_for_url("**/s/0?*")
    expect(page.locator(".rows .num").first).to_have_text("92")


def arrive(page: Any, address: Any) -> None:
    """Waits for an address, and until what stands there has taken the place of what stood before."""
    from playwright.sync_api import expect

    page.wait_for_url(address)
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling, .htmx-added")).to_have_count(0)


def tab_to(page: Any, wanted: str, most: int = 120) -> None:
    """Presses Tab until what has the focus is `wanted`, a selector."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("wanted => document.activeElement.matches(wanted)", wanted):
            return
    raise AssertionError(f"{wanted} is not reached by Tab")


def test_a_record_is_found_and_marked_by_keyboard_alone(tmp_path: Path, open_page: Any) -> None:
    from playwright.sync_api import expect

    write_sets(tmp_path)
    with ViewServer("set", cwd=tmp_path) as server:
        page = open_page(server).page
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        tab_to(page, "input[name=lang][value=zh]")
        page.keyboard.press("Space")
        arrive(page, "**lang=zh")
        expect(page.locator("input[name=lang][value=zh]")).to_be_focused()
        page.keyboard.press("n")
        arrive(page, "**at=*")
        page.keyboard.press("p")
        arrive(page, lambda address: "at=" not in address)
        page.keyboard.press("/")
        page.keyboard.type("加 5")
        page.keyboard.press("Enter")
        arrive(page, "**q=*")
        tab_to(page, "a.row")
        page.keyboard.press("Enter")
        arrive(page, "**/r/5*")
        page.keyboard.press("d")
        page.wait_for_selector(".mark-drop")
        page.keyboard.press("n")
        arrive(page, "**/r/7*")
        page.keyboard.press("k")
        page.wait_for_selector(".mark-keep")
        page.keyboard.press("n")
        arrive(page, "**/r/9*")
        page.keyboard.press("e")
        expect(page.locator("#text-0")).to_be_focused()
        page.keyboard.press("Control+a")
        page.keyboard.type("Nine and nine?")
        tab_to(page, "button[value=fix]")
        page.keyboard.press("Enter")
        page.wait_for_selector(".mark-fix")
        lines = [json.loads(line) for line in (tmp_path / "set.review.jsonl").read_text().splitlines()]
        assert [(line["mark"], int(line["id"], 16)) for line in lines] == [("drop", 5), ("keep", 7), ("fix", 9)]
        assert lines[2]["texts"] == ["Nine and nine?", "It is 18."]
        page.goto(server.base + "/s/0?mark=drop")
        assert page.locator(".rows .num").all_inner_texts() == ["6"]


def test_marks_are_made_with_a_note_and_taken_back(tmp_path: Path, open_page: Any) -> None:
    write_sets(tmp_path)
    with ViewServer("set", cwd=tmp_path) as server:
        page = open_page(server, "/s/0/r/3").page
        page.locator("#note").fill("wrong sign")
        page.get_by_role("button", name="Drop").click()
        page.wait_for_selector(".mark-drop")
        assert page.locator("#note").input_value() == "wrong sign"
        page.get_by_role("link", name="Marks").click()
        page.wait_for_url("**/marks")
        assert "wrong sign" in page.locator(".rows").inner_text()
        with page.expect_download() as saved:
            page.get_by_role("link", name="Save as a file").click()
        assert saved.value.suggested_filename == "set.review.jsonl"
        page.locator("a.row").click()
        page.get_by_role("button", name="Take the mark back").click()
        page.wait_for_selector(".mark-drop", state="detached")


def test_thinking_is_folded_and_what_is_protected_is_marked(server: ViewServer, open_page: Any) -> None:
    page = open_page(server, "/s/0/r/7").page
    thought = page.get_by_text("a hidden thought")
    assert not thought.is_visible()
    page.locator(".turn summary").first.click()
    assert thought.is_visible()
    assert page.locator("mark.mask").all_inner_texts()[:2] == ["`ls -l`", "{{host}}"]
    assert page.locator("b").count() == 0
    assert "<b>bold</b>" in page.locator("main").inner_text()


def test_versions_stand_side_by_side(server: ViewServer, open_page: Any) -> None:
    page = open_page(server, "/compare").page
    assert re.findall(r"[\d,]+", page.locator("nav[aria-label='Kinds of difference']").inner_text()) == [
        "1", "0", "2", "127",
    ]  # fmt: skip
    page.locator("a.row").first.click()
    page.wait_for_url("**/compare/*/*")
    assert page.locator(".turn del").inner_text() == "12"
    assert page.locator(".turn ins").inner_text() == "twelve"


@pytest.mark.parametrize("width", WIDTHS)
def test_two_models_answer_side_by_side(server: ViewServer, open_page: Any, width: int) -> None:
    opened = open_page(server, "/chat", viewport={"width": width, "height": 800})
    page = opened.page
    page.locator("[name=system]").fill("Be brief.")
    page.get_by_label("Your question").fill("hello <i>you</i>")
    page.keyboard.press("Control+Enter")
    for model in ("one", "two"):
        section = page.locator(f".model[aria-label={model}]")
        section.get_by_text(f"You said: hello <i>you</i> <b>{model}</b>").wait_for()
        assert section.locator("i, b").count() == 0
        assert section.locator("details.thinking").count() == 1
    page.get_by_label("Your question").fill("plain")
    page.get_by_role("button", name="Send").click()
    page.get_by_text("an answer in one piece").nth(1).wait_for()
    first = page.locator(".model").first
    first.get_by_role("button", name="Show what the model is given").click()
    first.locator("pre.template:visible").wait_for()
    assert '"content": "Be brief."' in first.locator("pre.template").inner_text()
    with page.expect_download() as saved:
        first.get_by_role("button", name="Save as a record").click()
    record = json.loads(Path(saved.value.path()).read_text(encoding="utf-8"))
    assert [turn["role"] for turn in record["messages"]] == ["system", "user", "assistant", "user", "assistant"]
    assert record["messages"][2]["reasoning_content"] == "a thought"
    assert record["lineage"][0]["model"] == "one"
    assert opened.find_barriers() == []
    assert not opened.is_too_wide()
    page.get_by_role("button", name="Begin anew").click()
    assert page.locator(".bubbles .turn").count() == 0


def test_a_hostile_set_runs_nothing_and_sends_nothing(tmp_path: Path, open_page: Any) -> None:
    texts = [*SCRIPTS, *(text[:2_000] for text in TEXTS.values() if "\x00" not in text)]
    rows = [
        talk(
            number,
            source=text[:200],
            source_id=text,
            lang="en",
            tags=[text, f"category:{text}"],
            gold=text,
            messages=[
                {"role": "user", "content": text},
                {"role": "assistant", "content": text, "reasoning_content": text},
            ],
            lineage=[{"stage": text, "version": 1, "prompt": text, "model": text, "reply": text}],
            id=f"{number} {text}"[:300],
        )
        for number, text in enumerate(texts)
    ]
    rejects = [rejected(row, "translate", row["gold"][:100], detail=row["gold"], reply=row["gold"]) for row in rows]
    name = 'set <img src=x onerror=alert(1)>"'
    write_set(tmp_path / name, rows, rejects)
    write_set(tmp_path / "other", [{**row, "gold": ""} for row in rows])
    with ViewServer(name, "other", cwd=tmp_path) as server:
        opened = open_page(server)
        page = opened.page
        addresses = ["/", "/s/0", "/s/0?q=script", "/compare", *(f"/s/0/r/{number}" for number in range(len(rows) + 8))]
        for address in addresses:
            page.goto(server.base + address)
            page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
            assert (
                page.locator(
                    "main iframe, main script, main style, main img, main svg, main [hx-get]:not(form)"
                ).count()
                == 0
            )
        page.goto(server.base + "/s/0/r/0")
        page.locator("#note").fill(SCRIPTS[1])
        page.get_by_role("button", name="Drop").click()
        page.wait_for_selector(".mark-drop")
        page.goto(server.base + "/s/0/marks")
        assert SCRIPTS[1] in page.locator(".rows").inner_text()


def test_all_texts_of_the_pages_are_chinese_where_that_is_wanted(tmp_path: Path, open_page: Any) -> None:
    rows = [talk(number, lang="zh", source="来源", answer="答案", source_id="", gold="") for number in range(60)]
    write_set(tmp_path / "数据", rows)
    with Loopback(lambda request: "好") as model, ViewServer(
        "数据", "--lang", "zh", "--chat", "模型", "--base-url", model.base_url, cwd=tmp_path
    ) as server:  # fmt: skip
        page = open_page(server).page
        known = {"blossom-data", "id", "Ctrl+Enter", "Top", "p", "mix", "publish", "zh", "n", "k", "d", "e", "l"}
        for address in ("/", "/s/0", "/s/0?q=x", "/s/0/r/1", "/s/0/marks", "/chat"):
            page.goto(server.base + address)
            text = page.locator("body").inner_text()
            text = re.sub(r"http://\S+|\S*review\.jsonl|[0-9a-f]{32}", "", text)
            assert set(re.findall(r"[A-Za-z][A-Za-z+-]*", text)) - known == set(), address
            assert page.locator("html").get_attribute("lang") == "zh-Hans"
        assert "没有打开这个数据集" in server.ask("GET", "/s/7")[2]
        assert "令牌" in server.ask("GET", "/s/0?token=x")[2]
