"""Negation: what the source denies or forbids is still denied or forbidden.

"Do not accept cash."  ->  "接受现金。"    the negation is lost
"Sleep well."          ->  "不要睡觉。"    a negation is new
"""

from __future__ import annotations

import re

_I = re.IGNORECASE
_EN_SAID = re.compile(r"\b(?:not|never|cannot|without|neither|nobody)\b|n['’]t\b|\bno\b(?!\.)", _I)
_EN_IDIOM = re.compile(
    r"\bwhy (?:not|don['’]?t)\b|\bno matter\b|\bcan(?:['’]?t|not) (?:wait|help)\b"
    r"|\bdon['’]?t (?:forget|hesitate|miss|worry|mind)\b|\bwhether or not\b"
    r"|\bor not\b|\bnot to mention\b|\bno (?:later|more|less|fewer|longer) than\b|\bnot until\b"
    r"|\bno wonder\b|\bif not\b|\bnot only\b|\bno doubt\b"
    r"|\bnot just\b|\bnot (?:at all|yet)\b|(?:is|are|was|were|do|does|did|will|would|could|should"
    r"|have|has|can|wo|ca)n['’]?t (?:it|you|he|she|they|we|i|there|that)\b",
    _I,
)
_ZH_HOLDS = re.compile(r"[不没無无勿别未非莫否毋休免禁拒避除难缺少停止防罕绝另异]|省略|放弃|忘记|失去")
_ZH_SAID = re.compile(
    r"不要|不得|[请切]勿|禁止|不准|不许|不应|不能|不会|不是|没有|无法|从不|绝不|不可(?!思|或|缺|避"
    r"|少)|不接受|不允许|不需要"
)
_ZH_IDIOM = re.compile(
    r"能不能|会不会|是不是|有没有|要不要|好不好|可不可以|不得不|不能不|不可以吗|不仅|不但|不只"
    r"|不同|不断|不过|不少|不错|不久|不管|不论|不然|差不多|对不起|不客气|不知"
    r"|忍不住|不由|不禁|不妨|不止|不光|不是[^，。]{0,12}吗|不超过|不少于|不低于|不多于|不高于"
    r"|不得(?:超过|少于|多于|低于)|没关系|没问题|不好意思|有不|不.{0,2}不"
)
_EN_HOLDS = re.compile(
    r"\b(?:not|never|no|none|nor|cannot|without|neither|nobody|nothing|nowhere|avoid\w*|refrain\w*"
    r"|forbid\w*|forbidden|prohibit\w*|refus\w*|prevent\w*|instead|rather|"
    r"stop\w*|except\w*|unless|lack\w*|fail\w*|unable|hardly|barely|scarcely|rarely|seldom|few"
    r"|little|only|until|free|miss\w*|wrong|false|missing|less|"
    r"absen\w*|exclud\w*|ban\w*|den(?:y|ies|ied)|skip|ignor\w*|stay away|keep off|keep from"
    r"|against|beyond|too|else|other|leave out|omit\w*|independent|zero|void|don|nothing|"
    r"un\w{3,}|in(?:ac|ad|ap|ca|co|cr|de|di|ef|es|fo|se|su|ta|te|vi)\w{4,}|im(?:po|pr|pe|pa|ma"
    r"|mo)\w{4,}|ir(?:re|ra)\w{4,}|il(?:le|lo)\w{3,}|dis\w{3,}|non\w*|\w{3,}less)\b|n['’]t\b",
    _I,
)


_FORBIDS = re.compile(r"不要|不得|勿|禁止|不准|不许|别再")


def weigh_negation(source: str, output: str, source_lang: str) -> tuple[float, str]:
    """(weight, what was seen) for a negation that the output has nothing of, or a new one; (0, "") for none."""
    if source_lang == "en":
        said = _EN_SAID.findall(source)
        said = said and _EN_SAID.findall(_EN_IDIOM.sub(" ", source))
        held = len(_ZH_HOLDS.findall(output))
        if said and not held:
            return (0.6 if said[0].lower() in ("without", "no") else 1.0), f"{said[0]!r} is lost"
        new = _ZH_SAID.search(output) and _ZH_SAID.search(_ZH_IDIOM.sub(" ", output))
        if new and not _EN_HOLDS.search(source):
            return (1.0 if _FORBIDS.search(new.group()) else 0.4), f"{new.group()!r} is new"
        return (0.4, f"{len(said)} negations") if len(said) >= 2 and held < len(said) else (0.0, "")
    lost = _ZH_SAID.search(source) and _ZH_SAID.search(_ZH_IDIOM.sub(" ", source))
    if lost and not _EN_HOLDS.search(output):
        return (1.0 if _FORBIDS.search(lost.group()) else 0.5), f"{lost.group()!r} is lost"
    added = _EN_SAID.search(output) and _EN_SAID.search(_EN_IDIOM.sub(" ", output))
    return (0.6, f"{added.group()!r} is new") if added and not _ZH_HOLDS.search(source) else (0.0, "")
