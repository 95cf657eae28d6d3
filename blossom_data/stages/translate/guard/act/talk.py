"""Replies that talk instead of translating: chatter, asking for text, describing, refusing, playing both roles.

    "好的，以下是译文：写一首诗。"            chatter
    "请提供您需要翻译的文本。"               ask
    "这段文字要求写一首诗。"                 description
    "抱歉，我无法协助完成这个请求。"          refusal
    "用户：写一首诗\\n助手：春眠不觉晓"        turns

Each is cancelled when the source says the same thing itself.
"""

from __future__ import annotations

import re

from blossom_data.stages.translate.guard.finding import Pair

_I = re.IGNORECASE
_CHATTER = (
    (
        re.compile(
            r"^\W{0,3}(?:(?:好的?|好嘞|好呀|当然(?:可以)?|没问题|收到|明白了?|了解|可以的?|嗯|是的|行"
            r"|非常乐意|很高兴|很乐意)"
            r"(?:[，,！!。：:～~]|为您|为你|帮(?!我|忙))"
            r"|(?:sure|certainly|of course|absolutely|great question|okay|here(?:'s| is| are))\b[^\n]{0,60}?[:!,.])",
            _I,
        ),
        re.compile(
            r"^\W{0,3}(?:ok(?:ay)?\b|sure|good|of course|certainly|here|yes|yeah|alright|great|fine|well"
            r"|got it|no problem"
            r"|understood|i see|right|absolutely|indeed|the following|below|glad|happy|happily|nice|cool"
            r"|deal|roger|copy that"
            r"|好|当然|没问题|可以|行|以下|下面|这|是的|嗯|收到|明白|没错)",
            _I,
        ),
    ),
    (
        re.compile(
            r"^\W{0,3}(?:以下|下面|这里|如下|这)(?:是|为|就是)?[^。\n，]{0,16}(?:译文|翻译|译本|中文版|的?中文)"
            r"|^\W{0,3}(?:译文|翻译|中文翻译|翻译结果|译为|中文(?:译文|版)?|翻译如下|译文如下|简体中文"
            r"|参考译文|最终译文|翻译后|汉译|结果)"
            r"\s{0,2}[：:】\]）)]"
            r"|^\W{0,3}(?:translation|translated text|chinese|(?:the )?(?:english )?translation(?: is)?"
            r"|english)\s?[:\])]"
            r"|(?:翻译成|译成|翻译为|译作)(?:简体)?中文(?:是|为|就是|：|:)|的(?:中文)?(?:翻译|译文)(?:是|为|如下)"
            r"|\b(?:in chinese|in english)\s?[:,]|\btranslates to\b|\bcan be translated as\b"
            r"|\bthe (?:english )?translation (?:is|of)\b",
            _I,
        ),
        re.compile(
            r"translat|in chinese|in english|翻译|译|^\W{0,3}(?:chinese|english|result|中文|英文|英语|结果)", _I
        ),
    ),
    (
        re.compile(
            r"(?:^|[\n。！？.!?）)])\s{0,3}[（(【\[*]{0,3}\s?(?:注|备注|译注|译者注|译者按|注释|注意|翻译说明|解释|解析"
            r"|Note|P\.?S\.?|Translator's note|Explanation|Translation notes?)\s?[：:]",
            _I,
        ),
        re.compile(
            r"\bnotes?\b|attention|\bn\.?b\.?\b|remark|p\.?s\.?\b|explanation|explain|remember|caution"
            r"|important|warning"
            r"|beware|careful|mind\b|注|备注|说明|解释|解析",
            _I,
        ),
    ),
    (
        re.compile(
            r"希望(?:这|以上|本|我的)[^。！\n]{0,16}(?:帮助|有用|有所|满意|满足|符合|对[您你])|希望(?:能)?对[您你]有",
        ),
        re.compile(r"\bhope|\bwish|希望", _I),
    ),
    (
        re.compile(
            r"(?:如果|如|若)[您你]?(?:还)?(?:有|需要?)[^。！\n]{0,20}(?:随时|告诉我|联系我|告知我|问我)"
            r"|(?:如果|如|若)[您你]?(?:还)?(?:有|需要?)(?:其他|任何|更多|什么)[^。！\n]{0,20}(?:提出|告知)"
            r"|需要我[^。！\n]{0,16}吗[？?]|(?:还有|有)(?:什么|其他)[^。！\n]{0,12}(?:可以|能)帮"
            r"|请随时(?:告诉|联系|问|提|与)|欢迎(?:随时)?(?:提问|继续|告诉)"
            r"|let me know|(?:i )?hope (?:this|that|it) (?:helps|is|was)|feel free to (?:ask|reach|let|contact)"
            r"|if you (?:have|need) (?:any|more|further|anything)|would you like me to|anything else (?:i can|you)",
            _I,
        ),
        re.compile(
            r"\bhope|let me know|feel free|if you(?:'d| would)? (?:have|need|want|like)|don't hesitate"
            r"|contact|any (?:other )?questions"
            r"|do you need|anything else|can i (?:help|do)|how (?:can|may) i|what can i|希望|随时|如果"
            r"|如有|如需|欢迎|需要我|还有",
            _I,
        ),
    ),
)

