"""Verbs that instructions open with, and how Chinese translations render them.

    VERBS["summarize"]   ->  ("总结", "概括", "归纳", ...)
    RENDERED["总结"]     ->  {"summarize", "summarise", "conclude", ...}

A rendering may be a part of a word: 写 covers 撰写 and 编写. The table is for recognising that an instruction is still
an instruction; it is no dictionary.
"""

from __future__ import annotations

_TABLE = """
write pen author: 写 创作 作一 作首 编 拟 起草 做一 来一 来首 生成 赋诗 书写 著
rewrite reword rephrase paraphrase restate: 改写 重写 重新 转述 改述 换 复述 表述 改成 改为 释义 写 说法 措辞 改编 转换
compose: 写 创作 撰 编 作一 谱 作曲 拟 组成 构成 起草
draft: 起草 草拟 拟 写 撰 编 制定
create: 创建 创作 创造 制作 编 写 生成 设计 建立 新建 做一 做个 打造 构建 制定 做 想 给
create: 制造 构造 建一 创立 画 列 造 拟定 搭建 想 开发
generate produce: 生成 产生 写 创作 制作 编 给出 列 造 创建 制造 提出 想 构造 提供 设计 拟 输出 生产 做 出
make: 组成 造句 做 制作 使 让 制定 编 列 写 造 创建 变 想 生成 提出 设计 弄 把 作 令 进行 画 给 发明
make: 创造 改 用 拟 编制 打造 整理 变得
form: 组成 构成 形成 造 组 写 建
construct build: 构建 构造 建 造 搭 组 写 创建 制作 编 打造 设计 拟 绘制
design: 设计 制作 规划 拟 策划 创建 编 想 做 写 编排 画 构思 打造
develop: 开发 制定 编 设计 发展 写 建立 创建 研发 构建 拟 提出 培养 构思 想 打造 做 研制
invent: 发明 创造 编 想 杜撰 虚构 构思 设计
devise: 设计 制定 想 构思 提出 拟 策划
imagine picture envision: 想象 设想 假设 假如 想像 试想 构想 幻想 假想
suppose assume: 假设 假定 假如 设 如果
pretend: 假装 假设 扮 假如 装作 假扮 想象 充当 作为 当作 自己
act: 扮演 充当 担任 作为 当 表现 行 模拟 演 扮 身份 以
play: 扮演 玩 演 播放 担任 当 充当 饰
roleplay role-play impersonate: 扮演 模拟 角色 模仿
explain: 解释 说明 阐述 讲解 阐释 讲 说 解说 介绍 解读 解答 分析 阐明 为什么 论述 谈 论 释 告诉 怎么 如何
describe depict: 述 描述 描写 描绘 形容 叙述 介绍 说明 讲 刻画 阐述 说 写 概述
discuss: 讨论 探讨 论述 谈 讲 聊 论 商讨 阐述 谈谈 聊聊 说说 分析 展开
define: 定义 界定 解释 下定义 说明 含义 释义 给出 意思
clarify: 澄清 阐明 说明 解释 讲清 明确
elaborate: 详细 阐述 详述 展开 说明 详
outline: 概述 列 大纲 提纲 勾勒 概括 简述 说明 描述 纲要
summarize summarise recap: 总结 概括 概述 归纳 摘要 简述 小结 综述 汇总 总括 缩写
copy: 复制 拷贝 抄 模仿
restart reboot: 重启 重新
condense shorten: 总结 概括 缩 浓缩 精简 压缩 简 短 概括 凝练
abbreviate: 缩写 简写 缩略
simplify: 简化 化简 简单 精简 简
expand extend: 扩 展开 详 拓展 延 展 丰富 补充 扩展
enhance improve: 改进 改善 提 增强 完善 优化 加强 润色 提升 提高 改 更好
edit revise: 编辑 修改 修订 校 改 润色 修正 编
polish refine: 润色 完善 打磨 优化 改进 修饰 精炼
proofread: 校对 校 检查 审校 审阅
correct: 改正 更正 纠正 修正 订正 修改 改 正确 纠 订 修
fix repair debug: 修复 改 修 纠 解决 调试 排查 更正 排 订正
list: 列 举 清单 罗列 写出 给出 名单 说出 列表 写 说 给 一一
enumerate: 列 枚举 举 逐一
name: 说出 列 举 命名 名 写出 给出 取名 指出 叫出 起名 哪 说 给 写
give: 给 提供 举 列 写 请 说 讲 提出 做 作出 来 告诉 送 发 赋
provide supply offer: 提供 给 请 说明 附 做出 作出 推荐 提出 供
present: 提出 介绍 展示 呈现 给 列 陈述 提供 说明
show display: 展示 显示 说明 表明 给 演示 证明 写出 看 列 呈现 表现
demonstrate: 演示 展示 说明 证明 示范 展现
illustrate: 说明 举例 图 阐 描绘 展示 绘
tell: 告诉 讲 说 叙述 给 跟 告知 说说 谈 介绍 判断 指出
say state: 说 陈述 声明 讲 指出 写 表述 阐述 说明
share: 分享 讲 说 共享 介绍 提供 谈
mention: 提 说 列举 列出 指出 举
answer: 回答 答 解答 作答 回复 解决 作出 回应
respond reply: 回 答 响应 应答
ask: 问 提问 询 请 要求 提出
talk speak chat: 谈 讲 说 聊 对话 交谈 探讨
compare: 比 对照 异同 区别 不同 哪
contrast: 对比 比较 区别 对照 不同
differentiate distinguish: 区 辨 不同 差异
analyze analyse: 分析 解析 剖析 研究
evaluate assess appraise: 评 估 衡量 考量
review: 评 回顾 审 复习 点评 检 查看
critique criticize: 评 批
rate: 排 评 打分 给 分
rank: 排 评 名次
grade score: 评 打分 分
judge: 判 评 断
examine inspect: 检 考察 审 研究 分析 查 探讨
investigate: 调查 研究 探 查
explore: 探 研究 了解 挖掘
research: 研究 调研 调查 查 搜
study: 研究 学习 研读 看 观察
identify: 鉴定 辨识 甄 判别 认 识别 找 确定 指出 辨 鉴别 认出 列出 说出 判断 哪 标识 标出 提取 选 挑 说 归 查 看出 圈
recognize recognise: 识别 认 辨
detect: 检测 找 发现 识别 检 判断 探测
find: 找 求 查 寻 发现 搜 求出 算出 哪 得出 挑出 挑 算 求得 查出
locate: 找 定位 位 查
search look: 搜 查 找 寻 看 检索
discover: 发现 找 探
spot: 找 发现 指出
determine: 确定 判断 求 判定 决定 算 找 得出 测定 看 是否 鉴定 判 查明 看看 弄清 评定
decide: 决定 判断 决 选 确定
figure: 弄 算 想 求 找 搞
calculate compute: 计算 算 求 多少 运算
solve: 解 求 答 破解 算 解决 解答
estimate approximate: 估 预计 预估 大约 近似
evaluate: 求值 计算 评
count: 数 计 统计 多少
add: 加 添 增 补 求和 计算 补充 加入 附上 写 增加
subtract: 减
multiply: 乘 积
divide: 除 分 划
sum: 求和 加 总
simplify: 化简 简化
factor factorize: 因式 分解 因数
integrate: 积分 整合 融入 结合 集成
derive: 推导 求 导 得出
prove: 证
verify validate: 验证 核 检 证 校验 查
check: 检 查 核 看 判断 确认
test: 测 试 检
predict forecast: 预测 预 推测 预言 预报
guess: 猜 推测
infer deduce: 推 得出 演绎
conclude: 总结 结论 得出 推断
classify categorize categorise: 分类 归类 分 类别 归 划分
group cluster: 分组 分 组 归 聚类 划
sort: 排序 排 分类 分 整理
order arrange: 排 整理 顺序 按 布置 安排 重组
organize organise: 组织 整理 排 安排 归 梳理
label tag annotate: 标 贴 注
match pair: 匹配 配 对应 连
assign: 分配 指 赋 给
select: 选 挑 择
choose pick: 选 挑 择
highlight underline: 突出 强调 高亮 标 指出 划 下划线
extract: 提取 抽取 摘 找出 选出 抽 取出 提炼
retrieve fetch: 取 检索 获取 查 找
get obtain: 得 获 取 拿 求
collect gather: 收集 搜集 采集 整理 汇
remove delete eliminate: 删 去 移除 除 消 剔 清除
replace substitute: 替换 换 代 取代 改
insert: 插 加 填 嵌入
fill: 填 补
complete finish: 完成 补 填 续 完善 写完 结束
continue: 继续 续 接着 往下 接
convert: 转 换 改 变 化成 化为 译
transform: 转 变 改 换 化
change: 改 换 变 更 修改 调整 变成
modify alter adapt adjust: 修改 改 调整 变 适应
translate: 翻译 译 转换
transcribe: 转 誊 抄 听写
transliterate: 音译 转写 转
reverse: 反 倒 逆 颠倒
split separate: 分 拆 隔
combine: 结合 合 组合 拼 综合
merge join: 合 连 加入 参加 拼
connect link: 连 联 链接 关联
format: 格式 排版
parse: 解析 分析
implement: 实现 编 写 实施 执行
code program: 编 写 代码 程序
execute run: 执行 运行 跑
perform conduct: 执行 进行 做 完成 表演 表现 开展 作
simulate: 模拟 仿真
use utilize utilise apply employ: 用 使 采 应用 运用 利用 借助 申请 以
incorporate include: 包 含 融 加 结合 纳入 带
suggest propose: 建议 提 推荐 给 想 出 列
recommend: 推荐 建议 介绍 荐 给出 提供 推介 想
advise: 建议 劝 指导
help assist: 帮 协助 助
teach: 教 讲
instruct guide: 指 教 引导 说明
brainstorm: 头脑风暴 想 构思 集思广益 提 列
plan: 设计 计划 规划 策划 安排 制定 打算 方案
schedule: 安排 日程 计划 排 时间表
prepare: 准备 编 制 拟 写 备
argue: 论 辩 主张 争 说
debate: 辩 讨论 争
persuade convince: 说服 劝 信
justify: 依据 阐述 根据 原因 为什么 理由 论证 说明 证明 解释 辩护
defend support: 辩护 支持 捍卫 论证 维护
oppose refute: 反 驳
consider: 考虑 思考 想 设 假设 看 对于 鉴于
think: 想 思 认为 考虑 觉得 思考 构思 回想 设想 琢磨
reflect: 反思 思 回顾 反映
read: 读 看 阅
listen: 听
watch observe: 看 观
note notice: 注意 请 留意 记
remember recall: 记 回忆 想起
take: 取 拿 采 花 以 带 用 看 服 做 把 接 参加 走 抽 考虑 承担 扮演 担任
put place: 放 把 置 写 将 摆
set: 设 定 放 置
let: 让 设 令 使
keep maintain: 保 维 留 使 继续
send: 发 寄 送 投 递 传 交
call: 叫 称 打 调用 致电 呼
turn: 转 变 把 改 将 关 开 拒
break: 分 拆 打破 断
bring: 带 拿
go: 去 走 进 前往
come: 来 想 提出 拿出 创建 创造 设计 编 生成 起 提 给 构思 拿 列
start begin: 开始 从 以 启动 开头 着手
stop: 停 不要 别 止
open: 访问 进入 启动 开 打
close: 关 闭
cut: 切 剪 砍 减 截
cook bake: 做 烹 煮 烤 烘
mix: 混 拌 调
draw sketch: 简述 勾勒 概述 描绘 写 画 绘 得出 素描 抽
paint: 画 绘 刷 涂
plot graph: 绘 画 图 情节
map: 映射 画 图 绘
visualize visualise: 可视化 想象 图 设想 画
measure: 测 量 衡
record: 记录 录
report: 报 汇报
track: 跟踪 追踪 记录
monitor: 监
compile: 编 整理 汇 列 收集
cite quote: 引 列 举
reference: 参考 引用 参照
refer: 参 查 指 根据
specify indicate: 指 说明 注明 标 明确 表 写明
point: 指 点
express convey: 表 传达 说
emphasize emphasise stress: 强调 突出
introduce: 介绍 引 推出
greet: 问候 招呼 致意 迎
thank: 谢
apologize apologise: 歉
congratulate: 贺 恭喜
invite: 邀 请 喊 叫 约
encourage motivate inspire: 鼓 激 劝
welcome: 欢迎
decline refuse reject: 拒 谢绝 婉
accept: 接 受
ignore disregard: 忽略 无视 不要 不理 忽视 别管 略过 不管
forget: 抛 放下 撇 丢 忘 记 别 不要
avoid: 避 不要 勿 别 不用
ensure: 确保 保证 务必 必须 注意 一定 确认
pay: 付 支 给 注意
buy purchase: 买 购
sell: 卖 售 销
advertise market promote: 宣传 广告 推 促 营销
pitch: 推 提案 宣传
role: 角色 扮演
spell: 拼
pronounce: 发音 读 念
rhyme: 押韵 韵
punctuate: 标点
capitalize capitalise: 大写
conjugate: 变位 变形
repeat: 重复 再 复述 跟我 反复
recite: 背 朗诵 念
print output: 打印 输出 印 显示
return: 返回 回 归还 输出
sing: 唱
tweet: 推 发
hypothesize hypothesise: 假设 推测 假说
speculate: 推测 猜 思考
interpret: 解 诠释 理解 说明
rearrange: 重 排 调整
reorder: 重 排 顺序
optimize optimise: 优化 最
configure install: 配置 设 安装
deploy: 部署
disable: 禁 关
enable: 启 开 使
reveal disclose: 透露 揭 说 泄 公开 显示 展示
override bypass: 覆盖 绕 忽略 推翻 越
pick: 选 挑 找
reveal: 告诉 告知 说出 讲 曝光 吐露
write: 写 撰 创作 著 书
provide: 写 列 举 介绍 说
describe: 谈 讲 说 介绍 形容 概括 写 叙
analyze: 剖析 研究 解读 探讨 看
calculate: 求 算 得出 多少 换算
classify: 归 判断 划 分成 分为 判定 辨
rewrite: 改成 换 重述 重新 变 调整 润色
edit: 改写 完善 调整 删改 编
suggest: 想 列 举 出 说 提供 给出
show: 写 列出 给出 指出 看 证明
summarize: 总 概括 提炼 简要 简述 说说 小结
choose: 挑 选出 哪
use: 通过 凭
keep: 控制 尽量 最好 力求 别 不要
include: 写 列 加上 附 涉及 提到 介绍 同时 体现
complete: 补充 补全 填写 写完 续写 做完 填完
generate: 写 想 编 给 列 做 出 造 拟 画 提 讲
respond: 答 回应 回答 作出
imagine: 假如 假设 如果 试想 假使 倘若 要是
assume: 假如 若 设 如果 扮演 以
talk: 谈 讲 说 论 聊聊 介绍
"""


def _read(table: str) -> dict[str, tuple[str, ...]]:
    verbs: dict[str, tuple[str, ...]] = {}
    for line in table.strip().splitlines():
        names, _, renderings = line.partition(":")
        for name in names.split():
            verbs[name] = tuple(dict.fromkeys((*verbs.get(name, ()), *renderings.split())))
    return verbs


VERBS = _read(_TABLE)
"""English base form -> renderings, any one of which is enough."""

RENDERED: dict[str, frozenset[str]] = {}
"""Chinese rendering -> the English verbs that it may stand for."""
for _verb, _renderings in VERBS.items():
    for _rendering in _renderings:
        RENDERED[_rendering] = RENDERED.get(_rendering, frozenset()) | {_verb}
