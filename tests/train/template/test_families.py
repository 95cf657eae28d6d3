"""Every family against what writes its chats elsewhere: TRL's templates, mistral-common, or the published text."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import pytest

pytest.importorskip("transformers")

from tiny import EOS, byte_level, finish, metaspace
from tokenizers import Tokenizer, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from transformers.utils.chat_template_utils import render_jinja_template

from blossom_data.records import Message, ToolCall
from blossom_data.rows.turns import tools_text
from blossom_data.train.template.encode import EncodedChat, Encoder, Unfit
from blossom_data.train.template.gates import served
from blossom_data.train.template.templates import TEMPLATES, template_for
from blossom_data.train.template.to_jinja import chat_template

# Source: tokenizer_config.json of microsoft/phi-4.
PHI_4 = (
    "{% for message in messages %}{% if (message['role'] == 'system') %}{{'<|im_start|>system<|im_sep|>' + "
    "message['content'] + '<|im_end|>'}}{% elif (message['role'] == 'user') %}{{'<|im_start|>user<|im_sep|>' + "
    "message['content'] + '<|im_end|>'}}{% elif (message['role'] == 'assistant') %}"
    "{{'<|im_start|>assistant<|im_sep|>' + message['content'] + '<|im_end|>'}}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant<|im_sep|>' }}{% endif %}"
)
# Source: tokenizer_config.json of THUDM/glm-4-9b-chat, without its tools of its own (python, simple_browser, cogview);
# the line breaks behind its blocks, which transformers trims and the family's tokenizer does not, are texts here.
GLM_4 = (
    "[gMASK]<sop>{% for item in messages %}{% if item['tools'] is defined %}<|system|>\n"
    "你是一个名为 ChatGLM 的人工智能助手。你是基于智谱AI训练的语言模型 GLM-4 模型开发的，"
    "你的任务是针对用户的问题和要求提供适当的答复和支持。\n\n# 可用工具"
    "{% set tools = item['tools'] %}{% for tool in tools %}{% if tool['type'] == 'function' %}{{ '\n\n## ' }}"
    "{{ tool['function']['name'] }}\n\n{{ tool['function'] | tojson(indent=4) }}\n"
    "在调用上述函数时，请使用 Json 格式表示调用的参数。"
    "{% endif %}{% endfor %}{% endif %}{% if item['content'] %}<|{{ item['role'] }}|>{{ item['metadata'] }}\n"
    "{{ item['content'] }}{% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
# Source: examples/tool_chat_template_deepseekv3.jinja of vLLM: the family's own templates do not write definitions.
DEEPSEEK_TOOLS = (
    "{% if tools %}{{ '\n\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are "
    "provided with function signatures within <tools></tools> XML tags:\n<tools>' }}{% for tool in tools %}{{ '\n' }}"
    "{{ tool | tojson }}{% endfor %}{{ '\n</tools>\n\n' }}"
    "{{ 'For function call returns, you should first print <｜tool▁calls▁begin｜>' }}"
    "{{ 'For each function call, you should return object like:\n' }}"
    "{{ '<｜tool▁call▁begin｜>function<｜tool▁sep｜><function_name>\n"
    "```json\n<function_arguments_in_json_format>\n```<｜tool▁call▁end｜>' }}"
    "{{ 'At the end of function call returns, you should print "
    "<｜tool▁calls▁end｜><｜end▁of▁sentence｜>' }}{% endif %}"
)
# Source: tokenizer_config.json of 01-ai/Yi-34B-Chat.
YI = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + "
    "'\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# Source: generation_utils.py of baichuan-inc/Baichuan2-7B-Chat, as Jinja.
BAICHUAN = (
    "{% for m in messages %}{% if m['role'] == 'user' %}<reserved_106>{% elif m['role'] == 'assistant' %}"
    "<reserved_107>{% endif %}{{ m['content'] }}{% if m['role'] == 'assistant' %}{{ eos_token }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<reserved_107>{% endif %}"
)
PUBLISHED = {"phi-4": PHI_4, "glm-4": GLM_4, "yi": YI, "chatml": YI, "baichuan": BAICHUAN}
OF_TRL = {
    "qwen2.5": "qwen2_5",
    "qwen3": "qwen3",
    "qwen3-instruct": "qwen3_instruct_2507",
    "llama-3": "llama3",
    "llama-3.1": "llama3_1",
    "gemma": "gemma3",
    "phi-3": "phi3",
    "deepseek-r1-distill": "deepseek_r1_distill",
    "deepseek-v3": "deepseekv3",
    "gpt-oss": "gptoss",
}

ASKED, SAID = Message("user", "What is 6 times 7?"), Message("assistant", "It is 42.")
AGAIN, SO = Message("user", " And 8 times 7? "), Message("assistant", "def f(x):\n    return [x, 56]")
SYSTEM = Message("system", "Be brief.")
PLAIN = {
    "one": [ASKED, SAID],
    "two": [ASKED, SAID, AGAIN, SO],
    "three": [ASKED, SAID, AGAIN, SO, ASKED, Message("assistant", "天很蓝")],
    "system": [SYSTEM, ASKED, SAID],
    "system and two": [SYSTEM, ASKED, SAID, AGAIN, SO],
}
TOOLS = tools_text(
    [
        {
            "name": "weather",
            "description": 'Weather of a "city".',
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
        {"type": "function", "function": {"name": "time", "parameters": {}}},
    ]
)
WEATHER = Message("assistant", "", tool_calls=(ToolCall("weather", '{"city": "Zürich", "days": [1, 2]}'),))
BOTH = Message("assistant", "", tool_calls=(*WEATHER.tool_calls, ToolCall("time", "{}")))
RAIN, NOON = Message("tool", '{"c": 21}'), Message("tool", "noon")
CALLING = {
    "call": [ASKED, WEATHER, RAIN, SAID],
    "call last": [SYSTEM, ASKED, WEATHER],
    "system, tools": [SYSTEM, ASKED, WEATHER, RAIN, SAID, AGAIN, SO],
}
SEVERAL = {
    "two calls": [ASKED, BOTH, RAIN, NOON, SAID],
    "text and call": [ASKED, Message("assistant", "Let me see.", tool_calls=WEATHER.tool_calls), RAIN, SAID],
}
HMM, SO_HMM = Message("assistant", "42.", "Six sevens.\nThat is 42."), Message("assistant", "56.", "Eight sevens.")
THINKING = {
    "thinking": [ASKED, HMM],
    "thinking twice": [SYSTEM, ASKED, HMM, AGAIN, SO_HMM],
    "thinking at the end": [ASKED, SAID, AGAIN, SO_HMM],
    "thinking at the beginning": [ASKED, HMM, AGAIN, SO],
}
THINKING_CALLS = {
    "thinks, calls, thinks": [
        ASKED,
        HMM,
        AGAIN,
        Message("assistant", "", "I ask.", WEATHER.tool_calls),
        RAIN,
        Message("assistant", "21.", "It says 21."),
    ],
}


def tokenizer_of(name: str) -> PreTrainedTokenizerFast:
    """A tiny one with the family's special tokens, and its tags as ordinary ones."""
    model = Tokenizer.from_str(byte_level(name).backend_tokenizer.to_str())
    if name.startswith(("qwen", "deepseek")):
        model.add_tokens(["<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"])
    if name == "gpt-oss":
        # As the family's: no token reaches over the beginning of a word, where a prompt ends and a call begins.
        model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    return finish(model, name)


