"""The forms in which servers send what a model thought: a thought and an answer in, the message of a completion out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Form = Callable[[str, str], dict[str, Any]]


def _text(pattern: str) -> Form:
    return lambda thought, said: {"content": pattern.replace("THOUGHT", thought).replace("SAID", said)}


TWELVE: dict[str, Form] = {
    "pair": _text("<think>\nTHOUGHT\n</think>\n\nSAID"),
    "the template opens": _text("THOUGHT\n</think>\n\nSAID"),
    "thinking": _text("<thinking>THOUGHT</thinking>\nSAID"),
    "capital": _text("<Think>THOUGHT</Think>SAID"),
    "thought": _text("<thought>\nTHOUGHT\n</thought>\n\nSAID"),
    "reasoning": _text("<reasoning>THOUGHT</reasoning>\n\nSAID"),
    "channels": _text(
        "<|channel|>analysis<|message|>THOUGHT<|end|><|start|>assistant<|channel|>final<|message|>SAID<|return|>"
    ),
    "bare channels": _text("analysisTHOUGHTassistantfinalSAID"),
    "parts": lambda thought, said: {
        "content": [
            {"type": "thinking", "thinking": [{"type": "text", "text": thought}]},
            {"type": "text", "text": said},
        ]
    },
    "reasoning_content": lambda thought, said: {"content": said, "reasoning_content": thought},
    "reasoning field": lambda thought, said: {
        "content": said,
        "reasoning": thought,
        "reasoning_details": [{"type": "reasoning.text", "text": thought}],
    },
    "brackets": _text("[THINK]THOUGHT[/THINK]SAID"),
}
MORE: dict[str, Form] = {
    "Kimi": _text("◁think▷THOUGHT◁/think▷SAID"),
    "Seed": _text("<seed:think>THOUGHT</seed:think>SAID"),
    "Cohere": _text("<|START_THINKING|>THOUGHT<|END_THINKING|><|START_RESPONSE|>SAID<|END_RESPONSE|>"),
    "Sky": _text(
        "<|begin_of_thought|>\nTHOUGHT\n<|end_of_thought|>\n\n<|begin_of_solution|>\nSAID\n<|end_of_solution|>"
    ),
    "Gemma": _text("<|channel>thought\nTHOUGHT<channel|>SAID<turn|>"),
    "Granite": _text("Here is my thought process:\nTHOUGHT\n\nHere is my response:\nSAID"),
    "Ollama": _text("Thinking...\nTHOUGHT\n...done thinking.\n\nSAID"),
    "attributes": _text('<think duration="3.2">THOUGHT</think >\nSAID'),
    "escaped": _text("&lt;think&gt;THOUGHT&lt;/think&gt;\nSAID"),
    "closed by another": _text("<thinking>THOUGHT</think>\n\nSAID"),
    "nested": _text("<think>so <think> THOUGHT</think> hm</think>\nSAID"),
    "answer tag": _text("<think>THOUGHT</think>\n<answer>SAID</answer>"),
    "twice": _text("<think>THOUGHT</think>\n\n<think>THOUGHT</think>\n\nSAID"),
    "empty": _text("<think>\n\n</think>\n\nSAID"),
    "blocks": lambda thought, said: {"content": said, "thinking_blocks": [{"type": "thinking", "thinking": thought}]},
    "Doubao": _text(
        "<seed:think>THOUGHT<seed:cot_budget_reflect>128 used</seed:cot_budget_reflect>hm</seed:think>SAID"
    ),
    "bare channels in lines": _text("analysis\nTHOUGHT\nassistantfinal\nSAID"),
    "details": _text("<details><summary>Thought for 3 s</summary>\nTHOUGHT\n</details>\n\nSAID"),
    "the end in the name": _text("<|thought_start|>THOUGHT<|thought_end|>SAID"),
    "Chinese brackets": _text("【思考】THOUGHT【/思考】\nSAID"),
    "deliberation": _text("<deliberation>THOUGHT</deliberation>\nSAID"),
    "speaks of its end": _text("<think>With </think> it ends, `</think>` that is. THOUGHT</think>\n\nSAID"),
    "shows its end": _text("<think>So:\n```\n</think>\n```\nTHOUGHT\n</think>\n\nSAID"),
    "lines of Windows": _text("<THINK>\r\nTHOUGHT\r\n</THINK>\r\n\r\nSAID"),
    "EXAONE": _text("<thought>\nTHOUGHT\n</thought>\n\nSAID[|endofturn|]"),
    "pair and token": _text("<think>THOUGHT</think>SAID<|im_end|>"),
    "doubled": _text("<<think>>THOUGHT<</think>>SAID"),
    "doubled brackets": _text("[[think]]THOUGHT[[/think]]SAID"),
    "escaped by number": _text("&#60;think&#62;THOUGHT&#60;/think&#62;SAID"),
    "German": _text("<denken>THOUGHT</denken>\nSAID"),
    "Russian": _text("<размышления>THOUGHT</размышления>\nSAID"),
    "internal": _text("<internal_monologue>THOUGHT</internal_monologue>SAID"),
    "fence": _text("```thinking\nTHOUGHT\n```\nSAID"),
    "behind a mark": _text("\ufeff\u200b<think>THOUGHT</think>SAID"),
    "behind a role": _text("assistant\n<think>THOUGHT</think>SAID"),
    "marked parts": lambda thought, said: {
        "content": [{"type": "text", "text": thought, "thought": True}, {"type": "text", "text": said}]
    },
    "both": lambda thought, said: {"content": f"{thought}</think>\n\n{said}", "reasoning_content": thought},
}
FORMS = TWELVE | MORE
