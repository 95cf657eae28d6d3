"""Verbs that stand in for each other at the head of an instruction.

    "Write a list of tips."   ->  "列出一些建议。"      to write a list is to list
    "Tell if it is true."     ->  "判断它是否属实。"    to tell if is to judge

verbs.py holds what a verb means; here is what a translator puts in its place. It counts only where a clause of the
output begins with it, as an order does: "列出" in the middle of an answer stands for nothing.
"""

from __future__ import annotations

import re

_OPENING = (
    r"(?:^|[。；：！？;:!?\n（(“\"])[\s\W]{0,3}(?:\d{1,2}[.、)）]\s?)?"
    r"(?:(?:现在|接下来|然后|接着|再|先|首先|最后|同时|并且?|请|麻烦|劳驾|烦请|帮忙|帮|给|替|为|让|你|您|我们?|咱们"
    r"|大家|要|需要?|须|应该?|可以|可否|能否|能不能|能|会|想要?|希望|尽量|尽可能|试着|尝试|务必|必须|一定要"
    r"|任务是|目标是|去|一起|也|就|着手|开始|具体|简要地?|简单地?|简短地?|详细地?|仔细|认真|分别|依次|逐一"
    r"|随后|之后|否则|则)\s?){0,5}"
    r"|(?:请|并|然后|[，。；]再|同时)[^，。；：！？\n]{0,3}"
)
_MIDDLE = r"(?:请|^(?:为|给|把|将|用|以|根据|按|针对|围绕))[^，。；：！？\n]{1,30}?"
"""Where an object or a means stands before the verb: 请为一家新公司 + 设计."""

_TABLE = """
give provide list name suggest offer propose share show tell present mention say advise supply recommend brainstorm
state enumerate quote cite specify add
= 写 列 举 给出 提供 说出 想 推荐 建议 讲 介绍 说说 谈谈 讲讲 罗列 整理 汇总 告诉 分享 指出 提出 来一 来个 展示 说明
描述 附上 回想 回忆 写出 补充
--
write create generate make come compose draft draw produce construct think devise develop design invent craft
formulate form
plan prepare build pitch imagine put set outline author pen
= 写 列 举 给出 提供 说出 想 编 创作 创建 创造 生成 设计 制定 制作 拟 推荐 建议 讲 介绍 描述 整理 作一 起草 构思
提出 展示 补充
打造 罗列 撰 绘制 画 说说 谈谈 讲讲 规划 策划 发明 虚构 建立 构建 构造 附上 指出 说明 收集 草拟 分享 告诉 回想 回忆
汇总 起个 起一 取个 来一 来个
做一 做个 做份
--
classify categorize categorise identify determine detect decide tell judge check verify predict assess evaluate analyze
analyse recognize recognise label find say figure rate grade indicate examine distinguish differentiate infer guess
review spot test validate confirm see consider
= 判断 判定 分类 归类 归入 归为 划分 划归 识别 确定 鉴别 辨别 辨认 检测 检查 指出 说出 找出 评估 看看 看 评价 评判
分析 断定 核实 预测 推测
标注 标出 说明 确认 甄别 鉴定 辨识 判别 区分 给出 告诉 认定 审查 评定 查看 推断 检验 核对 回答 选出 评 求
--
explain describe discuss elaborate outline clarify illustrate define talk explore examine analyze analyse tell share
summarize summarise comment introduce present state detail say describe discuss review reflect interpret expand
give provide walk argue explicate trace consider compare contrast investigate study show demonstrate
= 解释 说明 描述 阐述 阐明 阐释 介绍 讲解 讲述 讲 论述 概述 讨论 探讨 探究 探索 分析 叙述 解读 分享 说说 聊 谈 述
形容 描绘 展开 详述 简述
评论 点评 评述 剖析 梳理 比较 对比 总结 概括 归纳 告诉 说 列 写 给出 回顾 思考 研究 考察 围绕 就
--
rewrite edit revise change modify convert transform rephrase paraphrase reword correct fix improve rearrange reorder
turn adapt alter adjust reorganize reformulate restructure restate amend update refine polish recast rework redo
translate enhance simplify shorten condense expand extend make turn put proofread repair refactor reframe
= 改 换 修改 转换 转 变 调整 编辑 润色 重写 重组 重新 更正 纠正 修正 优化 替换 完善 修订 变成 换成 化为 译 翻 缩短
精简 扩 修复 校正 订正 更新 提升
改进 简化 美化 排列 整理 使 让
--
find get retrieve extract select choose pick identify search locate look compute calculate determine solve evaluate
name give list work derive estimate count figure obtain convert tell report highlight underline isolate pull collect
gather fetch return output print
= 找 查 求 算 选 挑 提取 抽取 指出 搜 取 得出 解 计算 统计 估 列 给出 说出 写出 标出 筛 摘 换算 输出 返回 告诉 圈出
收集 获取 确定 打印 报
--
act pretend imagine suppose assume play roleplay embody embrace picture take become be speak behave
= 扮演 假装 假设 假如 想象 设想 化身 充当 作为 当 以 担任 模仿 假定 如果 代入 进入 身为 请你
--
use include incorporate consider keep ensure take focus follow apply try remember note cover add mention provide avoid
begin start end limit stick let make give refer base do feel involve employ utilize
= 用 使用 运用 采用 包括 包含 包 加入 融入 涵盖 考虑 保持 确保 保证 务必 注意 记住 尽量 尽可能 最好 遵循 按照 按
根据 写 列 提 介绍 说明 突出 避免 不要 勿 别
控制 力求 力争 参考 基于 结合 利用 补充 同时 务请
--
skip bypass omit ignore disregard drop leave remove delete eliminate exclude forget avoid cut
= 跳过 略去 略过 省略 省去 忽略 无视 不理 不要 不用 绕过 去掉 删 去除 移除 剔除 排除 忘 避免 抛开 别 勿 免去 直接
--
take have look read see check go
= 看 查看 阅读 浏览 读 看看 过目 参阅 审阅 扮演 担任 承担 以 花 接
--
answer respond reply solve complete finish continue fill predict choose work
= 回答 作答 解答 回复 答 回应 完成 补全 补充 填 续 解决 求 选 做 写
--
sort order rank arrange organize organise group put list place sequence align
= 排 整理 归类 分组 分类 按 列 排列 排序 依 根据 归 安排
"""