def oracle_of(name: str) -> str:
    if name in PUBLISHED:
        return PUBLISHED[name]
    text = resources.files("trl").joinpath("chat_templates", f"{OF_TRL[name]}.jinja").read_text()
    if name == "deepseek-v3":
        # TRL's is that of R1, which differs from V3's in what the prompt of a reply opens.
        text = text.replace("<｜Assistant｜><think>\\n'}}", "<｜Assistant｜>'}}")
    if name.startswith("deepseek"):
        text = text.replace("ns.system_prompt}}{", "ns.system_prompt}}" + DEEPSEEK_TOOLS + "{")
        text = text.replace("ns.system_prompt }}{", "ns.system_prompt }}" + DEEPSEEK_TOOLS + "{")
    return text.replace('strftime_now("%Y-%m-%d")', '"2025-08-05"')


def written(
    name: str, tokenizer: PreTrainedTokenizerFast, messages: list[Message], tools: str = "", *, prompt: bool = False
) -> str:
    """The chat as the family's own template writes it."""
    given = json.loads(tools) if tools else None
    turns = [in_fields_of(name, served(turn)) for turn in messages]
    if name == "glm-4" and given:
        turns = [{"role": "system", "content": "", "tools": given}, *turns]
    # Not through the tokenizer, which takes contents that are None away before the template sees them.
    texts, _ = render_jinja_template(
        [turns],
        tools=given,
        chat_template=oracle_of(name),
        add_generation_prompt=prompt,
        bos_token=tokenizer.bos_token,
        eos_token=tokenizer.eos_token,
    )
    return str(texts[0])