_NEEDS = (
    r"(?:文本|内容|文字|原文|句子|段落|信息|材料|文章|代码|图片|邮件|问题|资料|细节|数据|列表|链接"
    r"|单词|上下文|背景|文件|文档|输入|题目|具体)"
)
_ASK = re.compile(
    rf"请(?:您|你|先)?(?:提供|输入|告诉我|告知|发送|粘贴|上传|贴出|补充|分享)[^。！？\n]{{0,24}}{_NEEDS}"
    rf"|请(?:将|把)[^。！？\n]{{0,24}}{_NEEDS}[^。！？\n]{{0,6}}(?:发|提供|粘贴|贴|告诉"
    rf"|给)(?:送)?(?:给|到|在)?(?:我|这里|此处|过来|下来)"
    r"|(?:您|你)(?:似乎|好像|可能)?(?:没有|未|还没|并未|忘记|忘了)[^。！？\n]{0,6}(?:提供|给出"
    r"|附上|输入|包含|粘贴|说明)"
    rf"|(?:我|这里)(?:没有|没|未)(?:看到|收到|找到|发现)[^。！？\n]{{0,16}}{_NEEDS}"
    r"|(?:您|你)(?:想|希望|需要|要)(?:我)?(?:翻译|处理|总结|我)[^。！？\n]{0,10}(?:什么|哪|呢|吗)"
    rf"|需要(?:您|你)(?:先)?提供|(?:能否|可以|(?<![一-龥])能|(?<=[你您请就才还再也])能)(?:请)?(?:您|你)?(?:再)?(?:提供|给我|告诉我"
    rf"|发)[^。！？\n]{{0,16}}{_NEEDS}"
    r"|请问(?:您|你)(?:需要|想|希望|要)"
    r"|请(?:您|你|先)?(?:提供|告诉我|给出|发来|输入)(?:您|你)?(?:需要|想要?|希望|要)[^。！？\n]{1,10}的"
    r"|(?:please|could you|can you)(?: please)? (?:provide|share|paste|send|give|specify|clarify|tell me)[^.?!\n]{0,40}"
    r"(?:text|content|sentence|paragraph|article|code|details?|information|email|like me to"
    r"|passage|list|context|document"
    r"|material|input|question)"
    r"|i (?:don't|do not|can't|cannot) see (?:any|the|an?)\b|you (?:haven't|have not|didn't"
    r"|did not) (?:provide|include|share|give)"
    r"|there (?:is|seems to be) no (?:text|content|input)|what would you like (?:me )?to"
    r"|which (?:text|sentence|article)\b[^.?!\n]{0,20}\bwould you like",
    _I,
)
_ASK_SELF = re.compile(
    r"\b(?:provide|supply|supplied|send|sent|paste|upload|share|enter|submit|input|attach|specify"
    r"|clarify|include|tell me|give me|type|write (?:down )?the|"
    r"do you (?:need|want)|(?:would|will|'d|'ll)? ?you(?:'d| would|'ll| will)? need|would you like|what do you"
    r"|can i have|forgot|missing)\b|n't (?:see"
    r"|provide|include|get|receive|find)"
    r"|提供|给出|输入|告诉|发送|粘贴|上传|补充|分享|没有|未|需要|想|希望|说明|给我",
    _I,
)
_ASK_YOURS = re.compile(
    r"请(?:您|你|先)?(?:将|把)[^。！？\n]{1,16}(?:发|贴|粘贴|上传|传|提供)(?:送|过来)?(?:给|到)我|请(?:您|你|先)?(?:将|把)(?:您|你)[^。！？\n]{0,24}(?:发|提供|粘贴|贴|告诉|给|上传|分享)[^。！？\n]{0,3}我"
    r"|^\W{0,2}请问(?:您|你)(?!.{0,3}(?:能|可以|可否|是否|会|好))[^。！\n]{0,40}(?:什么|多少|哪|几|吗|多大|怎)"
    r"|^\W{0,2}(?:what|which|could you|can you|how)\b[^.!?\n]{0,60}\byou(?:r| want| need| prefer| like)\b",
    _I,
)
"""Asks the reader for something of theirs; cancelled by a source that speaks of the reader."""
_ASK_ALWAYS = re.compile(
    r"(?:提供|给出|输入|发送|粘贴|告诉我|发给我)[^。！？\n]{0,12}(?:翻译|译)(?:的|成)|(?:text"
    r"|content|sentence|passage)s? (?:that )?(?:you(?:'d| would)? (?:like|want)[^.\n]{0,12}"
    r"|to be )translat",
    _I,
)

