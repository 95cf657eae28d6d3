"""What each template must write, spelt out a second time from the families' formats, and a mask oracle on bytes.

The oracle knows nothing of pieces being tokenised apart: it spells the whole chat and walks over the bytes of tokens.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from tiny import token_bytes
from transformers import PreTrainedTokenizerFast

from blossom_data.records import Message

# (text, is one special token, is supervised)
Spelling = list[tuple[str, bool, bool]]
BLOSSOM_SYSTEM = (
    "A chat between a human and an artificial intelligence bot. "
    "The bot gives helpful, detailed, and polite answers to the human's questions."
)


def spell(template: str, messages: Sequence[Message], *, bos: str = "", prompt: bool = False) -> Spelling:
    """The chat as `template` writes it; with `prompt`, up to where the assistant begins."""
    spelt: Spelling = [(bos, True, False)] if bos else []
    turns = [(turn.role, turn.content) for turn in messages]
    if template == "llama-3":
        turns = [(role, content.strip()) for role, content in turns]
    if template == "own" and (not turns or turns[0][0] != "system"):
        turns.insert(0, ("system", "You are a tiny model."))
    if template == "blossom" and (not turns or turns[0][0] != "system"):
        turns.insert(0, ("system", BLOSSOM_SYSTEM))
    if template == "mistral" and turns and turns[0][0] == "system":
        if len(turns) > 1 and turns[1][0] == "user":
            turns[:2] = [("user", turns[0][1] + "\n\n" + turns[1][1])]
        else:
            turns[0] = ("user", turns[0][1])
    for role, content in turns:
        spelt += _turn(template, role, content)
    return spelt + (_prompt(template) if prompt else [])


def _turn(template: str, role: str, content: str) -> Spelling:
    said = role == "assistant"
    match template:
        case "chatml" | "yi" | "own":
            head: Spelling = [("<|im_start|>", True, False), (f"{role}\n", False, False)]
            return [*head, (content, False, said), ("<|im_end|>", True, said), ("\n", False, False)]
        case "qwen":
            if role == "tool":
                role, content = "user", f"<tool_response>\n{content}\n</tool_response>"
            return _turn("chatml", role, content)
        case "llama-3":
            name = "ipython" if role == "tool" else role
            head = [("<|start_header_id|>", True, False), (name, False, False), ("<|end_header_id|>", True, False)]
            return [*head, ("\n\n", False, False), (content, False, said), ("<|eot_id|>", True, said)]
        case "mistral":
            if said:
                return [(" " + content, False, True), ("</s>", True, True)]
            name = "TOOL_RESULTS" if role == "tool" else "INST"
            return [(f"[{name}]", True, False), (" " + content, False, False), (f"[/{name}]", True, False)]
        case "baichuan":
            if role == "system":
                return [(content, False, False)]
            if said:
                return [("<reserved_107>", True, False), (content, False, True), ("</s>", True, True)]
            return [("<reserved_106>", True, False), (content, False, False)]
        case "bloom":
            if role == "system":
                return [(content + "\n\n", False, False)]
            if said:
                reply: Spelling = [("Assistant:", False, False), (" " + content, False, True), ("</s>", True, True)]
                return [*reply, ("\n\n", False, False)]
            return [(f"{'Tool' if role == 'tool' else 'Human'}: {content}\n\n", False, False)]
        case "blossom":
            if role == "system":
                return [(content, False, False)]
            if said:
                return [("\n|Bot|: ", False, False), (content, False, True), ("</s>", True, True)]
            return [(f"\n|Human|: {content}", False, False)]
    raise AssertionError(template)


def _prompt(template: str) -> Spelling:
    match template:
        case "llama-3":
            head: Spelling = [("<|start_header_id|>", True, False), ("assistant", False, False)]
            return [*head, ("<|end_header_id|>", True, False), ("\n\n", False, False)]
        case "mistral":
            return []
        case "baichuan":
            return [("<reserved_107>", True, False)]
        case "bloom":
            return [("Assistant:", False, False)]
        case "blossom":
            return [("\n|Bot|: ", False, False)]
        case _:
            return [("<|im_start|>", True, False), ("assistant\n", False, False)]


def blanks_behind_tokens(spelt: Spelling) -> Spelling:
    """The spelling as an old SentencePiece tokenizer reads it: a blank before each text behind a special token."""
    read: Spelling = []
    is_behind_token = True
    for text, is_special, is_supervised in spelt:
        has_blank = bool(text) and is_behind_token and not is_special
        read.append((" " + text if has_blank else text, is_special, is_supervised))
        is_behind_token = is_special or (is_behind_token and not text)
    return read


def wrong_tokens(
    tokenizer: PreTrainedTokenizerFast, spelt: Spelling, ids: Sequence[int], supervised: Sequence[bool]
) -> int:
    """How many of `ids` do not lie wholly in one spelt stretch with its mask, or are special where the text is not."""
    marks: list[tuple[bool, bool, int]] = []
    for number, (text, is_special, is_supervised) in enumerate(spelt):
        marks += [(is_special, is_supervised, number if is_special else -1)] * len(text.encode())
    written = "".join(text for text, _, _ in spelt).encode()
    wrong = position = 0
    special = set(tokenizer.all_special_ids) | {
        tokenizer.convert_tokens_to_ids(text) for text, is_special, _ in spelt if is_special
    }
    special -= {tokenizer.unk_token_id}
    for token, is_supervised in zip(ids, supervised, strict=True):
        size = token_bytes(tokenizer, token)
        covered = marks[position : position + len(size)]
        fits = written[position : position + len(size)] == size and len(set(covered)) == 1
        wrong += not (fits and covered[0][0] == (token in special) and covered[0][1] == is_supervised)
        position += len(size)
    return wrong + abs(len(written) - position)


def turn(role: str, content: str) -> Message:
    return Message(role, content)


def _chat(*contents: str, first: str = "user") -> list[Message]:
    roles = ("user", "assistant") if first == "user" else ("assistant", "user")
    return [Message(roles[number % 2], content) for number, content in enumerate(contents)]


_TOKENS = "<|im_start|>assistant\nhi<|im_end|></s><s>[INST] [/INST]<|eot_id|><reserved_107><|endoftext|><pad>"
ADVERSARIAL: dict[str, list[Message]] = {
    "plain": _chat("2+2?", "It is 4."),
    "turns": _chat("a", "one two", "b", "three four"),
    "list of lists": _chat("matrix?", "[[1, 2], [3, 4]]"),
    "reply begins with [": _chat("list", "[1, 2]"),
    "content begins with [": _chat("[x] list", "[INST"),
    "reply begins with newlines": _chat("x", "\n\nSo the answer is 4."),
    "question begins with newlines": _chat("\n\nx\n", "y\n\n"),
    "blanks": _chat("  two  ", "   four   "),
    "only newlines": _chat("\n\n\n", "\n"),
    "empty reply": _chat("x", "", "y", "ok"),
    "empty question": _chat("", "ok"),
    "empty system": [turn("system", ""), *_chat("x", "y")],
    "system": [turn("system", "Be brief."), *_chat("x", "y", "z", "w")],
    "system before a reply": [turn("system", "Be brief."), *_chat("hello", "x", "y", first="assistant")],
    "system in the middle": [*_chat("x", "y"), turn("system", "Be long."), *_chat("z", "w")],
    "tool": [*_chat("weather?", "<call>"), turn("tool", '{"c": 21}\n'), turn("assistant", "21 degrees")],
    "tool first": [turn("tool", "x"), *_chat("y", "z")],
    "assistant first": _chat("hello", "hi", "bye", first="assistant"),
    "two replies": [*_chat("x", "y"), turn("assistant", "z")],
    "Chinese": _chat("天空是什么颜色？", "蓝色的。天很蓝"),
    "emoji": _chat("hi 👩‍👩‍👧", "great 🎉"),
    "tokens in a question": _chat(f"say {_TOKENS}", "no"),
    "tokens in a reply": _chat("x", f"{_TOKENS} {_TOKENS}"),
    "tokens in a system text": [turn("system", _TOKENS), *_chat("x", "y")],
    "only a token": _chat("<|im_end|>", "</s>"),
    "headers in text": _chat("Human: x\n\nAssistant: y", "\n|Human|: x\n|Bot|: assistant\n"),
    "controls": _chat("\x1b[31m\x00\u202e", "\r\n\t\u2028"),
}
_WORDS = ["four", " ", "\n", "\n\n", "[", "]]", "天空", "🎉", "é", "|Bot|: ", "assistant\n", "", "  ", "x" * 40]
_WORDS += ["<|im_start|>", "<|im_end|>", "</s>", "<s>", "[INST]", "[/INST]", "<|eot_id|>", "<reserved_106>", "<unk>"]


def random_chat(number: int) -> list[Message]:
    """Chat `number` of an endless series: roles and contents in any order, one reply at least."""
    drawn = random.Random(number)
    roles = drawn.choices(["user", "assistant", "tool", "system"], [5, 5, 1, 1], k=drawn.randint(1, 7))
    roles.insert(drawn.randint(0, len(roles)), "assistant")
    return [turn(role, "".join(drawn.choices(_WORDS, k=drawn.randint(0, 9)))) for role in roles]
