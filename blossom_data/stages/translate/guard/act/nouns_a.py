"""First half of the word table of nouns.py: English words and their Chinese renderings.

    poem poetry verse:诗|haiku:俳句

Entries are separated by `|` or a line end. nouns.py reads it.
"""

from __future__ import annotations

TABLE = """
poem poetry verse:诗|haiku:俳句|sonnet:十四行 商籁|limerick:打油 五行 幽默诗 诗|story tale:故事 小说 童话 传说
essay:文章 作文 论文 短文 散文 文|article:文章 报道 文|blog:博客 博文|post:帖 文章 推文 博文 贴 发 岗位
paragraph:段 段落|sentence:句|phrase:短语 词组 句 说法 词|word:词 字 单词 话|letter:信 函 字母 字
email e-mail:邮件 邮 电邮|message:消息 信息 短信 留言 讯息|speech:演讲 讲话 发言 致辞 讲稿 演说
dialogue dialog:对话 交谈 谈话 会话|conversation:对话 交谈 谈话 会话 谈|script:脚本 剧本 稿|scene:场景 幕 戏
song sing:歌 唱|lyrics singer:歌|joke:笑话 段子 玩笑|riddle:谜|pun:双关|quote quotation:名言 引 语录 金句 报价 格言
slogan tagline motto:口号 标语 广告语 宣传语 座右铭|title headline heading:标题 题目 名 头衔 题
caption:说明 标题 配文 文案 字幕|tweet:推文 推特 微博|advertisement ad:广告|review:评 复习 回顾 审查
summary:总结 摘要 概 小结 梗概|outline:大纲 提纲 概 纲要|list:列 清单 名单 表|table:表 桌|chart diagram graph:图
report:报告 报道 汇报|plan:计划 方案 规划 打算 策|strategy:策略 战略 计策 方案
schedule:日程 时间表 行程 计划 安排 表 时间|itinerary timetable:日程 时间表 行程 计划 安排 表
recipe:食谱 菜谱 配方 做法|menu:菜单|dish:菜 碟 盘|ingredient:食材 材料 配料 原料 成分|function:函数 功能 职能 作用
program:程序 项目 计划 节目 方案|code:代码 编码 码|algorithm:算法|query:查询 语句|regex:正则|variable:变量
array:数组 列|string:字符串 串|loop:循环|class:类 课 班|method:方法 办法 方式|command:命令 指令|database:数据库
file:文件|question:问题 题 疑问 提问 问|answer:答 回复|example instance:例 实例|reason:理由 原因 缘由 为什么
way:方法 方式 办法 途径 做法 怎么 如何 种 法 路|step:步|tip:提示 技巧 建议 窍门 贴士 小费 诀窍
idea:想法 点子 主意 创意 构思 观点 思路 理念|advantage benefit pro:优 好处 益 利 优势
disadvantage drawback con:缺 劣 弊 不足 坏处 短处|difference:区别 差 不同 异|similarity:相似 共同 类似 相同 异同
feature characteristic:特 功能|fact:事实 知识 真相 实|opinion:意见 观点 看法 见解|argument:论 理由 参数 争 观点
definition:定义 释义 意思 含义|meaning:意 含义|synonym:同义 近义|antonym:反义|adjective:形容词|noun:名词|verb:动词
adverb:副词|acronym:缩写 首字母|metaphor:隐喻 比喻 暗喻 喻|simile:明喻 比喻|analogy:类比 比喻|idiom:成语 习语 俗语
country national:国|city:市 城|state:州 状态 国 态|capital:首都 首府 资本 省会 大写|animal:动物|color:色 红
colour:色|book:书|movie film:电影 影片 片|character:人物 角色 字符 性格|name:名 姓 叫 称|person human:人
people:人 民|company:公司 企业|product:产品 商品 积|customer client:客 顾客 用户|business:企业 商 业务 生意 公司
team:团队 队 小组|job:工作 职 岗|interview:面试 采访 访谈|resume:简历|skill:技能 技巧 能力 本领|student:学生 同学
teacher:老师 教师|school:学校 学 上学|lesson:课|topic:主题 话题 题目 题 课题|theme:主题
subject:主题 学科 主语 科目 题|theory:理论 论|concept:概念 观念|process:过程 流程 工艺 步骤 处理 进程
system:系统 体系 制度|role:角色 作用 职|impact effect influence:影响 效果 作用 冲击 效应
cause:原因 导致 引起 造成 起因 成因 缘由|importance important:重要|purpose:目的 用途 宗旨|goal objective:目标 目的
challenge:挑战 难|problem:问题 题 难题 毛病|solution:解 方案 办法 溶液 答案|risk:风险 危险
technique:技巧 技术 方法 手法|technology:技术 科技|tool:工具|resource:资源|number:数 个数 号 编号 量|digit:位 数字
equation:方程 等式 式|formula:公式 式 配方|expression:表达 式 表情|fraction:分数|percentage percent:百分 %
average mean:平均 均 意思|sum:和 总|area:面积 区 领域 地|perimeter:周长|volume:体积 容 卷 量|angle:角|triangle:三角
circle:圆|rectangle:矩形 长方|square:平方 正方 广场|price cost:价 成本 费 花 钱|money:钱 资金|year:年 岁
month moon:月|week:周 星期 礼拜|day:天 日|hour:时 钟头|minute:分|second:秒 第二 次|time:时 次 刻 点
date:日期 约会 日 约|age:年龄 岁 龄 时代|text passage:文 段 篇
following:以下 下面 下列 如下 下述 下 接下来 这 后 所给|given:给 已知 鉴于 所 这|input:输入|output:输出 结果
hypothesis fake:假|experiment:实验|data:数据 资料 数|dataset:数据|model:模型 型|image:图 照 像 意象
photo picture:图 照 像|website site:网站 网|app application:应用 软件 程序 申请 app|game:游戏 比赛 局 赛
gift present:礼|trip vacation:旅 行 出游 度假|travel:旅 行 出游 度假 出行|hotel:酒店 旅馆 宾馆|restaurant:餐 饭 馆
workout:锻炼 运动 练 健身|exercise:锻炼 运动 练 健身 练习|diet:饮食 食|health healthy:健康 卫生|sleep:睡 眠
stress:压力 紧张 应激 强调|budget:预算|market:市场 集市|marketing:营销 市场 推广|campaign:活动 运动 竞选 战役 宣传
event:事件 活动 事|history:历史 史|war:战|president:总统 主席|government:政府|law:法 律 定律|environment:环境
climate:气候|weather:天气 气象|planet:行星 星|earth:地球 大地|sun:太阳 日 阳光|ocean sea:海|water:水|fire:火
tree:树 木|flower spend:花|river:河 江|mountain:山|island:岛|dog:狗 犬|cat:猫|bird:鸟|fish:鱼|horse:马|food:食 饭 菜
fruit:果|coffee:咖啡|tea:茶|breakfast:早 餐|dinner:晚|pizza:披萨 比萨 匹萨|cake:蛋糕 糕|sugar:糖|bread:面包
rice:米 饭|music:音乐|art:艺术 美术 画 术|dance:舞|painting:画 绘|sport:运动 体育|football soccer:足球 球
basketball:篮球|science scientific:科学|biology:生物|physics:物理|chemistry:化学|math mathematics:数学
computer:电脑 计算机|phone:电话 手机|internet:互联网 网|car bus:车|train:火车 列车 训练 车|plane airplane:飞机
house home:家 房 屋|room:房 室 间|door:门|window:窗|street:街|family:家|friend:朋友 友|mother mom:母 妈
father dad:父 爸|child children kid:孩 儿童 小朋友 子女 童 小时候 幼|baby:婴 宝宝|boy:男|girl woman:女|man:男 人
world:世界 全球 天下|life:生 命 人生|love:爱 喜欢 喜|hate:恨 讨厌|happy happiness:快乐 幸福 开心 高兴 乐
sad:悲 难过 伤心 伤|future:未来 将来|past:过去 以往 往|dream:梦|heart:心|body:身体 体 正文 主体|brain:脑|hand:手
eye:眼|blood:血|cell:细胞 单元格 电池|best:最 好 佳|better:更 好|new:新|old:旧 老 古|large big:大|small little:小
long:长 久|short brief:短 简|good:好 良|bad:坏 不好 差|easy simple:简 易|difficult hard:难 硬 努力
famous:著名 有名 知名 名|popular:流行 受欢迎 热门 普及 最火|creative:创 新颖|unique:独特 独 唯一|detailed:详
funny humorous:幽默 搞笑 有趣 好笑 滑稽|formal:正式|polite:礼貌 客气|common:常 共同 普|random:随机 随 任意
favorite favourite:最喜 最爱 喜欢 喜爱|different:不同 各 异|same:相同 同 一样|first:第一 首 先 一 前
last:最后 上 末 去|next:下 接 后|between:之间 间 与 和 从|without:不 无 没|more:更 多|most:最 多|least:最 至少
main major:主要 重 主|possible:可能 能|natural:自然 天然|language:语|english:英|french:法|spanish spain:西班牙
german:德|chinese:中 汉|japanese:日|american:美|native:本 母语 原 土|grammar:语法|spelling:拼|error mistake:错 误
style:风格 体 样 款 式|tone:语气 口吻 语调 基调|voice:语态 声 口吻 嗓 音|tense:时态|type:类 种 型|kind:类 种 型 善 好 样
category:类|set:组 集 套|item:项 物 件 条 品|object:物 对象 宾语|element:元素 要素|part:部分 部 份 词性
section:节 部分 段|line:行 线 句|page:页|point:点 分|detail:细节 详|key:关键 键 主要 钥|value:值 价|result:结果
conclusion:结论|evidence:证据 据|source:来源 源|scenario situation:情 场景 情况|experience:经 体验
feeling emotion:情 感|attitude:态度|behavior behaviour:行为|culture cultural:文化|tradition traditional:传统
religion:宗教|society:社会|economy economic:经济|energy:能|power:力 权 能 电 功率|electricity:电|machine:机
robot:机器人|artificial:人工|intelligence:智|learning:学习 学|security:安全|password:密码 口令 密
secret:秘密 机密 密|instruction:指令 指示 说明 要求 命令 指南|prompt:提示 指令|user:用户 使用者
previous:之前 先前 以前 上述 前 上|above:上 以上 前|assistant:助|statement:陈述 说法 声明 语句 话 句 表述
premise:前提|claim:说法 主张 声称 断言 论|news:新闻|newspaper:报|option:选|choice choose:选 择
thank thanks grateful gratitude:谢 感|hello hi hey:好 嗨 哈 喂 嘿
sorry apology apologize:抱歉 对不起 歉 遗憾 不好意思 难过|welcome:欢迎 不客气|goodbye bye:再见 别
congratulations:恭喜 祝贺 贺|reply response:回 答 应 反应|attend:参加 出席 上|wedding marriage marry:婚
spring:春 泉 弹|summer:夏 summer|autumn fall:秋 落 下降 跌 倒 灭 衰 掉 陷 崩|winter:冬|season:季|morning:早 上午 晨
evening night:晚 夜|noon afternoon lunch:午|monday:周一 星期一 礼拜一|tuesday:周二 星期二 礼拜二
wednesday:周三 星期三 礼拜三|thursday:周四 星期四 礼拜四|friday:周五 星期五 礼拜五|saturday:周六 星期六 礼拜六
sunday:周日 周天 星期日 星期天 礼拜天|weekend:周末|today:今|tomorrow:明天 明日 明|yesterday:昨
now:现在 如今 当前 目前 今 现|ancient:古|modern:现代 当代|medieval:中世纪|century:世纪|empire:帝国|roman rome:罗马
castle:城堡|king:国王 王|queen:女王 王后 后|church:教堂 教会|museum:博物馆|library:图书馆 库|park:公园 停|bridge:桥
building:楼 建筑 建 大厦|factory:工厂 厂|store shop:店 商铺 商场 存|office:办公 室 处|hospital:医院
doctor physician:医 博士 大夫|nurse:护|patient:患者 病人 耐心|disease illness:病|infectious:传染 感染
medicine drug:药 医|vaccine vaccination:疫苗 接种|virus:病毒|pandemic:疫|cancer:癌|pain:痛 疼|headache:头
tooth teeth dentist:牙|weight:重 体重|calorie:卡 热量|protein:蛋白|vitamin:维生素|egg:蛋 卵|milk:奶|meat:肉
beef cow:牛|chicken:鸡|vegetable:菜 蔬|vegetarian:素|potato:土豆 马铃薯 薯|tomato:番茄 西红柿|apple:苹果 Apple
"""