_WHAT = (
    r"(?:文本|文字|句子|句话|句|指令|请求|问题|提示词?|内容|段话|话|段落|消息|任务|题目|题|用户"
    r"|英文|原文|语句|陈述|要求|说明|作者|发言人|输入|信息)"
)
_DESCRIPTION = re.compile(
    rf"^\W{{0,2}}(?:(?:这(?:段|个|句|条|是一|篇|份|道|里|里的)?|该|此|上述|以上|本|上面的?|给出的"
    rf"|输入的?|原始)(?:英文|中文)?{_WHAT}|(?:用户|提问者|对方|原文|作者|说话者|说话人|提示词?|指令"
    rf"|任务|题目))"
    r"[^。！？\n]{0,16}(?:要求|想要?|希望|请求|询问|是在|在问|问的是|问道|讲述|讲的|描述|介绍"
    r"|说的是|说的|的意思|意思是|旨在|指示|命令|提到|是关于|关于|需要|让|是一[个条句段道]|表示"
    r"|表达|涉及|说明|的目的|说|正在|包含|的内容|目的|请|是要|是让|是请)"
    rf"|^\W{{0,2}}这是(?:一|条|个)[^。！？\n]{{0,12}}{_WHAT}"
    r"|^\W{0,2}(?:the|this) (?:user|text|sentence|prompt|instruction|request|question|passage"
    r"|message|author|speaker|task|paragraph|input|statement|query)\b"
    r"[^.\n]{0,20}\b(?:asks?|asking|wants?|requests?|requesting|is (?:asking|about|a|an"
    r"|requesting)|instructs?|describes?|requires?|says|states|means|tells|seeks|inquires)\b"
    r"|^\W{0,2}this is an? (?:\w+ )?(?:question|request|instruction|prompt|task|command)\b",
    _I,
)
_OF_SOURCE = re.compile(r"^\W{0,2}(?:原文|用户|提问者)(?:是|的意|要求|想|说|讲|在|希望|询问|问|请)")
_DESCRIPTION_SELF = re.compile(
    r"^\W{0,3}(?:this|the|that|these|those|an?|it|its?|user|users|author|task|question|prompt"
    r"|instructions?|my|your|our|here|in)\b"
    r"|\bthe user\b|^\W{0,3}(?:这|该|此|上述|以上|本|用户|作者|任务|题目|问题|提问|指令|原文|说话|提示|对方|给出|输入)",
    _I,
)

