"""Hostile texts in every field of a data set, and its report: all is text, nothing runs, nothing is fetched."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile_texts import TEXTS, steering
from loopback import Loopback
from pages_made import Page, reject, write_set

from blossom_data.cli.app import main
from blossom_data.records import Lineage, Message, Record

ELEMENTS = {
    *("html", "head", "meta", "title", "style", "body", "main", "section", "nav", "a", "h1", "h2", "h3", "h4", "p"),
    *("dl", "dt", "dd", "div", "span", "i", "small", "bdi", "code", "pre", "table", "thead", "tbody", "tr", "th"),
    *("td", "figure", "figcaption", "details", "summary", "svg", "g", "path", "rect", "line", "circle", "text"),
}
FETCHING = ("src", "srcset", "data", "action", "style", "xlink:href", "background", "poster", "formaction", "ping")


def texts(port: int) -> list[str]:
    """The texts of the corpus, and some that would tell the server on `port` that they were interpreted."""
    url = f"http://127.0.0.1:{port}"
    seeking = [
        f"<img src={url}/img><script>document.title='owned';fetch('{url}/js')</script>",
        f"'\"><svg onload=\"document.title='owned'\"><image href={url}/svg></svg>",
        f"<link rel=stylesheet href={url}/css><meta http-equiv=refresh content='0;{url}/meta'><base href={url}>",
        f"url({url}/paint) &lt;script&gt;&#60;b&#62;",
        f"</style><iframe src={url}/frame></iframe></title></svg></pre></table>",
        f"]]><!-- @import '{url}/import';",
    ]
    return [*TEXTS.values(), *seeking]


@pytest.fixture(scope="module", params=["en", "zh"])
def shown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Loopback]]:
    with Loopback() as server:
        folder = tmp_path_factory.mktemp("hostile")
        port = int(server.base_url.split(":")[2].split("/")[0])
        corpus = [text.encode("utf-8", "replace").decode() for text in texts(port)]
        name = f"<img src=x onerror=alert(1)>\u202e{'x' * 40}"
        write_hostile(folder / name, corpus)
        out = folder / "r.html"
        with pytest.raises(SystemExit) as ended:
            main(["report", str(folder / name), "-o", str(out), "-q", "--lang", request.param])
        assert ended.value.code == 0
        yield out, server


def write_hostile(folder: Path, corpus: list[str]) -> None:
    """A set with each text as the source, language, tag, gold label, model, stage, prompt and content of records."""
    kept = []
    for number, text in enumerate(corpus):
        short = text[:100]
        messages = (Message("user", text), Message("assistant", text, reasoning_content=text))
        steps = (Lineage(short, 1, short, short, short),)
        kept.append(
            Record(f"{number}{short}", short, short, messages, short, short, (short, f"category:{short}"), steps)
        )
    # One large group, so that style is measured too.
    kept += [
        Record(f"s{n}", corpus[7][:100], "en", (Message("user", f"{n}"), Message("assistant", "Yes.")))
        for n in range(40)
    ]
    kept += [
        Record(f"t{n}", corpus[8][:100], "en", (Message("user", f"{n}"), Message("assistant", "- a")))
        for n in range(40)
    ]
    lost = [
        reject(text[:60], text[:60], kept[place], text, detail=text[:300], file=text[:60], line=3, history=[text[:300]])
        for place, text in enumerate(corpus)
    ]
    counts = {text[:100]: place + 1 for place, text in enumerate(corpus)}
    rates = {"labels": 9, "correct": 8, "yield": 0.9, "yield_low": 0.8, "yield_high": 0.95}
    write_set(
        folder,
        kept,
        lost,
        stage=corpus[7],
        name=corpus[7],
        version=corpus[7],
        blossom_data=corpus[7],
        made_of={"command": corpus[7], "inputs": corpus},
        rejected=counts,
        failed=counts,
        passed=counts,
        asked_again=counts,
        noted=counts,
        by_source={text: {**counts, "kept": 2} for text in counts},
        asked=[{"stage": t, "model": t, "replies": 1, "tokens_in": 5, "tokens_out": 5} for t in counts],
        prompts=dict.fromkeys(counts, corpus[7]),
        sources=[{"source": t, "licence": t, "name": t, "revision": t} for t in counts],
        inputs=[{"name": t, "stage": t, "sha256": t} for t in counts],
        parts=[{"name": t, "taken": 1, "usable": 1} for t in counts],
        verify={"total": rates, "groups": [{"source": t, "shape": t, "verdicts": counts, **rates} for t in counts]},
    )


def test_all_of_it_is_text(shown: tuple[Path, Loopback]) -> None:
    source = shown[0].read_bytes()
    page = Page(source)
    assert page.tags <= ELEMENTS
    assert page.unclosed == []
    names = {name for name, _ in page.attributes}
    assert names & {*FETCHING} == set()
    assert {name for name in names if name.startswith("on")} == set()
    assert {value[0] for name, value in page.attributes if name == "href"} == {"#"}
    assert not any("url(" in value for _, value in page.attributes if not value.startswith("default-src"))
    assert ("content", "default-src") in {(n, v.split(" ")[0]) for n, v in page.attributes}
    assert not steering(source.decode())
    assert "<script>document.title='owned'" in page.text
    assert "\\u202etxt.exe\\u202c" in page.text
    assert len(source) < 1_500_000, "texts of a hostile length are cut"


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no browser here")
def test_a_browser_runs_and_fetches_nothing(shown: tuple[Path, Loopback], tmp_path: Path) -> None:
    out, server = shown
    flags = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--virtual-time-budget=2000")
    done = subprocess.run(
        ["chromium", *flags, "--dump-dom", out.resolve().as_uri()], capture_output=True, check=True, timeout=120
    )
    page = Page(done.stdout)
    title = next(text for inside, text in page.texts if inside[-1] == "title")
    assert title != "owned" and ("report" in title or "报告" in title)
    assert page.tags <= ELEMENTS
    assert server.connections == 0, "nothing was fetched"
