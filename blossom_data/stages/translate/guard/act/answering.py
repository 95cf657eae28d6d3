"""Turns of phrase that answers use, and the words of a source that call for them in its translation too.

"首先，列出任务"   is an answer's  ...  unless the source says "first", "start", "step" ...
"""

from __future__ import annotations

import re

_I = re.IGNORECASE

_ZH = (
    (r"首先|其次|第一步|第一天|首要的是", r"\bfirst|\bstart|\bday|\bbegin|step|\binitial"),
    (r"最后[，,]|总之|综上|总的来说|总而言之|归根结底", r"final|last|conclu|overall|summar|sum up|short|end"),
    (
        r"因此|所以|因而|故而|于是|从而",
        r"\bso\b|therefore|thus|hence|result|because|since|consequen|accordingly|that's why|\bthen\b"
        r"|if|order to|such that"
        r"|thereby|make sure",
    ),
    (r"因为|由于|这是因", r"because|since|due|as\b|for\b|why|reason|owing|given|cause|thanks to|result"),
    (r"例如|比如|譬如|诸如", r"example|e\.g|such as|like|instance|includ|say\b"),
    (
        r"是指|指的是|是一[种个类项位名本部款座]|是由|是一门",
        r"\b(?:is|are|was|were|be|am|being|been|means?|refers?|as)\b|['’](?:re|s|m)\b",
    ),
    (
        r"通常|一般来说|一般而言|往往|主要(?:包括|有|是)|包括以下|有以下|有如下|如下[：:]\s?(?!\[)|以下是|分为以下",
        r"usual|general|often|typical|normal|main|include|follow|common|primar|below|consist|tend|here",
    ),
    (
        r"不仅|而且|同时[，,]|此外|另外[，,]|并且|还可以|还能",
        r"not only|also|and|furthermore|moreover|besides|addition|while|same time|as well|both|plus"
        r"|too\b|meanwhile|another"
        r"|other",
    ),
    (
        r"^(?!对[这它他她])(?:是的|对的|不是|没错|不对|不可以|不能|可以|能|会|不会|不|没有|有的|正确|错误|真|假|积极"
        r"|消极|正面|负面|中性|对|错)"
        r"[，,。！]?(?:$|[^\w]|因|它|这|他|她)",
        r"^(?!true or false|yes or no|right or wrong)"
        r"(?:yes|no|not|right|wrong|true|false|correct|positive|negative|don't|never|can|may|there)\b",
    ),
    (
        r"答案[是为：:]|答[：:]|结果[是为：:]|等于\s?\d|共(?:有|计)?\s?\d+\s?[个只元美]|[=＝]\s?[\d.]+",
        r"answer|result|equal|=|total|altogether",
    ),
    (
        r"可以(?:通过|使?用|从|按|先|将|把|考虑|尝试)",
        r"\b(?:can|could|may|might|able|possible|let|allow\w*|how|used?|using|available|enable\w*)\b",
    ),
    (r"[：:]\s*$|(?:包括|有|是|如下|以下)[^。]{0,3}[：:]\s*[^\s“\"]", r"[:\-–—]|following|below|includ|\b(?:is|are)\b"),
    (
        r"的(?:例子|方法|名字|标题|答案|原因|定义|面积|结果|名称|作者|一种|一个)[^。]{0,2}(?:是|为"
        r"|有)(?!什么|谁|多少|哪|几)",
        r"\b(?:is|are|was|were|be|being)\b|['’]s\b",
    ),
    (
        r"^\W{0,3}(?:好的，)?我?已(?:经)?(?:成功|完成|为您|为你|按|将|把)",
        r"\b(?:already|have|has|had|been|was|were|done|is|are)\b|['’]ve\b",
    ),
    (r"^这是一|^这里有|^这里是", r"this|here|it\b|that"),
    (
        r"^(?:这[本首部篇段则个]|该|本)(?:书|诗|电影|片|文章?|故事|小说|话|歌|段|剧)[^，。]{0,6}(?:讲述|描述|主要|告诉|介绍|探讨|表达|是|反映)",
        r"\b(?:this|the|that|it)\b[^.?!]{0,40}\b(?:is|are|was|tells?|describes?|about|explores?|discuss\w*|shows?|expresses)\b",
    ),
    (r"—{2}|……", r"[-–—…]|\.\.\.|,|:"),
    (
        r"^(?:尊敬的|亲爱的|主题[：:]|各位|女士们|弟兄们|朋友们|大家好|从前|很久以前|在很久|曾经有|在一个|有一天)",
        r"\b(?:dear|subject|ladies|friends|everyone|once|long ago|hello|hi|in an?|one day|there)\b",
    ),
    (r"啊[，,！]|呀[，,！]|哦[，,！]|吧！|呢！", r"!|\boh?\b|\bah\b|\bhow\b|what a|wow"),
)
_EN = (
    (r"\bfirst(?:ly)?,|\bfirst of all", r"首|先|第一|一"),
    (r"\b(?:in conclusion|overall|finally|in summary),", r"总|最后|综|终"),
    (r"\b(?:because|since|due to)\b", r"因|由于|原因|为什么|故|缘|自|既然"),
    (r"\b(?:therefore|thus|hence)\b", r"因此|所以|故|从而|于是|则"),
    (r"\b(?:for example|such as|for instance|including)\b", r"例|比如|如|包|诸|等|像|样|之类"),
    (
        r"^(?:yes|no|true|false|positive|negative|correct)\b[,.]?",
        r"^(?:是|不|对|没|正|负|真|假|积|消|错|好|别|嗯|无|禁)",
    ),
    (r"\b(?:answer|result) is\b|=\s?\d", r"答|结果|等于|="),
    (r"^(?:dear|subject:|once upon|ladies|in a |long ago|the capital)", r"尊敬|亲爱|主题|从前|女士|在|很久|各位|首都"),
    (r"\b(?:typically|usually|generally|mainly)\b", r"通常|一般|往往|主要|常"),
    (r"\b(?:is|are) an? \w+", r"是|为|作|成|个|一|属|叫|有"),
)


def _compiled(table: tuple[tuple[str, str], ...]) -> tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]:
    return tuple((re.compile(said, _I), re.compile(own, _I)) for said, own in table)


_PHRASES = {"zh": _compiled(_ZH), "en": _compiled(_EN)}


def count_answering(source: str, output: str, target_lang: str) -> int:
    """How many kinds of an answer's phrases the output has that the source does not call for."""
    return sum(1 for said, own in _PHRASES[target_lang] if said.search(output) and not own.search(source))
