"""Loss masks, packing and speed of `train pack`, each against something independent of it.

    python benchmarks/train_pack.py            about three minutes on one core, one JSON object a line
    {"what": "masks", "template": "chatml", "chats": 10027, "tokens": 1413179, "wrong_tokens": 0, "holds": true, ...}

The bars: no token wrong over nine templates on the adversarial chats and 10,000 random ones, judged by the tests'
oracle, which spells chats out and walks over bytes; the prompt of inference the beginning of what was trained for every
reply; rows of 2,048 tokens at least 99.8 % full. Rates are of this machine at this moment: compare them with the bare
loop beside them (one call of the tokenizer a chat, no mask, nothing written). `trl` is datasets.map with a template
and its mask, in one process, and TRL's packing: bars are 1.7 times its rate in 0.35 of its memory.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "train"))

SEQ_LEN = 2048


def report(**facts: object) -> None:
    """Writes one result."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def masks(chats: int) -> None:
    """Every template on the adversarial chats and on `chats` random ones, token by token."""
    from oracle import ADVERSARIAL, random_chat, spell, wrong_tokens
    from tiny import BOS, byte_level

    from blossom_data.train.template.encode import Unfit
    from blossom_data.train.template.templates import TEMPLATES, template_for

    for name in (*TEMPLATES, "own"):
        tokenizer = byte_level(name)
        encoder = template_for(name, tokenizer)
        bos = BOS[name] if name in ("llama-3", "mistral") else ""
        tokens = wrong = prompts = other_prompts = 0
        for number in range(-len(ADVERSARIAL), chats):
            messages = random_chat(number) if number >= 0 else list(ADVERSARIAL.values())[number]
            chat = encoder.encode(messages)
            if isinstance(chat, Unfit):
                raise SystemExit(f"{name} cannot write chat {number}")
            mask = [False] * len(chat.intro)
            begins = []
            for turn in chat.turns:
                begins += [len(mask) + turn.start] * (turn.role == "assistant")
                said = turn.role == "assistant"
                mask += [said and turn.start <= place < turn.end for place in range(len(turn.ids))]
            tokens += len(chat.ids)
            wrong += wrong_tokens(tokenizer, spell(name, messages, bos=bos), chat.ids, mask)
            replies = [place for place, message in enumerate(messages) if message.role == "assistant"]
            for place, begin in zip(replies, begins, strict=True):
                prompts += 1
                other_prompts += encoder.encode_prompt(messages[:place]) != chat.ids[:begin]
        facts = {"chats": chats + len(ADVERSARIAL), "tokens": tokens, "wrong_tokens": wrong}
        prefix = {"prompts": prompts, "prompts_not_a_prefix": other_prompts}
        report(what="masks", template=name, **facts, **prefix, holds=wrong == 0 and other_prompts == 0)


def fill() -> None:
    """Rows of lengths drawn as chats have them, against best-fit-decreasing and the least number of rows possible."""
    import numpy as np

    from blossom_data.train.data.bin_packing import best_fit, pack_rows

    for median, sigma in ((180, 0.8), (245, 0.35), (350, 0.9), (700, 0.7)):
        drawn = random.Random(0)
        lengths = np.array(
            [max(8, min(SEQ_LEN, int(drawn.lognormvariate(math.log(median), sigma)))) for _ in range(100_000)]
        )
        start = time.process_time()
        rows = len(pack_rows(lengths, SEQ_LEN, 0)[1]) - 1
        seconds = time.process_time() - start
        full = int(lengths.sum()) / (rows * SEQ_LEN)
        falling = int(best_fit(lengths, np.arange(len(lengths)), SEQ_LEN).max()) + 1
        report(
            what="fill",
            median=median,
            sigma=sigma,
            documents=len(lengths),
            fill=round(full, 5),
            fill_best_fit_decreasing=round(int(lengths.sum()) / (falling * SEQ_LEN), 5),
            fill_at_most=round(int(lengths.sum()) / (math.ceil(int(lengths.sum()) / SEQ_LEN) * SEQ_LEN), 5),
            cpu_s=round(seconds, 2),
            holds=full >= 0.998,
        )


