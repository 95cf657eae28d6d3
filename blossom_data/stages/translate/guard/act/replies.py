"""Openings with which a Chinese output replies to an English source in place of rendering it.

    "Recommend a book."      ->  "我推荐《小王子》。"     advice
    "Happy birthday!"        ->  "谢谢你！"              thanks for what should be translated
    "True or false: ..."     ->  "错误：..."             a verdict

Each is cancelled by a source that says something of the kind itself.
"""

from __future__ import annotations

import re

_I = re.IGNORECASE
_REPLY = re.compile(
    r"^\W{0,2}(?:不好意思|收到|我马上|好呀|好啊|哈哈|你好！我|嗨！我"
    r"|[^。！？]{0,12}[你您]呢[？?]|听到这|听起来|我理解|我明白|我很|我建议|我推荐|我认为|我觉得|我会)"
)
_ADVICE = re.compile(r"^\W{0,2}我(?:会|强烈|想|愿意)?(?:推荐|建议)")
_ADVICE_SOURCE = re.compile(r"\b(?:i|we)(?:['’]d| would| will|['’]ll)?(?: \w+)? (?:recommend|suggest|advise)", _I)
_GLAD = re.compile(r"^\W{0,2}(?:很|非常|真)?(?:高兴|开心|荣幸|乐意)")
_GLAD_SOURCE = re.compile(r"glad|happ|pleas|delight|nice|honou?r|joy|excit|fun\b|love", _I)
_PARDON = re.compile(r"^\W{0,2}(?:没关系|不客气|不用谢|别客气|没事|不用担心|别担心|别难过|祝你|祝您|恭喜)")
_PARDON_SOURCE = re.compile(
    r"no problem|never ?mind|welcome|it'?s (?:ok|fine|all right)|doesn't matter|worr(?:y|ies)|\bwish"
    r"|congrat|all right|good luck|happy|may you|enjoy|have a",
    _I,
)
_REPLY_SOURCE = re.compile(
    r"\b(?:sorry|excuse|no problem|never mind|welcome|thank\w*|ok|okay|grateful|appreciat\w*"
    r"|received?|got it|glad|happy|pleased|hear\w*|sounds?"
    r"|i (?:understand|see|recommend|suggest|think|believe|feel|will|am|get|guess|find|would)|i'm"
    r"|i'll|i'd|haha|in my|it's (?:ok|fine)|my)\b",
    _I,
)
_THANKS = re.compile(r"^\W{0,2}(?:谢谢|感谢|多谢)")
_THANKS_SOURCE = re.compile(r"\b(?:thank\w*|grateful|gratitude|appreciat\w*|cheers|thx|ty)\b", _I)
_VERDICT = (
    re.compile(r"^\W{0,3}(?:true or false|right or wrong|yes or no)\b", _I),
    re.compile(r"正误|对错|真假|是非|判断|是否|还是|真伪|与否|或"),
)
_OPENINGS = (
    (_ADVICE, _ADVICE_SOURCE),
    (_REPLY, _REPLY_SOURCE),
    (_PARDON, _PARDON_SOURCE),
    (_GLAD, _GLAD_SOURCE),
    (_THANKS, _THANKS_SOURCE),
)
_OPENING_WEIGHT, _VERDICT_WEIGHT = 0.8, 0.6


def weigh_reply(source: str, output: str) -> list[tuple[float, str]]:
    """(weight, what was seen) for each opening of a reply that the source does not call for."""
    signs = [
        (_OPENING_WEIGHT, f"a reply: {said.group()}")
        for opening, own in _OPENINGS
        if (said := opening.match(output)) and not own.search(source)
    ]
    if _VERDICT[0].search(source) and not _VERDICT[1].search(output):
        signs.append((_VERDICT_WEIGHT, "a verdict"))
    return signs
