"""A web demo beside an exported model: app.py and requirements.txt for a hosted space, or `python app.py` at home.

It loads the folder that it lies in, with the exported chat template and stop ids, and shows what the model says as it
is made. Nothing of blossom-data is wanted there.
"""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_APP = '''"""A chat with the model in this folder: pip install -r requirements.txt, then python app.py."""

from pathlib import Path
from threading import Thread

import gradio as gr
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, TextIteratorStreamer

HERE = Path(__file__).resolve().parent
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
tokenizer = AutoTokenizer.from_pretrained(HERE)
model = AutoModelForCausalLM.from_pretrained(HERE, dtype="auto").to(DEVICE).eval()


def texts(content):
    """A turn's text; newer releases hand it over in parts."""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def reply(message, history):
    turns = [{"role": turn["role"], "content": texts(turn["content"])} for turn in history]
    turns.append({"role": "user", "content": message})
    ids = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    streamer = TextIteratorStreamer(tokenizer, skip_prompt=True, skip_special_tokens=True)
    settings = {"max_new_tokens": 1024, "do_sample": True, "temperature": 0.7, "top_p": 0.9, "streamer": streamer}
    Thread(target=model.generate, kwargs={**ids.to(DEVICE), **settings}, daemon=True).start()
    said = ""
    for piece in streamer:
        said += piece
        yield said


if __name__ == "__main__":
    gr.ChatInterface(reply, title=TITLE).launch()
'''
_NEEDS = ("accelerate", "gradio", "torch", "transformers")


def write_space(folder: Path, name: str) -> None:
    """Writes app.py and requirements.txt into the model folder `folder`; `name` is the title of the page."""
    app = _APP.replace("TITLE", json.dumps(name, ensure_ascii=False))
    (folder / "app.py").write_text(app, encoding="utf-8")
    (folder / "requirements.txt").write_text("".join(f"{_bounded(need)}\n" for need in _NEEDS), encoding="utf-8")


def _bounded(package: str) -> str:
    """The package, from the release on that is installed here."""
    try:
        return f"{package}>={'.'.join(version(package).split('+')[0].split('.')[:2])}"
    except PackageNotFoundError:
        return package