def generate(path: Path, records: int) -> None:
    """Writes chats of one to four rounds, no two alike."""
    words = ["the answer", "of", "this question", "is", "four times seven", "天空", "蓝色", "because", "we add", "then"]
    drawn = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        for number in range(records):
            messages = []
            for _ in range(drawn.randint(1, 4)):
                for role, most in (("user", 60), ("assistant", 160)):
                    content = " ".join(drawn.choices(words, k=drawn.randint(5, most)))
                    messages.append({"role": role, "content": f"{number} {content}"})
            file.write(json.dumps({"id": str(number), "messages": messages}, ensure_ascii=False) + "\n")


_CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' }}{% if m['role'] == 'assistant' %}{% generation %}"
    "{{ m['content'] + '<|im_end|>' }}{% endgeneration %}{{ '\n' }}"
    "{% else %}{{ m['content'] + '<|im_end|>\n' }}{% endif %}{% endfor %}"
)


def pack_with_trl(path: Path, cache: Path, tokenizer: Any) -> int:
    """What SFTTrainer does before it trains; gives the tokens."""
    import datasets
    from trl import pack_dataset as pack

    datasets.disable_progress_bars()
    rows = datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=str(cache))

    def encode(row: dict[str, Any]) -> dict[str, Any]:
        told = tokenizer.apply_chat_template(
            row["messages"], chat_template=_CHATML, return_dict=True, return_assistant_tokens_mask=True
        )
        return {"input_ids": told["input_ids"], "assistant_masks": told["assistant_masks"]}

    packed = pack(rows.map(encode, remove_columns=rows.column_names), SEQ_LEN, "bfd")
    return sum(len(row) for row in packed.with_format("numpy")["input_ids"])


def measure(what: str, path: Path, out: Path) -> dict[str, object]:
    """Runs one way over the file in this process."""
    import orjson
    from tiny import byte_level

    from blossom_data.train.data.pack import pack_dataset

    tokenizer = byte_level("chatml")
    start, cpu = time.perf_counter(), sum(os.times()[:4])
    if what == "bare":
        tokens = 0
        for line in path.read_bytes().splitlines():
            contents = [turn["content"] for turn in orjson.loads(line)["messages"]]
            tokens += len(tokenizer("\n".join(contents), add_special_tokens=False)["input_ids"])
    elif what == "trl":
        tokens = pack_with_trl(path, out.with_name("cache"), tokenizer)
    else:
        workers = int(what.partition("-")[2] or 1)
        manifest = pack_dataset([path], out, tokenizer=tokenizer, template="chatml", seq_len=SEQ_LEN, workers=workers)
        tokens = manifest["tokens"]
    # With what its workers took.
    cpu, wall = sum(os.times()[:4]) - cpu, time.perf_counter() - start
    # Not ru_maxrss: a new process begins with its parent's.
    peak_kb = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
    return {"tokens": tokens, "cpu_s": round(cpu, 2), "wall_s": round(wall, 2), "peak_mb": round(peak_kb / 1024, 1)}


def speed(sizes: list[int]) -> None:
    """Tokens per CPU second and peak memory at several sizes, each in a process of its own."""
    for records in sizes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "chats.jsonl"
            generate(path, records)
            rates, peaks = {}, {}
            for what in ("bare", "pack", "pack-2", *(("trl",) if find_spec("trl") else ())):
                command = [sys.executable, __file__, "--measure", what, str(path), str(Path(folder) / "out")]
                facts = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
                rate = round(facts["tokens"] / facts["cpu_s"])
                report(what=what, records=records, tokens_per_cpu_s=rate, **facts)
                rates[what], peaks[what] = rate, facts["peak_mb"]
            if "trl" in rates:
                times, memory = rates["pack"] / rates["trl"], peaks["pack"] / peaks["trl"]
                held = times >= 1.7 and memory <= 0.35
                report(what="beside TRL", records=records, times=round(times, 2), memory=round(memory, 3), holds=held)


def main() -> None:
    """Measures everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chats", type=int, default=10_000)
    parser.add_argument("--records", type=int, nargs="+", default=[10_000, 40_000])
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        what, path, out = arguments.measure
        sys.stdout.write(json.dumps(measure(what, Path(path), Path(out))))
        return
    masks(arguments.chats)
    fill()
    speed(arguments.records)


if __name__ == "__main__":
    main()