_REFUSALS = (
    (
        re.compile(
            r"(?:抱歉|对不起|很遗憾|不好意思|请原谅|请见谅)[^。！\n]{0,24}(?:无法|不能|没法|不可以"
            r"|没有办法|不便|不会|拒绝|不太能|难以|不支持|不提供|没有)"
            r"|(?:^|[。！\n])\W{0,2}(?:非常抱歉|很抱歉|抱歉|对不起|很遗憾)[，,。！]"
            r"|i(?:'m| am) (?:really |very |so )?sorry\b|\bi apologi[sz]e\b|^\W{0,2}(?:sorry|unfortunately"
            r"|regrettably|my apologies)\b",
            _I,
        ),
        re.compile(
            r"sorry|apolog|unfortunately|regret|afraid|forgive|pardon|excuse|抱歉|对不起|遗憾|不好意思|歉|原谅", _I
        ),
    ),
    (
        re.compile(
            r"(?:^|[。！，,\n ])(?:我|本人|本助手|小助手|作为[^。，]{1,14}[，,]?我?)(?:实在|目前|暂时|并"
            r"|也|还|是)?(?:无法|不能|没法|不便|拒绝|不会|不可以|没有能力|没有权限|不应该?|不被允许"
            r"|恐怕不能|不愿)"
            r"(?:直接|为|给|对|向|帮|提供|协助|回答|满足|完成|执行|翻译|处理|生成|写|编写|参与|讨论|支持"
            r"|继续|这|遵|访问|浏览|查看|创建|透露|分享|参加|做|按|告|协|说|看|打开|就|预测|描述|撰|进行)"
            r"|(?:无法|不能)(?:协助|帮助|满足|完成|提供|处理|执行|回答|翻译)(?:您|你|该|这|此|相关|有关|任何|这类|上述)"
            r"|(?:该|此|这个?|这类|您的|你的)(?:请求|内容|问题|要求|文本)[^。\n]{0,10}(?:违反|不当|敏感"
            r"|有害|不符合|涉及敏感|不适合|不合适|无法)"
            r"|\bi (?:can(?:'t|not| not)|am unable|'m unable|won't|will not|must decline|am not able"
            r"|'m not able|do not have the ability|don't have access|cannot fulfill)\b"
            r"|\bi'm (?:unable|not able|not comfortable)\b|\b(?:can't|cannot|unable to) (?:help|assist"
            r"|comply|fulfill|provide|translate)\b",
            _I,
        ),
        re.compile(
            r"can(?:'|’)?t|cannot|can not|unable|not able|couldn(?:'|’)?t|won(?:'|’)?t|refus|declin"
            r"|\bnot\b|n(?:'|’)t\b|\bnever|violat|inappropriate|无法|不能|不会|没法|不便|拒绝|不可以|不应"
            r"|不愿|没有|违反|我[^。！？\n]{0,8}[不没]",
            _I,
        ),
    ),
    (
        re.compile(
            r"作为(?:一个|一名|一款|一种|您的|你的)?[^。，,\n]{0,8}(?:AI|人工智能|语言模型|虚拟助[手理]"
            r"|智能助[手理]|聊天机器人|大模型|翻译助手|翻译模型|翻译工具)"
            r"|我(?:是|只是|仅是|仅仅是|不过是)(?:一个|一名|一款|由)?[^。，,\n]{0,10}(?:AI|人工智能"
            r"|语言模型|助手|机器人|大模型|翻译)"
            r"|\bas an? (?:ai|artificial|large language|language model|virtual|assistant)|\bi(?:'m"
            r"| am) (?:just |only )?an? (?:ai|language model|virtual|large|assistant|chatbot)",
            _I,
        ),
        re.compile(
            r"\b(?:ai|a\.i\.|artificial|model|assistant|chat ?bot|bot|robot|gpt|translator|llm)\b|人工智能"
            r"|语言模型|助手|助理|机器人|模型|翻译",
            _I,
        ),
    ),
)

