"""Trains the tiny model on one CPU thread and writes it as GGUF, with its held-out sentences beside it.

    pip install -e . "torch>=2.8,<2.14" "transformers>=5,<6" "gguf>=0.17"
    nice -n 10 python tools/tiny_model/train.py blossom_data/demo/tiny

Qwen2 architecture, 3 layers of width 128. Every step draws new sentences and new nonces; the held-out sentences are
left out. Nothing here is part of the package, and none of these libraries is a dependency of it.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from export import write_gguf
from grammar import Row, draw_row
from samples import END, PAD, Vocabulary, annotation, held_out, translation
from transformers import Qwen2Config, Qwen2ForCausalLM

BATCH = 48
PEAK_RATE = 4e-3
CONTEXT = 512
TRANSLATE_SHARE = 0.55


def main() -> None:
    """Trains, scores and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    vocabulary, unseen = Vocabulary(), held_out()
    model = build(vocabulary)
    say(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, {len(vocabulary)} tokens")
    train(model, batches(vocabulary, unseen, random.Random(options.seed)), options.steps)
    options.out.mkdir(parents=True, exist_ok=True)
    write_gguf(options.out / "model.gguf", model, vocabulary)
    lines = [json.dumps(row_of(row), ensure_ascii=False) + "\n" for row in unseen]
    (options.out / "held_out.jsonl").write_text("".join(lines), encoding="utf-8")
    for name, score in scores(model, vocabulary, unseen).items():
        say(f"{name}: {score} of {len(unseen)} exact")
    say(f"cpu {time.process_time():.0f} s")


def say(line: str) -> None:
    """A line of progress."""
    sys.stderr.write(line + "\n")


def build(vocabulary: Vocabulary) -> Qwen2ForCausalLM:
    """The model with random weights."""
    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=len(vocabulary),
            hidden_size=128,
            intermediate_size=384,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=True,
            attn_implementation="eager",
            bos_token_id=None,
            eos_token_id=END,
            pad_token_id=PAD,
        )
    )


def batches(vocabulary: Vocabulary, unseen: list[Row], draw: random.Random) -> Iterator[tuple[torch.Tensor, ...]]:
    """Endless (ids, mask, labels), each int64 [BATCH, longest]; labels are -100 outside the reply."""
    left_out = {row.en for row in unseen}
    number = 0
    while True:
        pairs: list[tuple[list[int], list[int]]] = []
        while len(pairs) < BATCH:
            row = draw_row(draw)
            if row.en in left_out:
                continue
            number += 1
            is_translation = draw.random() < TRANSLATE_SHARE
            prompt, reply = translation(row, str(number)) if is_translation else annotation(row)
            pairs.append((vocabulary.encode(prompt), [*vocabulary.encode(reply), END]))
        longest = max(len(prompt) + len(reply) for prompt, reply in pairs)
        ids = torch.full((BATCH, longest), PAD)
        mask = torch.zeros((BATCH, longest), dtype=torch.long)
        labels = torch.full((BATCH, longest), -100)
        for place, (prompt, reply) in enumerate(pairs):
            end = len(prompt) + len(reply)
            ids[place, :end] = torch.tensor(prompt + reply)
            mask[place, :end] = 1
            labels[place, len(prompt) : end] = torch.tensor(reply)
        yield ids, mask, labels


def train(model: Qwen2ForCausalLM, source: Iterator[tuple[torch.Tensor, ...]], steps: int) -> None:
    """AdamW with a short warm-up and a linear decay, in bfloat16 where autocast allows."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=0.01, betas=(0.9, 0.98))
    model.train()
    for step in range(steps):
        ids, mask, labels = next(source)
        for group in optimizer.param_groups:
            group["lr"] = PEAK_RATE * min(1.0, (step + 1) / 60) * max(0.01, 1 - step / steps)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 100 == 0:
            say(f"step {step} loss {loss.item():.4f} cpu {time.process_time():.0f} s")


def row_of(row: Row) -> dict[str, object]:
    """A held-out sentence as an input record of blossom-data, with what is expected of the model."""
    return {
        "messages": [{"role": "user", "content": row.en}],
        "gold": row.gold,
        "expected": {"translation": row.zh, "answer": row.answer},
    }


@torch.no_grad()
def scores(model: Qwen2ForCausalLM, vocabulary: Vocabulary, unseen: list[Row]) -> dict[str, int]:
    """How many held-out replies are exact to the letter, greedily and without any constraint."""
    model.eval()
    found = {"translate": 0, "annotate": 0}
    for number, row in enumerate(unseen):
        for name, (prompt, reply) in (("translate", translation(row, f"held {number}")), ("annotate", annotation(row))):
            ids = torch.tensor([vocabulary.encode(prompt)])
            out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=150, do_sample=False)
            found[name] += vocabulary.decode(out[0, ids.shape[1] :].tolist()) == reply
    return found


if __name__ == "__main__":
    main()
