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
    r"|\bnot (?:be|to be) missed\b|\bor not\b|\bnot to mention\b|\bno (?:later|more|less|fewer|longer) than\b"
    r"|\bnot until\b"
    r"|\bno wonder\b|\bif not\b|\bnot only\b|\bno doubt\b"
    r"|\bnot just\b|\bnot (?:at all|yet)\b|(?:is|are|was|were|do|does|did|will|would|could|should"
    r"|have|has|can|wo|ca)n['’]?t (?:it|you|he|she|they|we|i|there|that)\b",
    _I,
)
_ZH_HOLDS = re.compile(r"[不没無无勿别未非莫否毋休免禁拒避除难缺少停止防罕绝另异]|省略|放弃|忘记|失去")
_ZH_OTHER = re.compile(
    r"特别|[区级性分识判辨个类告鉴]别|别[人墅名]|非[常洲]|未来|多少|至少|少[年女数]|莫[扎斯里尔奈桑]|举止|截止"
    r"|免费|除以|删除"
    r"|光[合线明照学荣泽]|[阳时观月灯曙]光|脱颖|绝[对佳妙]|禁不住|防晒|另一"
)
"""Words that hold a sign of negation and deny nothing."""
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


_FIRST_FORBIDS = re.compile(
    r"(?:^|[。；！？;!?.\n、])\W{0,3}(?:\d{1,2}[.、)）]\s?)?(?:请|千万|绝对|一定|切记)*(?:不要|不得|勿|禁止"
    r"|不准|不许|别再)"
)
_FORBIDS = re.compile(r"不要|不得|勿|禁止|不准|不许|别再")


_LESS = re.compile(
    r"\b(?:less|fewer|lower\w*|small\w*|short\w*|young\w*|cheap\w*|slow\w*|light\w*|later?|under|below|minus"
    r"|behind|worse"
    r"|decreas\w*|drop\w*|reduc\w*|lose|lost|loss|few|little|not|n['’]t|half|third|quarter|lack\w*|weak\w*|poor\w*|low"
    r"|thin\w*|near\w*|clos\w*|early|earlier|down|fell|fall\w*|miss\w*|subtract\w*|off)\b",
    _I,
)
_MORE = re.compile(
    r"\b(?:more|high\w*|big\w*|large\w*|long\w*|old\w*|tall\w*|fast\w*|heav\w*|great\w*|exceed\w*|over|above"
    r"|extra|better|best"
    r"|additional\w*|increas\w*|as (?:many|much)|times|twice|double|triple|most|rise\w*|rose|gain\w*|grow\w*"
    r"|plus|excess"
    r"|add\w*|up|quick\w*|strong\w*|further|far\w*|deep\w*|wide\w*|beyond|outnumber\w*|elder|earlier|later|vs"
    r"|versus)\b",
    _I,
)
_ENDS = re.compile(r"(?<=[.?!])\s+|[。？！]\s*|\n+")
_ZH_COMPARES = re.compile(r"比[^，。？！；比]{1,14}[少多]")
_ZH_LESS = re.compile(r"比[^，。？！；比]{1,14}(?<!多)少(?![的数年女有])")
_ZH_MORE = re.compile(r"比[^，。？！；比]{1,14}多(?![少的数样次种])")


def weigh_comparison(source: str, output: str) -> tuple[float, str]:
    """(weight, what was seen) for an English comparison that was turned around; (0, "") for none."""
    if not _ZH_COMPARES.search(output):
        return 0.0, ""
    parts = [[part for part in _ENDS.split(text) if part.strip()] for text in (source, output)]
    if len(parts[0]) != len(parts[1]):
        parts = [[source], [output]]
    for one, other in zip(*parts, strict=True):
        if found := _turned(one, other):
            return 1.0, f"{found!r} is turned around"
    return 0.0, ""


def _turned(source: str, output: str) -> str:
    if (said := _ZH_LESS.search(output)) and _MORE.search(source) and not _LESS.search(source):
        return said.group()
    if (said := _ZH_MORE.search(output)) and _LESS.search(source) and not _MORE.search(source):
        return said.group()
    return ""


def weigh_negation(source: str, output: str, source_lang: str) -> tuple[float, str]:
    """(weight, what was seen) for a negation that the output has nothing of, or a new one; (0, "") for none."""
    if source_lang == "en":
        said = _EN_SAID.findall(source)
        said = said and _EN_SAID.findall(_EN_IDIOM.sub(" ", source))
        held = len(_ZH_HOLDS.findall(_ZH_OTHER.sub("", output))) + len(_EN_SAID.findall(output)) if said else 0
        if said and not held:
            return (0.6 if said[0].lower() in ("without", "no") else 1.0), f"{said[0]!r} is lost"
        new = _ZH_SAID.search(output) and _ZH_SAID.search(_ZH_IDIOM.sub(" ", output))
        if new and not _EN_HOLDS.search(source):
            is_first = bool(_FIRST_FORBIDS.search(output))
            weight = (1.0 if is_first else 0.6) if _FORBIDS.search(new.group()) else 0.4
            return weight, f"{new.group()!r} is new"
        return (0.4, f"{len(said)} negations") if len(said) >= 2 and held < len(said) else (0.0, "")
    lost = _ZH_SAID.search(source) and _ZH_SAID.search(_ZH_IDIOM.sub(" ", source))
    if lost and not _EN_HOLDS.search(output):
        return (1.0 if _FORBIDS.search(lost.group()) else 0.5), f"{lost.group()!r} is lost"
    added = _EN_SAID.search(output) and _EN_SAID.search(_EN_IDIOM.sub(" ", output))
    return (0.6, f"{added.group()!r} is new") if added and not _ZH_HOLDS.search(source) else (0.0, "")