_ROLE = re.compile(
    r"(?:^|\n)[ \t*#>\[【-]{0,6}(?:用户|助手|助理|系统|人类|机器人|问题?|答|回答|答案|回复|输出结果"
    r"|User|Assistant|System|Human|AI|Bot|Q|A|Question|Answer|Response|Reply)"
    r"[\]】*]{0,3}[ \t]?[：:]|<\|?/?(?:im_start|im_end|user|assistant|system"
    r"|endoftext)[^<>\n]{0,12}\|?>|\[/?INST\]|#{2,4} ?(?:Instruction|Response|Answer|Input|指令"
    r"|回复|回答|答案|输出)",
    _I,
)


def find_chatter(pair: Pair) -> str:
    """Words around the translation: a preamble, a note, an offer of more help."""
    for said, own in _CHATTER:
        if (match := said.search(pair.output)) and not own.search(pair.source):
            return match.group().strip()[:40]
    return ""


_READER = re.compile(r"\b(?:you|your|yours|yourself|u|ur)\b|\byou['’]|你|您", _I)
_SPEAKER = re.compile(r"\b(?:i|my|me|we|our|us)\b|\bi['’]|我", _I)


def find_ask(pair: Pair) -> str:
    """The model asks for the text or for more of it."""
    match = _ASK_ALWAYS.search(pair.output)
    if match and not re.search("translat|译", pair.source_lower):
        return match.group()[:40]
    if (
        (match := _ASK_YOURS.search(pair.output))
        and not _READER.search(pair.source)
        and (_SPEAKER.search(pair.source) or not pair.source.rstrip().endswith(("?", "？")))
    ):
        return match.group()[:40]
    match = _ASK.search(pair.output)
    return match.group()[:40] if match and not _ASK_SELF.search(pair.source) else ""


def find_description(pair: Pair) -> str:
    """The model tells what the text is about or wants."""
    if (match := _OF_SOURCE.match(pair.output)) and not re.search(
        r"original|\buser|source|原文|用户", pair.source_lower
    ):
        return match.group()[:40]
    if pair.source.rstrip().endswith("?") and pair.output.rstrip().endswith(("？", "?")):
        return ""
    match = _DESCRIPTION.match(pair.output)
    return match.group()[:40] if match and not _DESCRIPTION_SELF.search(pair.source) else ""


_REFUSAL_PLAIN = re.compile(
    r"(?:无法|不能|没法|不便)[^。！\n，]{0,4}(?:处理|满足|完成|协助|回答|执行"
    r"|响应)[^。！\n，]{0,6}(?:请求|要求|指令|问题|内容)"
    r"|(?:can't|cannot|can not|unable to) (?:help|assist|comply|fulfill)(?: you)?(?: with)? (?:that|this|your)\b",
    _I,
)
_REFUSAL_PLAIN_SELF = re.compile(r"request|question|instruction|query|help|assist|请求|要求|指令|问题|帮", _I)


def find_refusal(pair: Pair) -> str:
    """The model declines, or speaks of itself as a model."""
    if (match := _REFUSAL_PLAIN.search(pair.output)) and not _REFUSAL_PLAIN_SELF.search(pair.source):
        return match.group()[:40]
    for said, own in _REFUSALS:
        if (match := said.search(pair.output)) and not own.search(pair.source):
            return match.group().strip()[:40]
    return ""


_LABEL = re.compile(r"^[ \t]*(?:Q[.．]|(?:Problem|Query|Issue|Task|Response|Reply|Solution|Prompt)[:：])", re.MULTILINE)


def find_turns(pair: Pair) -> str:
    """Marks of speakers or of answers that the source does not have."""
    marks = _ROLE.findall(pair.output)
    own = len(_LABEL.findall(pair.source)) if marks else 0
    return f"speaker mark {marks[0].strip()!r}" if len(marks) > len(_ROLE.findall(pair.source)) + own else ""