def _read(table: str) -> dict[str, re.Pattern[str]]:
    signs: dict[str, list[str]] = {}
    for block in table.strip().split("\n--\n"):
        names, _, renderings = block.partition("=")
        for name in names.split():
            signs.setdefault(name, []).extend(renderings.split())
    compiled: dict[str, re.Pattern[str]] = {}
    for name, own in signs.items():
        longest_first = sorted(dict.fromkeys(own), key=len, reverse=True)
        whole = [sign for sign in longest_first if len(sign) >= 2]
        compiled[name] = re.compile(
            rf"(?:{_OPENING})(?:{'|'.join(longest_first)})|{_MIDDLE}(?:{'|'.join(whole)})", re.MULTILINE
        )
    return compiled


_STANDS_FOR = _read(_TABLE)


def _any_order() -> re.Pattern[str]:
    signs = {sign for block in _TABLE.strip().split("\n--\n") for sign in block.partition("=")[2].split()}
    signs -= {"如果", "假如", "可以"}
    longest_first = sorted(signs | _MORE_ORDERS, key=lambda sign: (-len(sign), sign))
    whole = "|".join(sign for sign in longest_first if len(sign) >= 2)
    return re.compile(
        rf"(?:{_OPENING})(?:{'|'.join(longest_first)})(?!机)|(?<![邀申宴聘])请(?![求愿假客教])|{_MIDDLE}(?:{whole})|{_FRAME}(?:{whole}|进行|作出?|做出?|求)"
        rf"|(?:^|[。；！？\n])(?:全面|深入|[^，。；：！？\n]{{2,4}}地)(?:{whole})",
        re.MULTILINE,
    )


_MORE_ORDERS = frozenset(("猜", "打电话", "赏析", "复述", "造句", "翻译", "预报", "发"))
_FRAME = r"^(?:对|从|就|在|向|给|为|把|将|用|以|按|根据|结合|针对|围绕)[^，。；：！？\n]{1,40}?"
_ANY_ORDER = _any_order()
_PIECE = r"(?:[一两几三]?个|一[首篇段份条句种项则封张套款位次番下些道副幅]|出|成|为|几[个首篇段条句种])"
_SHORT_ORDER = re.compile(
    rf"^(?:为|给|把|将|对|从|在|用|以|按|根据|针对|就|围绕|拿|由|跟|向|替|帮|随便)[^，。：；\n]{{1,40}}?(?<![是有])[一-龥]{_PIECE}"
    r"|(?:^|[。；！？\n，])\s?(?:请|再|先|并|然后|就|只|都|分别|简要|简单|详细)?"
    r"[写编拟起列造做画讲说给教数求换改添加补转校评猜证答解读看记填选挑找算查译排分来]"
    rf"(?:{_PIECE}|下|给|我|明|一[写编数猜说讲算])"
    r"|(?:^|[。；！？\n，])\s?[写来作编拟起列讲说想举找给画做][首个篇段份句条种点些封张]"
    rf"|^[\s\W]{{0,3}}(?![^，。\n]{{0,2}}[是有像为每这那另])[一-龥]{{1,2}}{_PIECE}"
    r"|^[\s\W]{0,3}(?:教我|打个|记得|记住|小心|当心|注意|别|勿|切勿|禁止|求|已知|给定|给你|如果你|你需要|你应该?|你要|你来|只|校对|模拟|继续|运行|执行|实现|证明|勾勒"
    r"|定义|重复|倒着|数)",
    re.MULTILINE,
)
"""A verb of one character before what it is to bring about: 拟一个, 改成; and openings that only orders have."""
_WISH = re.compile(r"[你您我]们?(?:想|会|要|应该?|需要?|可以|能)(?!你|您)")
"""A person who wishes or may do something is told of, not ordered."""
_MOST_CHARS = 2000


def is_ordered(verb: str, output: str) -> bool:
    """Whether a clause of a Chinese output begins with a verb that may stand for the English `verb`."""
    pattern = _STANDS_FOR.get(verb)
    return pattern is not None and pattern.search(output, 0, _MOST_CHARS) is not None


def has_order(output: str) -> bool:
    """Whether a clause of a Chinese text begins as an order does, whatever it orders."""
    text = output[:_MOST_CHARS]
    return _ANY_ORDER.search(_WISH.sub("它", text)) is not None or _SHORT_ORDER.search(text) is not None


def has_family(verb: str) -> bool:
    """Whether anything is known that stands for the English `verb`."""
    return verb in _STANDS_FOR
