"""Third part of the word table of nouns.py: more words, and more renderings of words that the others have.

    humor humour:幽默|improve:改善 提高

Entries are separated by `|` or a line end. nouns.py reads it.
"""

from __future__ import annotations

TABLE = """
time:倍 次 假如 假想 穿越 曾 期 限 乘 历史 光阴 年 久|name:列举 说出 写出 取 列 举 称 人选 指出
job:面试 求职 上任 入职 任 业 活儿|during:看 在 里 内 过程 一段 之际 上 的|need:想 请 须 需 得 应 缺
first:头 最早 新上任 最初 首 1 第1 初 起 原|person:者 人士 此人 谁 他 对方|between:至 到 ～ ~ - 中 在 两 之 — 比
opinion:看来 认为 觉得 想法 说|effective:出色 优秀 有用 最能 好 有力 高效 奏效 卓|end:尽头 止 底 端 收 完 到头
house:宅 栋 居 楼 住 门|man:Man 侠 者 他 先生 汉|running:竞选 经营 竞 水 跑 参选|company:公司 机构 行 厂 第二家 家 商
scene:开场 景 场 镜头|plan:打算 攻略 安排 设计 准备 想 拟 规划 预|menu:菜谱 菜品 食谱 餐
feeling:难过 心里 心情 觉 感觉|trip:玩 攻略 行程 旅途 之旅|step:过程 动作 环节 阶段 流程 措施 进一步
example instance:举 实例 案例 事例 范例 示例 样例 例 下面的|quick:简短 快 小 短 便捷 速
idea:好吗 好不好 想 创意 提议 思想|conversation:话匣子 话 聊 沟通 交流|dad:冷笑话|born:先天 天生 出生 生 诞
refund:退票 退钱 退|university college:高校 校 大学 学府|query:搜索词 查 检索 问|similar:这种 同类 近似 相近 相像 这样
code:色值 编程 程序 代码 编写|detail:信息 详情 具体 详细 内容|year:年 时节 岁 载|aspect:亮点 之处 地方 层面 角度 点
quote quotation:话 名句 句 引 台词 警句|general:笼统 概括 一般 大体 泛 通常|volunteer:自愿 志愿 义工 主动
guest:嘉宾 客 来宾 贵宾 房客|address:回应 针对 应对 处理 演讲 面对 解 住|possible:尽量 尽可能 可 或许
introduction:开场白 引言 简介 开头 介绍 导言 前言 入门 自我|part:哪一点 之处 一点 环节 区 角 成分 地方 零件 词
invest:投入 投|size:长度 长短 大小 码 体型 规格|factor:什么 因|experience:感受 体会 感觉 历 有过 经|email:信 邮
market:集市 市集 市|capital:资金 本金 资本|number:多少 几 总共 值 个 条 量 号 数字 一些 若干 第|live:有 只 住 栖 活 在
leave:出门 离 走 请假 剩 辞 假 让|standard:普通 常规 标准 一般|way:创意 方 之道 窍 角度 手段 式 办法 样
humor humour:幽默 风趣 搞笑 诙谐|description:描述 说明 描写 形容 介绍 简介 叙述 文案
information info:信息 资料 情报 资讯 消息 内容|task:任务 工作 题 事|service:服务 客服 业务|content:内容 目录 满足
explanation:解释 说明 讲解 阐释 理由|analysis:分析 解析|term:术语 词 条款 项 学期 任期 名词 期 称
total:总 共 合计 一共 全部|sentiment:情 感 态度|group:群 组 团 小组 批 类 一些 帮
positive:积极 正面 正 肯定 好 乐观 阳|negative:消极 负面 负 否定 不好 差 坏 阴|neutral:中性 中立
correct:正确 改正 纠正 更正 对 修正 改 准 订正|incorrect:错 不正确 不对 误
appropriate suitable proper:适 恰当 妥 得体 相应 正确 合|potential:潜 可能|current:当前 现 目前 流 如今 眼下
related relevant:相关 有关 关 联系 涉及|format:格式 形式 排版 式|various:各 多 不同|single:单 一 个
great:伟大 好 极 棒 大 很 优 多谢|recent recently:最近 近 新|complex:复杂 复 难|sequence:序列 顺序 数列
management:管理 经营 管|field:领域 字段 田 场 行业 专业|series:系列 剧 集 连续|integer:整数 整
programming:编程 程序 代码|third:三|activity:活动 事 运动 项目|action:行动 动作 行为 措施 举措
document:文档 文件 文 材料|account:账 帐 户 叙述 描述 记述 考虑 号|understanding:理解 了解 认识 懂 谅解
air:空气 空 航 天|performance:表现 性能 绩 演 表演|literature:文学 文献 作品|practice:实践 做法 练 惯例 习惯 操作 实务
course:课 当然 道 程|daily:每天 每日 日常 天 日 每|position:位 职 立场 岗 名 姿|complexity:复杂
nature:自然 本质 性质 天性 大自然 本|valid:有效 合法 成立 合理|significant:重大 重要 显著 大 主要 意义|reader:读者 读
adventure:冒险 历险 奇遇 探险 闯 探|environmental:环境 环保 生态|purchase:买 购|location:地 位置 处 所在
survey:调查 问卷 调研 民意|opening:开场 开头 开 空缺|individual:个人 个体 人 个 单|advice:建议 意见 忠告 劝
logical:逻辑|player:玩家 选手 球员 运动员 播放 人|member:成员 会员 员 人 家人|version:版本 版|principle:原则 原理
quantum:量子|probability:概率 几率 可能|comparison:比较 对比 比|approach:方法 途径 方式 思路 接近 做法 态度
lifestyle:生活|journey:旅 行 历程 路|fiction:小说 虚构|technological:技术 科技|maximum:最大 最多 最高 至多 上限
minimum:最小 最少 最低 至少 下限|opposite:相反 反 对面|operation:运算 操作 手术 运营 行动 作业
workplace:职场 工作 办公 公司 单位|personality:性格 个性 人格 人物|audience:观众 听众 读者 受众
transportation transport:交通 运输 出行|view:视图 看 观 景 视 见解|consequence:后果 结果 影响|virtual:虚拟
meal:餐 饭 膳 菜|fun:有趣 好玩 乐 趣 玩 有意思|wikipedia:维基 Wikipedia|tag:标签 标记|alternative:替代 其他 另 备选 选
blank:空 空白|entertainment:娱乐|presentation:演示 展示 报告 演讲 幻灯 陈述 呈现|genre:类型 体裁 流派 题材 风格 曲风
board:板 棋盘 董事 盘 委员|requirement:要求 需求 条件 需|criteria criterion:标准 条件 准则
variety:各种 多种 种类 品种 多样|worst:最差 最糟 最坏 差 劣 次|edge:边|chemical:化学|sample:样本 示例 样 例
organization organisation:组织 机构 团体|chatbot:聊天机器人 机器人|shopping:购物 采购 逛
engagement:参与 互动 订婚 投入|balance:平衡 余额 均衡 兼顾|assignment:作业 任务|laptop:笔记本 电脑|flow:流
loss:损失 丢失 失|musical:音乐 乐 曲|coach:教练 指导|puzzle:谜 拼图 题 智力 棋|recommendation:推荐 建议
linear:线性 一次|template:模板 范本 样板|attention:注意 关注 专注|thought:想法 思 念头 看法 想
score:分 成绩 比分 得 进球|property:属性 房 财产 性质 物业 性|component:组件 成分 部分 部件 组成
productivity:生产力 效率 生产|overview:概述 概览 综述 总览 概况|protagonist:主角 主人公
director:导演 总监 主任 董事 执导|destination:目的地 地|platform:平台 站台|routine:日常 例行 惯例 流程 套 作息
profession:职业 专业 行业|abstract:摘要 抽象|bias biased:偏见 偏 歧视|stereotype:刻板 成见 偏见|phenomenon:现象
proverb:谚 俗语|pronoun:代词 代名词|mood:心情 情绪 气氛 氛围|instagram:Instagram 照片墙|latex:LaTeX latex|rhyme:韵
dictionary:词典 字典 辞典|draft:草稿 初稿 草案 起草 草拟|discovery:发现|fictional:虚构 小说|race:赛 种族 比赛 跑
scale:等级 量表 规模 比例 分 尺度 到|renaissance:文艺复兴|storage:存储 储存 存|stage:阶段 舞台|award:奖 获奖
launch:发布 推出 上市 启动 发射|landmark:地标 标志 名胜 里程碑|care:关心 照顾 护 照料 在意 注意
collection:集 收藏 系列 收集|creativity:创造 创意 创 创新|logo:标志 标识 徽 logo|target:目标 靶|layout:布局 版式 排版
vocabulary:词汇|reality:现实 真实|path:路径 路 道路|emission:排放|meaningful:有意义 意义
statistic statistics:统计 数据|accident:事故 意外 车祸|narrative:叙事 叙述 故事 记叙|psychological:心理
independent:独立|county:县 郡|anxiety:焦虑|condition:条件 状况 情况 状态 病|channel:频道 渠道|attribute:属性 特 品质
candidate:候选 应聘 求职 人选|horror:恐怖 惊悚|entity:实体|texture:口感 质地 纹理 质感|notation:记号 表示 符号 记法
ethical ethically:道德 伦理|unethical:不道德 违背 有违 缺德|syntax:语法 句法|intent intention:意图 目的|tennis:网球
collaboration:合作 协作|implication:影响 意义 含义 后果|literary:文学|mathematical:数学
scientist researcher:科学家 研究|consumer:消费 顾客|strength:优势 优点 力 强项 长处|weakness:缺点 弱 不足 短板
motivation motivated:动力 激励 动机 积极|behavior behaviour:举止 做法|guideline:指南 准则 规范 方针
citation cite:引用 引文 文献 出处|paper:论文 文章 试卷 报|basis:基础 依据 根据|keyword:关键词 关键字|hashtag:标签 话题
podcast:播客|subscription:订阅|discount:优惠 打折 减
attractive appealing engaging captivating compelling:吸引 引人 迷人 动人 精彩 诱人 抓人 扣人 生动 有力
attractive appealing engaging captivating compelling:打动 魅力 有趣 令人 感染 说服
catchy:朗朗上口 吸引 醒目 抓人 易记 响亮 顺口 好记|persuasive convincing:说服 令人信服 有力 劝说
concise:简洁 简明 精炼 简短 扼要 精简|vivid:生动 鲜明 逼真 活灵活现 栩栩|descriptive:描述 描写 描绘
inspiring inspirational motivational:励志 鼓舞 激励 启发 感人 打气 正能量|emotion:情 感|sensory:感官 感觉|adjust:调整
improve improvement:改 提 增强 完善 优化|boost:提 增 促|avoid avoiding:避 防 勿 不|prevent prevention:防 避 阻
reduce:减 降 缩|solve solving:解 决|handle:处理 应对 对付 手柄|manage:管理 控制 应付|communicate:沟通 交流 传
motivate:激 鼓 动力|achieve achievement:实现 达 成就 取得 成绩|maintain:维 保持 养护|overcome:克服 战胜 渡过
develop:开发 发展 培养 制定 养成 编写 形成|prepare preparation:准备 备 做 制作|cook cooking:烹 做 厨 煮 饭
choose:选 挑|compare:比 对照|consider considering considered:考虑 认为 视 看作 鉴于 被|decide:决 判断 选
happen happening:发生 会 怎|explain:解释 说明 讲 阐 介绍 解|describe:述 描 形容 介绍 讲
suggest suggestion:建议 推荐 提 出|discuss discussion:讨论 谈 论 探讨 聊|contain containing:含 包 有 带 里
include including:包 含 括 涵盖 加 有 写 带 还 列 其中|require required:需 要 必 求|provide provided:提供 给 出 供 所
increase increasing:增 提 升 加 涨|identify:识别 找出 指出 确定 辨 认 判断|determine:确定 判断 决定 求 算 判定
replace:替 换 代|translate translation:译|calculate calculation:算 求|summarize summarise:总结 概 摘要 归纳
classify classification:分类 归 判断 划分 类|rewrite:改写 重写 改 写|continue:继续 续 接
complete:完成 完整 补 填 完 全 续|remove:删 去 移 除|analyze analyse:分析 析
generate:生成 产生 写 编 创 想 给 列 做 出|create:创 建 编 写 制 设计 做 画 生成 列 构|design:设计 制 规划
translate:翻|write writing written:写 编 撰 作 拟 文 创作 列 著 书|read reading:读 看 阅|travel:游 旅 出行 去
gender:性别 性|offensive:冒犯 攻击 侮辱|toxic:有毒 恶意 不当 侮辱|spam:垃圾|customer:买家|passenger:乘客
vehicle:车 载具|speech:演讲 言 语音 说话|speaker:演讲 嘉宾 说话 发言 扬声器 主讲|host:主持 主人 举办 主机
celebrity:名人 明星|athlete:运动员|singer:歌手|musician:音乐家 乐手|author:作者 作家|critic:评论|reviewer:审稿 评论
colleague coworker:同事|partner partnership:伙伴 合作 搭档 伴侣|couple:夫妻 情侣 几 对 两|girlfriend:女友 女朋友
boyfriend:男友 男朋友|spouse:配偶 爱人|teenager teen:青少年|adult:成人 成年 大人|elderly:老人 老年|classmate:同学
tutor:导师 家教|principal:校长 主要 本金|elementary:小学 基础 初|grocery groceries:杂货 购物 食品 采购 日用
ingredient:食材 料|dessert:甜|salad:沙拉 色拉|soup:汤|sauce:酱|sandwich:三明治|burger hamburger:汉堡|pasta:意面 意大利
noodle:面|breakfast:早饭|butter:黄油|flour:面粉|garlic:蒜|onion:洋葱|vegan:纯素 素 植物|healthy:健康 有益
nutrition nutritious nutrient:营养|exercise:动作|gym:健身|yoga:瑜伽|meditation:冥想|therapy:疗|doctor:大夫|symptom:症
treatment:治|surgery:手术|allergy allergic:过敏|pregnant:怀孕 孕|fever:发烧 发热|fitness:健身 健康|marathon:马拉松
tournament:锦标 比赛|championship:冠军 锦标|stadium:体育场|olympics olympic:奥运|trophy:奖杯|chess:棋|guitar:吉他
piano:钢琴|orchestra:乐|album:专辑|band:乐队 带|jazz:爵士|melody:旋律|movie film:影|actor actress:演员|theme:题
sunset:日落 夕阳 落日|sunrise:日出|moon:月亮|shadow:影 阴影|cave:洞|valley:谷|cliff:悬崖|waterfall:瀑布|jungle:丛林
coast:海岸|harbor harbour:港|tower:塔|palace:宫|temple:寺 庙 神殿|statue:雕像 像|hunter:猎|sailor:水手|farmer:农
merchant:商|thief:贼 偷|stranger:陌生|neighbor:邻居|villain:反派 坏 恶|vampire:吸血鬼|magic magical:魔
fairy:仙 童话 精灵|legend:传奇 传说|myth:神话 传说 误区|mystery:神秘 悬疑 谜 推理|romance romantic:浪漫 爱情 恋
tragedy:悲剧|comedy:喜剧|drama:戏剧 剧|twist:转折 反转|moral:教训|fable:寓言|biography:传记
diary journal:日记 日志 期刊|magazine:杂志|brochure flyer leaflet:手册 传单 宣传|poster:海报|invitation:邀请
resignation:辞职|complaint:投诉 抱怨|apology:致歉|cover:封面 求职 覆盖 盖 涵盖|memo:备忘|agenda:议程 日程
proposal:提案 建议 方案 求婚|checklist:清单 检查|questionnaire:问卷|quiz:测验 问答 小测|worksheet:练习 作业
curriculum syllabus:课程 大纲|workshop:研讨 工作坊 讲习|conference:会议|seminar:研讨|startup:初创 创业
entrepreneur:创业 企业家|revenue:收入 营收|budget:开支|debt:债|mortgage:房贷 抵押|credit:信用 学分 信贷|interest:利息
inflation:通胀 通货膨胀|currency:货币|price:售价 多少钱|fee:费|payment:付 款 支付|rent:租|wage:薪|supply:供 物资 用品
demand:需 要求|competitor competition:竞争 比赛 竞|logistic logistics:物流|warehouse:仓|shipment shipping:运 发货 货
electric electrical:电|wireless:无线|smartphone:手机|tablet:平板|printer:打印|robot:机械|chip:芯片 片|sensor:传感
encryption:加密|cybersecurity:网络安全 网安|cloud:云计算|browser:浏览器|webpage:网页|url link:链接 网址 URL
folder directory:文件夹 目录|script:剧|bug:bug Bug 错误 漏洞 缺陷 问题|error:报错|debug:调试|framework:框架
library:程序库|decimal:小数 十进制|binary:二进制 二叉 二分 二元|matrix:矩阵|vector:向量|graph:曲线|node:节点 结点
tree:二叉|queue:队列|stack:栈|recursion recursive:递归|sort sorting sorted:排 有序|prime:质数 素数|factorial:阶乘
fibonacci:斐波 Fibonacci|palindrome:回文|pixel:像素|column:列 栏|row:行 排|cell:格 细胞|header:头 标题
index:索引 序号 指数 下标|element:元|parameter:参数|constraint:约束 限制|proof:证|theorem:定理|hypothesis:设
derivative:导数|integral:积分|polynomial:多项式|slope:斜率|radius:半径|diameter:直径|remainder:余数 剩|ratio:比
profit:赚 利|mile:哩|yard:码 院|ounce:盎司|ton:吨|celsius:摄氏|fahrenheit:华氏|degree:℃|candy candies:糖果 糖
cookie:饼干 曲奇|muffin:松饼 玛芬 马芬|balloon:气球|marble:弹珠 大理石 玻璃球|sticker:贴纸|pencil:铅笔|pen:笔
crayon:蜡笔|dozen:打 十二 12|pair:对 双 配|twice double:两倍 2倍 二倍 翻 2 两 双 一倍 加倍|triple:三倍 3 三|half:半
quarter:四分之一 季度 1/4 刻|remaining:剩 余 其余|altogether:一共 共 总|equal:相等 等 平 同样|per:每|extra:额外 多 加
cheaper:便宜|older:大 年长|dating:约会|wedding:结婚|funeral:葬|graduation graduate:毕业|scholarship:奖学金
internship intern:实习|promotion:晋升 促销 升|deadline:期|overtime:加班|remote:远程|freelance freelancer:自由职业
leadership:领导|teamwork:团队|feedback:意见|confidence confident:自信 信心|kindness:善 仁|courage:勇|gratitude:感激
patience:耐心|wisdom:智慧|happiness:福|freedom:由|equality:平等|diversity:多样 多元|inclusion inclusive:包容
racism:种族|poverty:贫|hunger:饥|drought:旱|warming:变暖 暖|greenhouse:温室|ecosystem:生态|biodiversity:生物多样
species:种类|habitat:栖息|extinct extinction:灭绝|endangered:濒危|dinosaur:恐龙|fossil:化石|volcano:火山
hurricane:飓风|tornado:龙卷风|thunder:雷|lightning:闪电|rainbow:彩虹|fog:雾|oxygen:氧气|molecule:分子|electron:电子
neuron:神经元|neural:神经|organ:器官|lung:肺|liver:肝|kidney:肾|theory:说|relativity:相对论|astronaut:宇航 航天员
telescope:望远镜|comet:彗星|orbit:轨道|solar:日|eclipse:食|black:暗|alien:星|colony colonist:殖民 移民|ancestor:祖先
civilization civilisation:文明|dynasty:朝|emperor:皇帝|republic:共和|democrat:民主党|republican:共和党|congress:国会
parliament:议会|senator:参议员|constitution:宪法|treaty:条约|immigration immigrant:移民|refugee:难民
border:边境 边界 边框|tourism:旅游|airline:航空|flight:航班 班机|luggage:行李|passport:护照|hostel:旅舍|museum:馆
souvenir:纪念|attraction:景点 吸引|sightseeing:观光|itinerary:攻略|cuisine:菜 美食 烹饪|restaurant:店
waiter waitress:服务员 侍|chef:大厨|delicious tasty:美味 好吃 可口|spicy:辣|salty:咸|sour:酸|bitter:苦
sweet:甜 温馨 贴心 香|fresh:新鲜 鲜|frozen:冻|crunchy crispy:脆|soft:软 柔|calm:平静 冷静 镇|peaceful:和平 平静 宁静
nervous:紧张|worried worry:担 忧|embarrassed embarrassing:尴尬 窘|jealous:嫉妒|surprised:惊|bored:无聊
confused confusing:困惑 糊涂 混乱 费解|curious:好奇|excited:激|disappointed:失望|upset:难过 不安 沮丧 生气
depressed depression:抑郁 萧条 沮丧|ambiguous:歧义 模糊 含糊|accurate accurately:准确 精确 确切
factual factually:事实 真实|fluent:流畅 流利|coherent:连贯|formal:书面|casual informal:随意 非正式 口语 休闲 轻松
academic:学术 学|sarcastic:讽刺|humorous:风趣 逗|friendly:友好 友善 亲切|sincere:真诚 诚挚|urgent:紧急
confidential:机密 保密|visible:可见 看见|invisible:隐形 看不见 隐身|giant:巨|tiny:微小 小|huge:巨|enormous:巨
narrow:窄|heavy:重 大|thick:厚|thin:薄 瘦|round:圆|sharp:锋利 尖|smooth:平滑 光滑 顺|rough:粗|wet:湿|dry:干|hungry:饥
thirsty:渴|blind:盲 失明|deaf:聋|cultural:文化|economic:经济|political:政|social:社会 社交|global:球|environment:生态
human:人类 人|animal:动物|technology:技术|visual:视觉|audio:音|mobile:手机 移动|online:网|weekly:周 星期|monthly:月
annual yearly:年|overall:总体 整体 全|traffic:交通 车流 流量|highway:高速 公路|train:训练|subway metro:地铁
taxi:出租 的士|truck:卡车|motorcycle:摩托|parking:停车 车位|license:许可 执照|ticket:罚单|emergency:紧急 急
firefighter:消防|rescue:救|hero:雄|rule:约束 限制 束缚 规矩 法则 准则|now:起 此刻 即刻 至今 下面 那么 好
knowledge:掌握 了解 懂 知|physical:实物 实体 物理 实|best:优 首选 最 热门|rate:排 打分|dinner:饭 餐
open:访问 进入 启动 公开 张开|pe gymnastics:体育 体操|mr mrs ms miss:先生 老师 女士 太太 夫人 小姐 错过 想念 思念 怀念
plot:剧情 故事
"""