def in_fields_of(name: str, turn: dict[str, Any]) -> dict[str, Any]:
    """A turn with the fields that the family's own template reads."""
    calls = turn.get("tool_calls")
    if name == "gpt-oss" and "reasoning_content" in turn:
        turn["thinking"] = turn.pop("reasoning_content")
    if name == "glm-4" and calls:
        called = calls[0]["function"]
        return {
            "role": "assistant",
            "metadata": called["name"],
            "content": json.dumps(called["arguments"], ensure_ascii=False),
        }
    if name == "glm-4" and turn["role"] == "tool":
        turn["role"] = "observation"
    if name.startswith("deepseek") and calls:
        turn["content"] = turn["content"] or None
        for call in calls:
            call["function"]["arguments"] = json.dumps(call["function"]["arguments"], ensure_ascii=False)
    return turn


def check(name: str, tokenizer: PreTrainedTokenizerFast, messages: list[Message], tools: str = "") -> EncodedChat:
    """Text, ids and prompt of a chat are those of the family's template; so is the exported template's text."""
    encoder = template_for(name, tokenizer)
    text = written(name, tokenizer, messages, tools)
    if name == "phi-3":
        text = text.removesuffix(EOS[name])
    if name == "glm-4":
        text += "<|observation|>" if messages[-1].tool_calls else "<|user|>"
    assert encoder.text(messages, tools) == text
    chat = encoder.encode(messages, tools)
    assert isinstance(chat, EncodedChat)
    assert chat.ids == tokenizer(text, add_special_tokens=False)["input_ids"]
    given = json.loads(tools) if tools else None
    turns = [served(turn) for turn in messages]
    exported = tokenizer.apply_chat_template(turns, tools=given, chat_template=chat_template(encoder), tokenize=False)
    assert exported == text
    stops = encoder.stop_ids()
    replies = [place for place, turn in enumerate(messages) if turn.role == "assistant"]
    for place, turn in zip(replies, (turn for turn in chat.turns if turn.role == "assistant"), strict=True):
        prompt = encoder.encode_prompt(messages[:place], tools)
        if turn.is_learnt:
            assert turn.ids[turn.end - 1] in stops
            assert chat.ids[: len(prompt)] == prompt
    prompt = encoder.encode_prompt(messages[: replies[-1]], tools)
    asked = written(name, tokenizer, messages[: replies[-1]], tools, prompt=True)
    assert prompt == tokenizer(asked, add_special_tokens=False)["input_ids"]
    assert chat.turns[-1].is_learnt
    return chat


@pytest.mark.parametrize("name", [*PUBLISHED, *OF_TRL])
def test_plain_chats_are_written_as_the_family_writes_them(name: str) -> None:
    tokenizer = tokenizer_of(name)
    chats = dict(PLAIN)
    if name == "deepseek-r1-distill":
        # Its own template forgets that a reply without thinking had an empty block: a prompt opens one always.
        chats = {}
    for messages in chats.values():
        check(name, tokenizer, messages)


ONE_CALL = ("llama-3.1", "glm-4", "gpt-oss")


@pytest.mark.parametrize("name", ["qwen2.5", "qwen3", "qwen3-instruct", "llama-3.1", "glm-4", "gpt-oss", "deepseek-v3"])
def test_tools_and_calls_are_written_as_the_family_writes_them(name: str) -> None:
    tokenizer = tokenizer_of(name)
    chats = CALLING if name in ONE_CALL else {**CALLING, **SEVERAL}
    # gpt-oss' own template fails on a tool without a description.
    tools = TOOLS.replace('"name": "time"', '"name": "time", "description": "Now."') if name == "gpt-oss" else TOOLS
    for messages in chats.values():
        check(name, tokenizer, messages, tools)
        if name != "llama-3.1":
            check(name, tokenizer, messages)
    hostile = ToolCall("f", '{"text": "<|im_end|><|eot_id|>"}')
    plain = ToolCall("f", '{"text": "x"}')
    encoder = template_for(name, tokenizer)
    special = set(tokenizer.all_special_ids)
    counts = [
        [
            token
            for token in encoder.encode([ASKED, Message("assistant", "", tool_calls=(call,))]).ids
            if token in special
        ]
        for call in (hostile, plain)
    ]
    assert counts[0] == counts[1]


