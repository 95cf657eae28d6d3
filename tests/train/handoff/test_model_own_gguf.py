"""A GGUF file that is written here says in llama.cpp what transformers says, and all templates agree."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("gguf")

import torch
from go_template import render, system_of, template_of
from small import chats, make_model
from tiny import BOS, EOS, SPECIALS
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast, Qwen3Config

from blossom_data.errors import ConfigError
from blossom_data.train.handoff.gguf_writer import own_gguf
from blossom_data.train.handoff.modelfile import modelfile
from blossom_data.train.handoff.proof import CHATS, apply_template, proof_chats, prove_template
from blossom_data.train.template.gates import served as served_turn
from blossom_data.train.template.templates import template_for
from blossom_data.train.template.to_jinja import chat_template

pytestmark = pytest.mark.slow

FAMILIES = ("llama", "mistral", "qwen2", "qwen3")
TEMPLATES = ("chatml", "qwen2.5", "llama-3", "mistral-v3", "gemma", "phi-3")
NEAR_TIE = 5e-3
Post = Callable[[str, dict[str, Any]], Any]


@contextmanager
def served(file: Path) -> Iterator[Post]:
    """The file in the embedded engine; what posts to it."""
    pytest.importorskip("xllamacpp", reason="the embedded engine is the extra `local`")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    module = "blossom_data.llm.engines.embedded"
    command = [sys.executable, "-m", module, str(file), "--port", str(port), "--context", "256", "--cache", "f32"]
    engine = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def post(path: str, body: dict[str, Any]) -> Any:
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    try:
        for _ in range(600):
            assert engine.poll() is None, "the engine does not take the file"
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        yield post
    finally:
        engine.kill()
        engine.wait()


def model_of(folder: Path, family: str) -> Path:
    if family == "mistral":
        make_model(folder, family)
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "sliding_window": None}))
        return folder
    if family != "qwen3":
        return make_model(folder, family)
    make_model(folder, "qwen2")
    told = json.loads((folder / "config.json").read_text())
    names = ("vocab_size", "hidden_size", "num_hidden_layers", "intermediate_size", "max_position_embeddings")
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32}
    config = Qwen3Config(
        **{name: told[name] for name in names}, **heads, eos_token_id=told["eos_token_id"], initializer_range=0.2
    )
    torch.manual_seed(2)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder


def greedy(model: Any, ids: list[int], ends: list[int]) -> tuple[list[int], list[float]]:
    """The likeliest 50 tokens but for `ends`, and by how much each was likelier than the next (logits)."""
    settings = {"max_new_tokens": 50, "do_sample": False, "eos_token_id": None, "suppress_tokens": ends}
    done = model.generate(torch.tensor([ids]), output_scores=True, return_dict_in_generate=True, **settings)
    best = [scores[0].topk(2).values for scores in done.scores]
    return done.sequences[0, len(ids) :].tolist(), [float(two[0] - two[1]) for two in best]


@pytest.mark.parametrize("family", FAMILIES)
def test_llama_cpp_reads_and_says_the_same_fifty_tokens_on_ten_prompts(tmp_path: Path, family: str) -> None:
    folder = model_of(tmp_path / "model", family)
    own_gguf(folder, tmp_path / "model.gguf")
    model = AutoModelForCausalLM.from_pretrained(folder).float().eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with served(tmp_path / "model.gguf") as post:
        whole = 0
        ends = tokenizer.convert_tokens_to_ids(["<|endoftext|>", "<|im_end|>"])  # what ignore_eos keeps from being said
        for row in chats(10, "asked"):
            text = f"<|im_start|>user\n{row['messages'][1]['content']}<|im_end|>\n<|im_start|>assistant\n"
            ids = tokenizer(text)["input_ids"]
            assert post("/tokenize", {"content": text, "parse_special": True})["tokens"] == ids
            said, gaps = greedy(model, ids, ends)
            asked = {"prompt": ids, "n_predict": 50, "temperature": 0, "return_tokens": True, "ignore_eos": True}
            theirs = post("/completion", asked)["tokens"]
            whole += theirs == said
            # Drawn weights may leave two tokens all but equally likely: behind such a tie texts go their own ways.
            end = next((place for place, gap in enumerate(gaps) if gap < NEAR_TIE), len(said))
            assert theirs[:end] == said[:end]
        assert whole >= 8
        for chat in proof_chats(30):
            assert (
                post("/tokenize", {"content": chat[-1].content})["tokens"] == tokenizer(chat[-1].content)["input_ids"]
            )


@pytest.mark.parametrize("form", ["f16", "bf16", "q8_0", "q4_0", "q4_1"])
def test_smaller_number_formats_load_and_answer(tmp_path: Path, form: str) -> None:
    folder = make_model(tmp_path / "model", "llama")
    own_gguf(folder, tmp_path / "whole.gguf", form="f32")
    own_gguf(folder, tmp_path / "model.gguf", form=form)
    assert (tmp_path / "model.gguf").stat().st_size < (tmp_path / "whole.gguf").stat().st_size
    with served(tmp_path / "model.gguf") as post:
        answer = post("/v1/chat/completions", {"messages": [{"role": "user", "content": "red cat"}], "max_tokens": 5})
    assert answer["usage"]["completion_tokens"] >= 1


def test_what_would_come_out_otherwise_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="family bloom"):
        own_gguf(make_model(tmp_path / "bloom", "bloom"), tmp_path / "x.gguf")
    folder = make_model(tmp_path / "odd", "llama")
    told = json.loads((folder / "tokenizer.json").read_text())
    told["pre_tokenizer"] = {"type": "Whitespace"}
    (folder / "tokenizer.json").write_text(json.dumps(told))
    with pytest.raises(ConfigError, match="split text as this tokenizer does"):
        own_gguf(folder, tmp_path / "x.gguf")


def words_of(family: str) -> PreTrainedTokenizerFast:
    """Bytes and the special tokens of a family."""
    model = Tokenizer(models.BPE())
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    model.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=SPECIALS[family], initial_alphabet=alphabet, show_progress=False
    )
    model.train_from_iterator(["user\nassistant\nsystem", "What is 6 times 7? It is 42."] * 3, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=model, bos_token=BOS.get(family), eos_token=EOS.get(family))


@pytest.mark.parametrize("family", TEMPLATES)
def test_every_renderer_writes_the_chats_that_were_trained(tmp_path: Path, family: str) -> None:
    """Training, apply_chat_template, Ollama's Modelfile, and llama.cpp: the same text for the same chat."""
    words = words_of(family)
    encoder = template_for(family, words)
    jinja = chat_template(encoder)
    proof = prove_template(encoder, words, jinja)
    assert proof["same_text"] == proof["same_ids"] == proof["chats"] >= CHATS // 2, proof
    file = modelfile(encoder, [])
    go, usual = template_of(file), system_of(file)
    folder = make_model(tmp_path / "model", "llama")
    words.chat_template = jinja
    words.save_pretrained(folder)
    own_gguf(folder, tmp_path / "model.gguf")
    tried = 0
    with served(tmp_path / "model.gguf") as post:
        for chat in proof_chats():
            text = apply_template(words, chat, jinja)
            if text is None:
                continue
            tried += 1
            turns = [(turn.role, turn.content, turn.reasoning_content) for turn in chat]
            system = next((content for role, content, _ in turns if role == "system"), "")
            if usual and turns[0][0] != "system":
                # As Ollama does: SYSTEM is the first message of a chat that brings none.
                system, turns = usual, [("system", usual, ""), *turns]
            bare = text.removeprefix(words.bos_token or "")
            assert render(go, system=system, messages=turns) == bare
            asked = {"messages": [served_turn(turn) for turn in chat]}
            assert post("/apply-template", asked)["prompt"].removeprefix(words.bos_token or "") == bare
    assert tried == proof["chats"]
