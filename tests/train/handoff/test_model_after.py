"""After a run: export, merge, chat and report; and what is refused before one, through the command."""

from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from command import Result
from command import blossom as spawned
from forked import blossom
from forks import run_group
from loopback_hub import LoopbackHub
from small import SEQ_LEN, TWO_STAGES, chats, make_model, make_packed, make_workplace, write_recipe

from blossom_data.errors import BlossomError, ConfigError, InputError
from blossom_data.records import Message
from blossom_data.train.handoff.chat import Sampling, Talker
from blossom_data.train.handoff.export import export
from blossom_data.train.handoff.merge import merge
from blossom_data.train.preflight.plan import make_plan, refuse_misfit
from blossom_data.train.preflight.prepare import prepare
from blossom_data.train.template.templates import template_for
from blossom_data.train.template.tokens import load_tokenizer

pytestmark = pytest.mark.slow

OVERFIT = """
[[stage]]
name = "one"
epochs = 60
learning_rate = 4e-3
data = [{path = "first"}]
[[stage]]
name = "two"
epochs = 60
learning_rate = 3e-3
schedule = "wsd"
data = [{path = "second"}]
replay = {stage = "one", share = 1.0}
"""
GREEDY = Sampling(temperature=0, max_tokens=60)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model trained from scratch in two stages until it knows its twenty chats by heart."""
    place = tmp_path_factory.mktemp("after") / "work"
    place.mkdir()
    model = make_model(place / "base", "llama")
    make_packed(place / "first", model, 12)
    make_packed(place / "second", model, 8)
    recipe = write_recipe(place / "r.toml", OVERFIT, micro_batch=4, save_every=10_000, log_every=20)
    assert run_group(recipe, place / "run") == [0]
    export(place / "run", place / "model")
    return place


def asked(name: str, count: int) -> list[list[Message]]:
    return [[Message(turn["role"], turn["content"]) for turn in row["messages"]] for row in chats(count, name)]


def test_the_exported_model_says_what_it_learnt_and_stops(trained: Path) -> None:
    talker = Talker.open(trained / "model")
    known = asked("first", 12) + asked("second", 8)
    right = [("".join(talker.reply(chat[:-1], GREEDY)) == chat[-1].content) for chat in known]
    assert right == [True] * 20


def test_generate_of_transformers_stops_by_the_exported_files_alone(trained: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(str(trained / "model"))
    tokenizer = AutoTokenizer.from_pretrained(str(trained / "model"))
    encoder = template_for("chatml", load_tokenizer(trained / "model"))
    for chat in asked("first", 3):
        turns = [{"role": turn.role, "content": turn.content} for turn in chat[:-1]]
        ids = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=True)["input_ids"]
        assert list(ids) == encoder.encode_prompt(chat[:-1])
        said = model.generate(torch.tensor([ids]), max_new_tokens=60, do_sample=False)[0, len(ids) :]
        assert int(said[-1]) == tokenizer.convert_tokens_to_ids("<|im_end|>")
        assert tokenizer.decode(said[:-1]) == chat[-1].content


def test_the_modelfile_names_the_template_and_its_stop(trained: Path) -> None:
    text = (trained / "model" / "Modelfile").read_text()
    assert 'PARAMETER stop "<|im_end|>"' in text
    assert text.count("{{") == text.count("}}")
    thought = "{{ if .Thinking }}<think>\n{{ .Thinking }}\n</think>\n\n{{ end }}"
    reply = f"<|im_start|>assistant\n{thought}{{{{ .Content }}}}<|im_end|>\n"
    assert f'{{{{ else if eq .Role "assistant" }}}}{reply}' in text


def test_the_card_tells_data_losses_and_evaluations(trained: Path, tmp_path: Path) -> None:
    told = {"accuracy": 0.25, "interval": [0.1, 0.4], "correct": 5, "n": 20}
    scores = {"model": "tiny | <b>", "judge": None, "suites": {"gsm8k": told}, "remarks": ["the first 20 alone"]}
    (tmp_path / "eval").mkdir()
    (tmp_path / "eval" / "scores.json").write_text(json.dumps(scores))
    export(trained / "run", tmp_path / "carded", evaluations=[tmp_path / "eval"])
    card = (tmp_path / "carded" / "README.md").read_text()
    assert "| first | - | 12 | first.jsonl " in card
    assert "| two | 121-" in card
    assert "### gsm8k" in card and "| 25.0% | 10.0%-40.0% | 5 | 20 |" in card and "* the first 20 alone" in card
    assert "<b>" not in card
    files = json.loads((tmp_path / "carded" / "manifest.json").read_bytes())["files"]
    assert "README.md" in {entry["file"] for entry in files}
    with pytest.raises(InputError, match="no finished evaluation"):
        export(trained / "run", tmp_path / "other", evaluations=[trained])
    assert not (tmp_path / "other").exists()


def test_chat_and_report_through_the_command(trained: Path) -> None:
    chat = asked("first", 1)[0]
    done = blossom(
        "train", "chat", "model", "--prompt", chat[1].content, "--system", chat[0].content, "--temperature", 0,
        cwd=trained,
    )  # fmt: skip
    assert done.code == 0, done
    assert done.out.strip() == chat[2].content
    assert blossom("train", "report", "run", cwd=trained).code == 0
    page = (trained / "run" / "report.html").read_text()
    # Each chart is drawn for a wide and for a narrow screen.
    charts = Counter(re.findall(r'<svg [^>]*aria-label="([^"]*)"', page))
    assert charts == dict.fromkeys(["Loss", "Learning rate", "Tokens a second", "Norm of the gradient"], 2)
    assert "<script" not in page
    assert "stage two" in page


def test_lora_trains_adapters_alone_and_merges(trained: Path) -> None:
    pytest.importorskip("peft")
    stage = '[[stage]]\nname = "a"\nepochs = 2\nlearning_rate = 1e-2\ndata = [{path = "first"}]\n'
    recipe = write_recipe(trained / "lora.toml", stage, lora={"rank": 4}, save_every=2)
    assert run_group(recipe, trained / "lora", kill="step:5") == [-9]
    assert run_group(recipe, trained / "lora") == [0]
    assert run_group(recipe, trained / "lora-straight") == [0]
    found = [
        (run / json.loads((run / "manifest.json").read_text())["checkpoint"] / "model" / "adapter_model.safetensors")
        for run in (trained / "lora", trained / "lora-straight")
    ]
    assert found[0].read_bytes() == found[1].read_bytes()
    merge(trained / "lora", trained / "merged")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, limits[1]))
    try:
        with pytest.raises(BlossomError, match=r"cannot write to .*File too large"):
            export(trained / "lora", trained / "exported")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list((trained / "exported").iterdir()) == []
    export(trained / "lora", trained / "exported")
    from safetensors.torch import load_file

    base, merged, exported = (
        load_file(trained / name / "model.safetensors") for name in ("base", "merged", "exported")
    )
    assert base.keys() == merged.keys() == exported.keys()
    changed = {name for name in base if not torch.equal(base[name], merged[name])}
    assert changed
    assert all("proj" in name for name in changed)
    assert all(torch.equal(merged[name], exported[name]) for name in merged)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return make_workplace(tmp_path / "work", first=12, second=6)


def run(place: Path, *further: object, recipe: str = "r.toml") -> Result:
    return blossom("train", "run", recipe, "-o", "out", *further, cwd=place)


@pytest.mark.parametrize(
    ("top", "config", "told"),
    [
        ({"seq_len": 512}, {}, f"rows of {SEQ_LEN} tokens, the recipe says 512"),
        ({"template": "qwen"}, {}, "packed with chatml, the recipe says qwen"),
        ({}, {"model_type": "no-such-model"}, "cannot read a model"),
    ],
)
def test_recipe_data_and_model_must_fit_together(
    place: Path, top: dict[str, object], config: dict[str, object], told: str
) -> None:
    there = json.loads((place / "base" / "config.json").read_text())
    (place / "base" / "config.json").write_text(json.dumps({**there, **config}))
    with pytest.raises(ConfigError, match=told):
        prepare(write_recipe(place / "r.toml", TWO_STAGES, **top), place / "out", tell=print)


def test_data_of_another_tokenizer_is_refused(place: Path) -> None:
    path = place / "base" / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "pad_token": "<|im_end|>"}))
    with pytest.raises(ConfigError, match="another tokenizer"):
        prepare(write_recipe(place / "r.toml", TWO_STAGES), place / "out", tell=print)


def test_a_template_without_a_trained_stop_token_is_refused(place: Path) -> None:
    manifest = json.loads((place / "first" / "manifest.json").read_text())
    manifest["gates"]["stop_token"] = {"turns": 0, "failed": 0}
    (place / "first" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ConfigError, match="trains no stop token"):
        prepare(write_recipe(place / "r.toml", TWO_STAGES), place / "out", tell=print)


def test_a_disk_that_cannot_hold_the_checkpoints_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = write_recipe(place / "r.toml", TWO_STAGES)
    there = shutil.disk_usage

    def asked_for(path: Path | str) -> Any:
        """The disk of the run is full, any other is not."""
        return there(path)._replace(free=1000) if Path(path).is_relative_to(place) else there(path)

    monkeypatch.setattr(shutil, "disk_usage", asked_for)
    with pytest.raises(ConfigError, match="free, checkpoints need"):
        prepare(recipe, place / "out", tell=print)


def test_another_recipe_or_a_damaged_state_is_not_gone_on_from(place: Path) -> None:
    recipe, out = write_recipe(place / "r.toml", TWO_STAGES), place / "out"
    assert run_group(recipe, out) == [0]
    write_recipe(place / "r.toml", TWO_STAGES, seed=5)
    assert run_group(recipe, out) == [2]
    assert "the recipe is not what" in (place / "out.error").read_text()
    write_recipe(place / "r.toml", TWO_STAGES)
    assert run_group(recipe, out, world=2) != [0, 0]
    assert "the number of processes is not what" in (place / "out.error").read_text()
    newest = out / json.loads((out / "manifest.json").read_text())["checkpoint"]
    state = bytearray((newest / "state-rank-0.pt").read_bytes())
    state[len(state) // 2] ^= 1
    (newest / "state-rank-0.pt").write_bytes(bytes(state))
    assert run_group(recipe, out) == [2]
    assert "state-rank-0.pt is not the file that was saved" in (place / "out.error").read_text()


def test_a_state_that_holds_code_is_not_run(place: Path) -> None:
    """Even with a manifest that names its hash, a pickle of anything but tensors is refused."""
    recipe, out = write_recipe(place / "r.toml", TWO_STAGES, save_every=3, keep=1), place / "out"
    assert run_group(recipe, out, kill="step:5") == [-9]
    manifest = next(out.glob("checkpoints/*/manifest.json"))
    evil = manifest.parent / "state-rank-0.pt"
    torch.save(Touch(str(place / "touched")), evil)
    told = json.loads(manifest.read_text())
    for entry in told["files"]:
        if entry["file"] == evil.name:
            entry["sha256"] = hashlib.sha256(evil.read_bytes()).hexdigest()
    manifest.write_text(json.dumps(told))
    assert run_group(recipe, out) == [2]
    assert "cannot be read as plain tensors" in (place / "out.error").read_text()
    assert not (place / "touched").exists()


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.path,)


def test_a_loss_that_is_no_number_stops_the_run_with_its_documents(place: Path) -> None:
    recipe = write_recipe(place / "r.toml", TWO_STAGES.replace("3e-3", "1e30"), clip=1e30)
    assert run_group(recipe, place / "out") == [1]
    assert "the loss diverged" in (place / "out.error").read_text()
    line = json.loads((place / "out" / "metrics.jsonl").read_text().splitlines()[-1])
    assert line["kind"] == "diverged"
    assert len(line["documents"][0]) == 32
    assert not list((place / "out").glob("checkpoints/*/manifest.json"))


def test_two_processes_are_started_by_the_command_and_data_sets_are_packed(place: Path) -> None:
    (place / "first.jsonl").rename(place / "chats.jsonl")
    recipe = TWO_STAGES.replace('path = "first"', 'path = "chats.jsonl"')
    write_recipe(place / "r.toml", recipe, micro_batch=1)
    done = run(place, "--gpus", 2, "--json")
    assert done.code == 0, done
    assert "python -m torch.distributed.run --standalone --nproc_per_node 2 -m blossom_data train run" in done.err
    assert json.loads((place / "out" / "manifest.json").read_text())["world"] == 2
    assert len(list((place / "out" / "packed").glob("chats-*/manifest.json"))) == 1


def test_plan_counts_and_refuses_what_cannot_fit(place: Path) -> None:
    write_recipe(place / "r.toml", TWO_STAGES)
    plan = blossom("train", "plan", "r.toml", "--json", cwd=place).json
    assert plan["memory"]["fits"] is None
    assert plan["steps"] == sum(stage["steps"] for stage in plan["stages"])
    assert plan["stages"][1]["replay"] == round(0.2 * 12)
    prepared = prepare(write_recipe(place / "r.toml", TWO_STAGES, micro_batch=4), None, tell=print)
    small = make_plan(prepared, gpus=1, memory_gib=0.004, tokens_per_s=1000.0)
    assert small["proposed"]["micro_batch"] * small["proposed"]["accumulation"] == 4
    with pytest.raises(ConfigError, match="a step takes"):
        refuse_misfit(small)


def test_memory_plans_scale_with_what_they_count(place: Path) -> None:
    from transformers import AutoConfig

    from blossom_data.train.preflight.memory import step_memory
    from blossom_data.train.recipe.recipe import load_recipe

    recipe = load_recipe(write_recipe(place / "r.toml", TWO_STAGES, dtype="bfloat16"))
    config = AutoConfig.from_pretrained(str(place / "base"))
    config.num_hidden_layers, config.layer_types = 9, ["full_attention"] * 9
    found = {
        (micro, kept): step_memory(recipe, config, micro_batch=micro, checkpointing=kept, supervised=0.5)
        for micro in (1, 32)
        for kept in (False, True)
    }
    from transformers import AutoModelForCausalLM

    parameters = sum(one.numel() for one in AutoModelForCausalLM.from_config(config).parameters())
    assert abs(found[1, False].states / (18 * parameters) - 1) < 0.1
    assert found[32, False].peak > found[32, True].peak
    assert found[32, True].peak > found[1, True].peak


def test_help_of_every_command_imports_no_torch() -> None:
    import subprocess

    names = ("plan", "run", "merge", "export", "chat", "report")
    script = (
        "import sys; from blossom_data.cli.app import main\n"
        f"for name in {names!r}:\n"
        " try: main(['train', name, '--help'])\n except SystemExit: pass\n"
        "print('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
    assert done.stdout.count("Example: blossom-data train") == len(names)


def test_an_export_is_pushed_by_the_command_without_a_path_of_this_machine(trained: Path) -> None:
    with LoopbackHub() as hub:
        alone = blossom("train", "export", "run", "-o", "pushed", "--public", cwd=trained)
        assert (alone.code, "--push" in alone.err) == (2, True)
        wrong = blossom("train", "export", "run", "-o", "pushed", "--push", "model", cwd=trained)
        assert (wrong.code, "no model id" in wrong.err, (trained / "pushed").exists()) == (2, True, False)
        # Not forked: where the hub is, its client reads when it is imported.
        done = spawned(
            *("train", "export", "run", "-o", "pushed", "--push", "org/blossom", "--json"), cwd=trained,
            env={**hub.environment, "HF_HOME": str(trained / "hf")},
        )  # fmt: skip
        assert done.code == 0, done
        assert (done.json["push"]["is_new"], done.json["push"]["is_private"]) == (True, True)
        files = hub.repos["org/blossom"].files("main")
        assert {path.name for path in (trained / "pushed").iterdir()} == files.keys() - {".gitattributes"}
        assert [name for name, data in files.items() if str(trained).encode() in data] == []