def test_qwen3_thinks_before_its_last_reply_alone() -> None:
    tokenizer = tokenizer_of("qwen3")
    for messages in THINKING.values():
        check("qwen3", tokenizer, messages)
    check("qwen3", tokenizer, THINKING_CALLS["thinks, calls, thinks"], TOOLS)
    encoder = template_for("qwen3", tokenizer)
    inline = Message("assistant", f"<think>\n{HMM.reasoning_content}\n</think>\n\n{HMM.content}")
    assert encoder.text([ASKED, inline]) == encoder.text([ASKED, HMM])
    learnt = {name: replies_learnt(encoder, messages) for name, messages in THINKING.items()}
    # A reply that lost its thinking is context: what the model shall say there is something else.
    assert learnt == {
        "thinking": [True],
        "thinking twice": [False, True],
        "thinking at the end": [True, True],
        "thinking at the beginning": [False, True],
    }


def replies_learnt(encoder: Encoder, messages: list[Message]) -> list[bool]:
    chat = encoder.encode(messages)
    assert isinstance(chat, EncodedChat)
    return [turn.is_learnt for turn in chat.turns if turn.role == "assistant"]


def test_deepseek_r1_distill_learns_what_its_prompt_opens() -> None:
    name = "deepseek-r1-distill"
    tokenizer = tokenizer_of(name)
    encoder = template_for(name, tokenizer)
    for messages in (THINKING["thinking"], THINKING["thinking twice"], THINKING["thinking at the end"]):
        *before, reply = messages
        text = written(name, tokenizer, before, prompt=True) + f"{reply.reasoning_content}\n</think>\n\n{reply.content}"
        chat = encoder.encode(messages)
        assert isinstance(chat, EncodedChat)
        assert encoder.text(messages) == text + EOS[name]
        assert chat.ids == tokenizer(text + EOS[name], add_special_tokens=False)["input_ids"]
        assert replies_learnt(encoder, messages) == [False] * (len(messages) // 2 - 1) + [True]
        exported = tokenizer.apply_chat_template(
            [served(turn) for turn in messages], chat_template=chat_template(encoder), tokenize=False
        )
        assert exported == encoder.text(messages)


def test_deepseek_r1_distill_calls_behind_its_thinking_and_goes_on_without_a_prompt() -> None:
    name = "deepseek-r1-distill"
    tokenizer = tokenizer_of(name)
    encoder = template_for(name, tokenizer)
    for messages in (CALLING["call"], CALLING["system, tools"][:5]):
        assert encoder.text(messages, TOOLS).removesuffix(EOS[name]) == written(
            name, tokenizer, messages, TOOLS
        ).replace(
            # Its own template ends a single call with nothing.
            "```<｜tool▁call▁end｜><｜tool▁outputs▁begin｜>",
            "```<｜tool▁call▁end｜><｜tool▁calls▁end｜><｜end▁of▁sentence｜><｜tool▁outputs▁begin｜>",
        ).removesuffix(EOS[name])
        assert replies_learnt(encoder, messages) == [False, True]
        asked = written(name, tokenizer, messages[:-1], TOOLS, prompt=True).split("<｜tool▁outputs▁begin｜>")[1]
        assert encoder.text(messages[:-1], TOOLS, is_prompt=True).endswith("<｜tool▁outputs▁begin｜>" + asked)
    thinks = [
        ASKED,
        Message("assistant", "", "I ask.", BOTH.tool_calls),
        RAIN,
        NOON,
        Message("assistant", "21.", "So."),
    ]
    assert replies_learnt(encoder, thinks) == [True, True]
    assert "<｜Assistant｜><think>\nI ask.\n</think>\n\n<｜tool▁calls▁begin｜>" in encoder.text(thinks)
    assert encoder.text(thinks).endswith(
        "noon<｜tool▁output▁end｜><｜tool▁outputs▁end｜><think>\nSo.\n</think>\n\n21." + EOS[name]
    )
    for messages in (thinks, thinks[:2]):
        exported = tokenizer.apply_chat_template(
            [served(turn) for turn in messages], chat_template=chat_template(encoder), tokenize=False
        )
        assert exported == encoder.text(messages)


def test_gpt_oss_keeps_what_it_thought_before_a_call_until_it_answers() -> None:
    name, thought = "gpt-oss", Message("assistant", "", "I ask.", WEATHER.tool_calls)
    tokenizer = tokenizer_of(name)
    encoder = template_for(name, tokenizer)
    check(name, tokenizer, [ASKED, thought], MISTRAL_TOOLS)
    check(name, tokenizer, [ASKED, thought, RAIN, thought], MISTRAL_TOOLS)
    check(name, tokenizer, [ASKED, thought, RAIN, SAID, AGAIN, SO_HMM], MISTRAL_TOOLS)
    said = Message("assistant", "I ask.", tool_calls=WEATHER.tool_calls)
    assert encoder.text([ASKED, said]) == encoder.text([ASKED, thought])
    assert encoder.encode([ASKED, Message("assistant", "Well.", "I ask.", WEATHER.tool_calls)]) == Unfit(
        "unsupported_content"
    )
    # Its own template forgets in a finished chat what the prompt of the answer still held.
    answered = [ASKED, thought, RAIN, SO_HMM]
    asked = written(name, tokenizer, answered[:3], MISTRAL_TOOLS, prompt=True)
    assert encoder.text(answered, MISTRAL_TOOLS).startswith(
        asked + "<|channel|>analysis<|message|>Eight sevens.<|end|>"
    )
    assert replies_learnt(encoder, answered) == [True, True]
    assert replies_learnt(encoder, [*answered, AGAIN, SO_HMM]) == [False, False, True]


SCHEMAS: list[dict[str, Any]] = [
    {"type": "string", "enum": ["a", "b"], "default": "a", "description": "Which."},
    {"type": "string", "nullable": True},
    {"type": "integer", "default": 3},
    {"type": "boolean"},
    {"type": "array"},
    {"type": "array", "nullable": True, "items": {"type": "integer"}},
    {"type": "array", "items": {"type": "boolean"}},
    {"type": "array", "items": {"type": "string"}},
    {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
    {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]}},
    {"type": "array", "items": {"type": "object", "properties": {f"x{n}": {"type": "string"} for n in range(9)}}},
    {"type": ["string", "null"]},
    {"type": ["object"]},
    {"type": "object"},
    {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "object", "properties": {"c": {}}}}},
    {"oneOf": [{"type": "string", "description": "A name."}, {"type": "integer", "default": 1}], "default": "x"},
    {"oneOf": [{"type": "object"}, {"type": "string"}]},
    {"oneOf": [{"type": "object"}]},
    {},
]


