"""Files that let other trainers read a training set as it is: LLaMA-Factory, axolotl and TRL.

Checked against LLaMA-Factory 0.9.5, axolotl 0.19.0 and TRL 1.16.0:

* LLaMA-Factory refuses a `file_name` folder with a file of another type in it and knows no .zst, but hands a
  `script_url` folder to `load_dataset`, which reads any shards by the card's front matter, with fixed types.
* axolotl reads the same folder by its path. Its `alpaca` type has no place for a system text or earlier turns, so it
  is offered only where there are none.
* TRL renames ShareGPT's keys but not its roles, and knows no Alpaca: trl.py converts both.
* None of them finds a data set whose path is `.`: it takes its name from the path.
"""

from __future__ import annotations

import json
import re
from typing import Any

_TAGS = {
    "messages": {
        "role_tag": "role",
        "content_tag": "content",
        "user_tag": "user",
        "assistant_tag": "assistant",
        "observation_tag": "tool",
        "system_tag": "system",
    },
    "sharegpt": {
        "role_tag": "from",
        "content_tag": "value",
        "user_tag": "human",
        "assistant_tag": "gpt",
        "system_tag": "system",
    },
}
_TOOL_TAGS = {
    "messages": {"function_tag": "function"},
    "sharegpt": {"observation_tag": "observation", "function_tag": "function_call"},
}
_COLUMNS = {
    "messages": {"messages": "messages"},
    "sharegpt": {"messages": "conversations"},
    "alpaca": {
        "prompt": "instruction",
        "query": "input",
        "response": "output",
        "system": "system",
        "history": "history",
    },
}
_TO_MESSAGES = {
    "messages": """\
def to_messages(row):
    return {"messages": row["messages"]}
""",
    "sharegpt": """\
ROLES = {"system": "system", "human": "user", "gpt": "assistant"}


def to_messages(row):
    return {"messages": [{"role": ROLES[turn["from"]], "content": turn["value"]} for turn in row["conversations"]]}
""",
    "alpaca": """\
def to_messages(row):
    messages = [{"role": "system", "content": row["system"]}] if row["system"] else []
    for question, answer in [*row["history"], [row["instruction"], row["output"]]]:
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": messages}
""",
}
_TO_TOOL_MESSAGES = {
    "messages": """\
def to_messages(row):
    return {"messages": row["messages"], "tools": row["tools"]}
""",
    "sharegpt": """\
ROLES = {"system": "system", "human": "user", "gpt": "assistant", "function_call": "assistant", "observation": "tool"}


def to_message(turn):
    message = {"role": ROLES[turn["from"]], "content": turn["value"], "tool_calls": []}
    if turn["from"] != "function_call":
        return message
    calls = json.loads(turn["value"])
    calls = [
        {"type": "function", "function": {"name": call["name"], "arguments": json.dumps(call["arguments"])}}
        for call in (calls if isinstance(calls, list) else [calls])
    ]
    return {**message, "content": "", "tool_calls": calls}


def to_messages(row):
    return {"messages": [to_message(turn) for turn in row["conversations"]], "tools": row["tools"]}
""",
}
_TRL = '''\
"""Fine-tunes MODEL on this data set with TRL: python trl_sft.py MODEL [OUTPUT_FOLDER]"""

{imports}import sys
from pathlib import Path

from datasets import load_dataset
from trl import SFTConfig, SFTTrainer

{to_messages}

def main(model, output_dir="out"):
    folder = Path(__file__).resolve().parent
    rows = load_dataset(str(folder), split="train")
    trainer = SFTTrainer(
        model=model,
        train_dataset=rows.map(to_messages, remove_columns=rows.column_names),
        # Without max_length TRL cuts every conversation at 1,024 tokens.
        args=SFTConfig(output_dir=output_dir, max_length=4096, packing=True, assistant_only_loss=True),
    )
    trainer.train()


if __name__ == "__main__":
    main(*sys.argv[1:])
'''
_KEY = re.compile(r"[^\w.-]")


def dataset_name(name: str) -> str:
    """`name` as LLaMA-Factory takes it: its list of data sets is split at commas."""
    return _KEY.sub("_", name) or "mix"


def trainer_files(name: str, layout: str, *, is_single_turn: bool, has_tools: bool = False) -> dict[str, bytes]:
    """The files by name.

    Args:
        name: the data set's folder.
        is_single_turn: no row has a system text or an earlier turn.
        has_tools: rows have definitions of tools, and may hold calls.
    """
    convert = (_TO_TOOL_MESSAGES if has_tools else _TO_MESSAGES)[layout]
    files = {
        "dataset_info.json": _llama_factory(name, layout, has_tools=has_tools),
        "trl_sft.py": _TRL.format(to_messages=convert, imports="import json\n" if "json." in convert else "").encode(),
    }
    # axolotl's own ShareGPT has no turn for calls.
    if (layout != "alpaca" or is_single_turn) and not (layout == "sharegpt" and has_tools):
        files["axolotl.yml"] = _axolotl(name, layout)
    return files


def _llama_factory(name: str, layout: str, *, has_tools: bool) -> bytes:
    # Its "openai" reads calls that are fields of a message.
    formatting = "openai" if layout == "messages" and has_tools else "sharegpt"
    entry: dict[str, Any] = {
        "script_url": ".",
        "formatting": "alpaca" if layout == "alpaca" else formatting,
        "columns": {**_COLUMNS[layout], **({"tools": "tools"} if has_tools else {})},
    }
    if layout in _TAGS:
        entry["tags"] = {**_TAGS[layout], **(_TOOL_TAGS[layout] if has_tools else {})}
    return (json.dumps({dataset_name(name): entry}, ensure_ascii=False, indent=2) + "\n").encode()


def _axolotl(name: str, layout: str) -> bytes:
    """The `datasets` part of an axolotl configuration; its values are written as JSON, which is YAML."""
    lines = [
        "# Put this into your axolotl configuration; the path is this folder's, seen from where axolotl is started.",
        "datasets:",
        f"  - path: {json.dumps(name, ensure_ascii=False)}",
        "    split: train",
        f"    type: {'alpaca' if layout == 'alpaca' else 'chat_template'}",
    ]
    if layout == "messages":
        lines.append("    field_messages: messages")
    if layout == "sharegpt":
        lines += [
            "    field_messages: conversations",
            "    message_property_mappings:",
            "      role: from",
            "      content: value",
        ]
    if layout != "alpaca":
        lines.append('    roles_to_train: ["assistant"]')
    return ("\n".join(lines) + "\n").encode()
