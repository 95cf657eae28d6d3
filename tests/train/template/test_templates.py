"""What templates refuse, what data can never become, and what servers are given."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("transformers")

from jinja2.exceptions import TemplateError
from oracle import ADVERSARIAL, random_chat
from tiny import BOS, EOS, OWN_TEMPLATE, SPECIALS_ALL, byte_level, finish, metaspace
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from blossom_data.errors import ConfigError
from blossom_data.records import Message
from blossom_data.rows.turns import tools_text
from blossom_data.train.template.encode import EncodedChat, Unfit
from blossom_data.train.template.names import FOLDER
from blossom_data.train.template.templates import TEMPLATES, template_for
from blossom_data.train.template.to_jinja import chat_template

CHAT = [Message("user", "What is 6 times 7?"), Message("assistant", "It is 42.")]


def with_template(text: str, family: str = "chatml") -> PreTrainedTokenizerFast:
    tokenizer = finish(Tokenizer.from_str(byte_level(family).backend_tokenizer.to_str()), family)
    tokenizer.chat_template = text
    return tokenizer


def whole(tokenizer: PreTrainedTokenizerFast, messages: list[Message], **settings: object) -> object:
    turns = [{"role": turn.role, "content": turn.content} for turn in messages]
    return tokenizer.apply_chat_template(turns, **settings)


@pytest.mark.parametrize("name", [*TEMPLATES, "own"])
@pytest.mark.parametrize("make", [byte_level, metaspace])
def test_the_exported_chat_template_gives_the_text_of_every_chat_and_the_ids_of_ordinary_ones(
    name: str, make: object
) -> None:
    tokenizer = make(name)  # type: ignore[operator]
    encoder = template_for(name, tokenizer)
    jinja = chat_template(encoder)
    reads_json = encoder.template.calls is not None and "{value}" in encoder.template.calls.result
    for messages in [*ADVERSARIAL.values(), *map(random_chat, range(40))]:
        if reads_json and any(turn.role == "tool" and turn.content[:1] in "{[" for turn in messages):
            continue  # Jinja cannot tell whether a text is JSON.
        if isinstance(encoder.encode(messages), Unfit):
            with pytest.raises(TemplateError, match="unknown role"):
                whole(tokenizer, messages, chat_template=jinja, tokenize=False)
            continue
        assert whole(tokenizer, messages, chat_template=jinja, tokenize=False) == encoder.text(messages)
    if name in ("bloom", "blossom", "mistral-v1"):
        return  # Heads that are plain text merge with what stands beside them when a server tokenises all at once.
    system = Message("system", "Be brief.")
    for messages in (CHAT, [*CHAT, *CHAT], [system, *CHAT, *CHAT]):
        for prompt in (messages[:-1], messages[:-3]):
            if prompt:
                served = whole(tokenizer, prompt, chat_template=jinja, add_generation_prompt=True, return_dict=True)
                assert served["input_ids"] == encoder.encode_prompt(prompt)  # type: ignore[index]


@pytest.mark.parametrize("name", [*TEMPLATES, "own"])
def test_special_tokens_never_come_out_of_data(name: str) -> None:
    tokenizer = byte_level(name)
    encoder = template_for(name, tokenizer)
    plain, hostile = (
        encoder.encode([Message("user", text), Message("assistant", text)]) for text in ("x", " ".join(SPECIALS_ALL))
    )
    assert isinstance(plain, EncodedChat)
    assert isinstance(hostile, EncodedChat)
    reply = hostile.turns[-1]
    as_text = tokenizer(" ".join(SPECIALS_ALL), add_special_tokens=False, split_special_tokens=True)["input_ids"]
    if not encoder.template.forms["assistant"].lead and not encoder.template.thinking.fills:
        assert reply.ids[reply.start : reply.end - 1] == as_text
    special = set(tokenizer.all_special_ids)
    for quiet, loud in zip(plain.turns, hostile.turns, strict=True):
        assert [token for token in loud.ids if token in special] == [token for token in quiet.ids if token in special]


def test_a_model_that_holds_a_special_token_whole_gets_it_in_parts() -> None:
    letters = [(letter, -5.0) for letter in "<|im_startend>/user\nassistant ▁abcxyz"]
    vocabulary = dict([("<unk>", 0.0), ("<|im_start|>", 0.0), ("<|im_end|>", 0.0), *letters])
    model = Tokenizer(models.Unigram(list(vocabulary.items()), unk_id=0))
    model.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    model.add_special_tokens(["<unk>", "<|im_start|>", "<|im_end|>"])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=model, eos_token="<|im_end|>", unk_token="<unk>")
    encoder = template_for("chatml", tokenizer)
    chat = encoder.encode([Message("user", "a<|im_end|>b"), Message("assistant", "<|im_start|><|im_end|>")])
    assert isinstance(chat, EncodedChat)
    ends = [token for turn in chat.turns for token in turn.ids].count(model.token_to_id("<|im_end|>"))
    assert ends == 2
    reply = chat.turns[1]
    said = model.decode(reply.ids[reply.start : reply.end - 1], skip_special_tokens=False)
    assert said.replace(" ", "") == "<|im_start|><|im_end|>"


def test_a_definition_that_the_house_template_cannot_write_leaves_its_chat_out(tmp_path: Path) -> None:
    text = (FOLDER / "chatml.toml").read_text()
    written = "{{ tool.function.name }}: {% for key in tool.function.parameters %}{{ key + ' ' }}{% endfor %}"
    house = tmp_path / "house.toml"
    house.write_text(text.replace("[tools]\n", f'[tools]\ndefinition = "{written}"\n'))
    encoder = template_for(str(house), byte_level("chatml"))
    chat = [Message("user", "x"), Message("assistant", "y")]
    tools = tools_text([{"name": "f", "parameters": {"a": 1, "b": 2}}])
    assert "<tools>\nf: a b \n</tools>" in encoder.text(chat, tools)
    for wrong in (3, [[1]]):
        assert encoder.encode(chat, tools_text([{"name": "f", "parameters": wrong}])) == Unfit("unsupported_content")
    house.write_text(house.read_text().replace("{% endfor %}", ""))
    with pytest.raises(ConfigError, match="no Jinja"):
        template_for(str(house), byte_level("chatml"))


@pytest.mark.parametrize(
    ("name", "tokenizer", "told"),
    [
        ("chatml", byte_level("bloom"), "no token <|im_start|>"),
        ("llama-3", byte_level("chatml"), "names no BOS"),
        ("baichuan", byte_level("mistral"), "no token <reserved_106>"),
        ("mistral", byte_level("bloom"), "no token [INST]"),
        ("chatmk", byte_level("chatml"), "no template chatmk"),
        ("own", byte_level("chatml"), "no chat template of its own"),
    ],
)
def test_a_template_that_does_not_fit_is_refused_in_a_line(
    name: str, tokenizer: PreTrainedTokenizerFast, told: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        template_for(name, tokenizer)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.hint


OWN = {
    "reasoning left out of earlier turns": (
        "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% if loop.last and m['role'] == 'assistant' %}<think>"
        "{% endif %}{{ m['content'] }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"
        "{% endif %}",
        "cannot be taken apart",
    ),
    "a prompt that was not trained": (
        OWN_TEMPLATE.replace("'<|im_start|>assistant\n'", "'<|im_start|>assistant\nSure: '"),
        "not the beginning of a reply",
    ),
    "no stop token": (
        "{% for m in messages %}<|im_start|>{{ m['role'] + '\n' + m['content'] + '\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
        "trains no stop token",
    ),
    "contents changed": (OWN_TEMPLATE.replace("m['content']", "m['content'] | upper"), "does not write the text"),
    "a content trimmed on one side": (
        OWN_TEMPLATE.replace("m['content']", "(m['content'].lstrip() if m['role'] == 'user' else m['content'])"),
        "do not give its ids",
    ),
    "text of today": (
        OWN_TEMPLATE.replace("You are a tiny model.", "Today is {{ strftime_now('%d %b %Y') }}."),
        "depends on the day",
    ),
    "text that merges": (
        "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '<|im_end|>' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}",
        "do not give its ids",
    ),
    "a program that fails": ("{{ raise_exception('no') }}", "refuses a chat"),
}


@pytest.mark.parametrize("case", OWN)
def test_a_chat_template_that_pieces_cannot_give_is_refused(case: str) -> None:
    text, told = OWN[case]
    with pytest.raises(ConfigError) as caught:
        template_for("own", with_template(text))
    assert told in str(caught.value)


GEMMA_LIKE = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    "{% for m in messages %}{% if m['role'] not in ('user', 'assistant') %}{{ raise_exception('no') }}{% endif %}"
    "{{ '<|start_header_id|>' + ('model' if m['role'] == 'assistant' else 'user') + '\n' + m['content'] | trim"
    " + '<|eot_id|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>model\n' }}{% endif %}"
)
LLAMA_2_LIKE = (
    "{% if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}"
    "{% set system = '<<SYS>>\n' + messages[0]['content'] + '\n<</SYS>>\n\n' %}"
    "{% else %}{% set rest = messages %}{% set system = '' %}{% endif %}"
    "{{ bos_token }}{% for m in rest %}{% if m['role'] == 'user' %}"
    "{{ '[INST]' + ' ' + (system if loop.first else '') + m['content'] + '[/INST]' }}"
    "{% elif m['role'] == 'assistant' %}{{ ' ' + m['content'] + eos_token }}"
    "{% else %}{{ raise_exception('no') }}{% endif %}{% endfor %}"
)


@pytest.mark.parametrize(
    ("text", "family", "roles"),
    [
        (OWN_TEMPLATE, "chatml", {"user", "assistant", "system", "tool"}),
        (
            OWN_TEMPLATE.replace("m['content']", "(m['content'] | trim if m['role'] == 'user' else m['content'])"),
            "chatml",
            {"user", "assistant", "system", "tool"},
        ),
        (GEMMA_LIKE, "llama-3", {"user", "assistant"}),
        (LLAMA_2_LIKE, "mistral", {"user", "assistant", "system"}),
    ],
)
def test_a_models_own_chat_template_gives_the_same_ids_as_its_pieces(text: str, family: str, roles: set[str]) -> None:
    tokenizer = with_template(text, family)
    encoder = template_for("own", tokenizer)
    for role in ("system", "tool"):
        extra = Message(role, "Be brief.")
        messages = [extra, *CHAT, *CHAT] if role == "system" else [*CHAT, extra, CHAT[1]]
        chat = encoder.encode(messages)
        assert (role in encoder.template.left_out) == (role not in roles)
        if role not in roles:
            assert chat == Unfit("unsupported_role")
            messages = [*CHAT, *CHAT]
            chat = encoder.encode(messages)
        assert isinstance(chat, EncodedChat)
        ids = chat.ids
        assert whole(tokenizer, messages, return_dict=True)["input_ids"] == ids  # type: ignore[index]
        served = whole(tokenizer, messages[:-1], add_generation_prompt=True, return_dict=True)
        assert served["input_ids"] == encoder.encode_prompt(messages[:-1])  # type: ignore[index]


STOPS = {
    "llama-3": ["<|eot_id|>"],
    "llama-3.1": ["<|eot_id|>"],
    "gemma": ["<end_of_turn>"],
    "glm-4": ["<|user|>", "<|observation|>"],
    "phi-3": ["<|end|>"],
    "phi-4": ["<|im_end|>"],
    "gpt-oss": ["<|return|>", "<|call|>"],
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_stop_ids_are_the_turn_end_in_any_tokenizer(name: str) -> None:
    encoder = template_for(name, byte_level(name))
    expected = STOPS.get(name, [EOS.get(name, "<|im_end|>")])
    assert byte_level(name).convert_ids_to_tokens(encoder.stop_ids()) == expected
    other = metaspace(name)
    assert other.convert_ids_to_tokens(encoder.stop_ids(other)) == expected


@pytest.mark.parametrize("name", ["llama-3", "mistral", "blossom", "bloom", "chatml"])
def test_a_chat_begins_with_one_bos_at_most(name: str) -> None:
    tokenizer = metaspace(name)
    chat = template_for(name, tokenizer).encode([*CHAT, *CHAT])
    assert isinstance(chat, EncodedChat)
    ids = chat.ids
    expected = name in ("llama-3", "mistral", "blossom")
    if name in BOS:
        assert ids.count(tokenizer.convert_tokens_to_ids(BOS[name])) == expected
        assert (ids[0] == tokenizer.convert_tokens_to_ids(BOS[name])) == expected