@pytest.mark.parametrize("name", ["gpt-oss", "glm-4", "deepseek-v3"])
def test_definitions_of_every_kind_are_written_as_the_family_writes_them(name: str) -> None:
    tokenizer = tokenizer_of(name)
    for number, schema in enumerate(SCHEMAS):
        parameters = {"type": "object", "properties": {"one": schema, "other": schema}, "required": ["other"]}
        tool = {"name": f"tool_{number}", "description": 'Of a "city" <b>天</b>.', "parameters": parameters}
        check(name, tokenizer, [SYSTEM, ASKED, SAID], tools_text([tool, {**tool, "name": "again"}]))
    check(name, tokenizer, [ASKED, SAID], tools_text([{"name": "bare", "description": "", "parameters": {}}]))


def test_gpt_oss_thinks_in_its_own_channel_and_returns_once() -> None:
    tokenizer = tokenizer_of("gpt-oss")
    for messages in (*THINKING.values(), PLAIN["two"]):
        check("gpt-oss", tokenizer, messages)
    assert replies_learnt(template_for("gpt-oss", tokenizer), PLAIN["three"]) == [False, False, True]


@pytest.mark.parametrize("name", [name for name in TEMPLATES if TEMPLATES[name].calls is None])
def test_a_family_without_a_form_for_tools_says_so(name: str) -> None:
    encoder = template_for(name, byte_level(name))
    assert encoder.encode([ASKED, WEATHER]) == Unfit("unsupported_content")
    assert encoder.encode([ASKED, SAID], TOOLS) == Unfit("unsupported_content")


@pytest.mark.parametrize("name", TEMPLATES)
def test_thinking_trains_in_every_family_and_nothing_else_changes(name: str) -> None:
    encoder = template_for(name, byte_level(name))
    chat = encoder.encode([ASKED, HMM])
    assert isinstance(chat, EncodedChat)
    assert chat.turns[-1].is_learnt
    assert HMM.reasoning_content.split("\n")[0] in encoder.text([ASKED, HMM])
    bare = [ASKED, Message("assistant", HMM.content)]
    assert HMM.reasoning_content.split("\n")[0] not in encoder.text(bare)


# mistral-common: what a request becomes is its part, which token a text is that of a tiny tokenizer.
VERSIONS = {
    "mistral-v1": "V1",
    "mistral-v3": "V3",
    "mistral-v3-tekken": "V3",
    "mistral-v7": "V7",
    "mistral-v7-tekken": "V7",
}


def mistral_ids(name: str, tokenizer: PreTrainedTokenizerFast, messages: list[Message], tools: str) -> list[int]:
    """The ids that mistral-common makes of a chat that goes on to a last reply."""
    instruct = pytest.importorskip("mistral_common.tokens.tokenizers.instruct")
    from mistral_common.protocol.instruct import messages as turns
    from mistral_common.protocol.instruct.request import InstructRequest
    from mistral_common.protocol.instruct.tool_calls import FunctionCall, Tool
    from mistral_common.protocol.instruct.tool_calls import ToolCall as Call

    has_blank = name in ("mistral-v3", "mistral-v7")

    class Tiny:
        """As mistral-common asks: SentencePiece puts a blank before each text, tekken does not."""

        model_settings_builder = None
        bos_id, eos_id = tokenizer.bos_token_id, tokenizer.eos_token_id

        def encode(self, text: str, bos: bool, eos: bool) -> list[int]:
            assert not bos and not eos
            return list(tokenizer((" " if has_blank else "") + text, add_special_tokens=False)["input_ids"])

        def get_special_token(self, text: str) -> int:
            return int(tokenizer.get_vocab().get(text, -1))

        get_control_token = get_special_token

        def __getattr__(self, asked: str) -> Any:
            return lambda *_, **__: ""

    def made(turn: Message) -> Any:
        if turn.role == "user":
            return turns.UserMessage(content=turn.content)
        if turn.role == "system":
            return turns.SystemMessage(content=turn.content)
        if turn.role == "tool":
            return turns.ToolMessage(content=turn.content, tool_call_id=turn.tool_call_id)
        calls = [
            Call(id=each.id or "null", function=FunctionCall(name=each.name, arguments=each.arguments))
            for each in turn.tool_calls
        ]
        return turns.AssistantMessage(content=turn.content or None, tool_calls=calls or None)

    system, rest = None, list(messages)
    if rest[0].role == "system" and VERSIONS[name] != "V7":
        system = rest.pop(0).content
    request = InstructRequest(
        messages=[made(turn) for turn in rest],
        system_prompt=system,
        available_tools=[Tool.model_validate(tool) for tool in json.loads(tools)] if tools else None,
    )
    encoder = getattr(instruct, f"InstructTokenizer{VERSIONS[name]}")(Tiny())
    return list(encoder.encode_instruct(request).tokens)


ID = "abc123def"
MISTRAL_TOOLS = tools_text(
    [{"name": "weather", "description": "Of a city.", "parameters": {"type": "object", "properties": {}}}]
)
CALLED = Message("assistant", "", tool_calls=(ToolCall("weather", '{"city": "Paris"}', ID),))
MISTRAL_CALLING = [SYSTEM, ASKED, CALLED, Message("tool", '{"c":21}', tool_call_id=ID), SAID, AGAIN, SO]


@pytest.mark.parametrize("name", VERSIONS)
def test_mistral_is_written_as_mistral_common_writes_it(name: str) -> None:
    tokenizer = metaspace(name) if name == "mistral-v1" else byte_level(name)
    encoder = template_for(name, tokenizer)
    chats = [(messages, "") for messages in PLAIN.values()]
    if name != "mistral-v1":
        chats += [(MISTRAL_CALLING, MISTRAL_TOOLS), (MISTRAL_CALLING[:5], MISTRAL_TOOLS), (MISTRAL_CALLING[:5], "")]
    for messages, tools in chats:
        chat = encoder.encode(messages, tools)
        assert isinstance(chat, EncodedChat)
        assert chat.ids == mistral_ids(name, tokenizer, messages, tools)
        assert chat.ids[-1] == tokenizer.eos_token_id
        place = len(messages) - 1
        prompt = encoder.encode_prompt(messages[:place], tools)
        assert prompt == mistral_ids(name, tokenizer, messages[:place], tools)
        assert chat.ids[: len(prompt)] == prompt
    # In v3 the system text stands in the last question: what was said before was asked in other words.
    learnt = replies_learnt(encoder, PLAIN["system and two"])
    assert learnt == [not name.startswith("mistral-v3"), True]
