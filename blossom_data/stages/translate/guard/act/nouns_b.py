"""Second half of the word table of nouns.py: English words and their Chinese renderings.

    poem poetry verse:诗|haiku:俳句

Entries are separated by `|` or a line end. nouns.py reads it.
"""

from __future__ import annotations

TABLE = """
banana:香蕉|orange:橙 橘 桔|chocolate:巧克力|cheese:奶酪 芝士 干酪 起司|salt:盐|oil:油|wine:酒|beer:啤酒|ice:冰 淇淋
flavor flavour taste:味|topping:配料|snack:零食 小吃 点心|kitchen:厨|knife:刀|bottle:瓶|cup:杯|plate:盘 碟 板
lion:狮|tiger:虎|elephant:象|monkey:猴|bear:熊 忍|wolf:狼|fox:狐|rabbit:兔|snake:蛇|dragon:龙|bee:蜂|butterfly:蝶
insect:虫|penguin:企鹅|whale:鲸|shark:鲨|mouse:鼠|pig:猪|sheep:羊|mammal:哺乳|plant:植物 种 工厂 株
leaf leaves:叶 离|grass:草|forest:森林 林|garden:园|farm farmer:农 场|seed:种|soil:土|desert:沙漠|lake:湖|beach:滩
wave:波 浪|tide:潮|wind:风|rain rainy:雨|snow:雪|storm:暴 风|cloud:云|sky:天|star:星 明星
space:空间 太空 宇宙 航天 空|universe:宇宙|mars:火星|rocket:火箭|satellite:卫星|galaxy:星系 银河|gravity:重力 引力
light:光 灯 轻|photosynthesis:光合|earthquake:地震|volcano:火山|flood:洪|temperature:温|heat hot:热 火 加热
cold:冷 寒 感冒|warm:温 暖|gas:气 燃|carbon:碳|oxygen:氧|hydrogen:氢|atom atomic:原子|molecule:分子|acid:酸
metal:金属|gold golden:金|silver:银|iron:铁|glass:玻璃 杯 眼镜|plastic:塑料 塑|paper:纸 论文 文
stone rock:石 岩 摇滚|wood wooden:木|red:红|blue:蓝|green:绿|black:黑|white:白|yellow:黄
gene genetic dna:基因 遗传 DNA|evolution:进化 演化|species:物种 种|immune immunity:免疫|bacteria:细菌|skin:皮肤 肤
bone:骨|muscle:肌|head:头 首|face:脸 面|hair:发 毛|ear:耳|nose:鼻|mouth:嘴 口|arm:臂 手|leg:腿|foot feet:脚 英尺 足
finger:指|fear afraid scared:怕 恐 惧 担心|angry anger:愤 怒 生气|lonely:孤 寂|proud:骄 自豪|tired:累 疲|hungry:饿
sick:病 恶心|dead death die:死 亡|birth birthday born:生|husband:丈夫 老公|wife:妻 老婆|son:儿子 儿|daughter:女儿
brother:兄 哥 弟|sister:姐 妹|parent:父母 家长 父|grandmother grandma:奶奶 外婆 祖母 姥姥 外祖母
grandfather grandpa:爷爷 外公 祖父 外祖父 姥爷|uncle:叔 舅 伯|neighbor neighbour:邻|pet:宠物
adopt adoption:收养 领养 采|owner:主 所有|boss:老板 上司|manager:经理|employee worker:员工 工人 职 雇员 劳动
engineer:工程师|lawyer:律师|judge:法官 评 裁|police:警|soldier:兵 士|artist:艺术家 画家|writer author:作家 作者
poet:诗人|actor:演员|scientist:科学家|journalist:记者|chef cook:厨 做 煮|pilot:飞行员|captain:船长 队长 长
pirate:海盗|crew:船员 机组|treasure:宝|explorer:探险|traveler tourist:旅|guest:客|leader:领|hero:英雄 主人公
witch wizard:巫|ghost:鬼 幽灵|monster:怪|alien:外星|prince:王子|princess:公主|knight:骑士 爵|detective:侦探
buy bought:买 购|sell sold:卖 售|dollar:美元 元 块|cent:美分 分|cash:现金|bank:银行 岸|loan:贷|tax:税
salary wage:工资 薪|income:收入|profit:利润 盈 利|invest investment investor:投资|stock:股 库存|insurance:保险
retirement:退休|saving savings:储蓄 节 存|sale:销 售 卖 促|discount:折|free:免 自由 空闲|cheap:便宜 廉|expensive:贵
rich:富 丰|poor:穷 贫 差|trade:贸易 交易|brand:品牌|project:项目|meeting:会|deadline:截止 期限|contract:合同
visa:签证|appointment:预约 约|order:订 单 顺序 命令 秩序|delivery deliver:送 交付|refund:退款|support:支持 客服
training:培训 训练|degree:度 学位|university college:大学 学院|exam test:考 测 试|homework:作业|grade:成绩 年级 等级
research:研究 调研|knowledge:知识|memory:记忆 内存 回忆|mind:心 思 介意 头脑|ability:能力|success successful:成功
failure fail:失败|change:变 改 换|growth grow:长 增 种|increase:增 提 升|decrease reduce:减 降|global:全球
local:本地 当地 地方|international:国际|public:公|private:私|political politics:政|election vote:选 投票
democracy democratic:民主|freedom:自由|right:权 右 对 正确|justice:正义 司法|crime criminal:罪 犯|prison:狱
peace:和平|enemy:敌|weapon:武器|army military:军|nuclear:核|revolution:革命|colony colonial:殖民|slave slavery:奴
software:软件|hardware:硬件|server:服务器|network:网络|interface:接口 界面|button:按钮 按|screen:屏|keyboard:键盘
camera:相机 摄|video:视频 影|audio:音频|blockchain:区块链|cryptocurrency bitcoin:加密 比特币
online:在线 网上 线上 网|digital:数字 数码 数|social:社 交|media:媒|twitter:推特|device:设备 装置|battery:电池
charge:充 收费 电荷|engine:引擎 发动机|speed:速|distance far:距 远|height tall high:高|width wide:宽|length:长
depth deep:深|size:大小 尺寸 规模 号|shape:形|kilometer km:公里 千米 km|mile:英里|meter:米|inch:英寸 寸
pound:磅 英镑|gallon:加仑|liter litre:升|gram:克|box:盒 箱 框|bag:包 袋|ball:球|chair:椅 主席|bed:床|wall:墙
floor:层 地板 楼|clock watch:钟 表 看|card:卡 牌|ticket:票|map:地图|flag:旗|clothes clothing:衣 服|shirt:衬衫 衫 衣
shoe:鞋|hat:帽|dress:裙 衣 穿|ring:戒 环 响|toy:玩具|doll:娃|bicycle bike:自行车 单车|ship boat:船|airport:机场
station:站|road:路|tour:游 旅|guide:指南 导 引|camp camping:营|hike hiking:徒步 远足|swim swimming:游泳 泳
run running:跑 运行|walk:走 步 散|climb climber:攀 登 爬|fly flight:飞 航班|drive driver:驾 司机 驱动 开车
ride:骑 乘|sit:坐|stand:站 立|eat:吃 食 饮|drink:喝 饮|wake:醒 起|laugh smile:笑|cry:哭|play:玩 打 演 播 剧 弹
win won:赢 胜 获|lose lost:输 失 丢 迷|fight:打 战 斗|kill:杀|save:救 保存 节 省 存|protect:保护 防|attack:攻 袭
hide:藏|search:搜 找 寻|believe belief trust:信|hope:希望 愿 盼|wish:愿 希望 祝|want:想 要 希望|need:需 要 必
like:喜 像 如 想 似 类 爱 同|prefer:偏 更 喜|enjoy:享 喜 乐|learn:学|understand:理解 懂 明白 了解
know:知 认识 了解 懂 会|forget:忘 记|remember:记|meet met:见 遇 会 满足|visit:访 参观 游 拜 去|wait:等|arrive:到 抵
leave left:离 走 留 左 剩 出发|return:返 回 还|live:住 生活 活 居|work:工作 作 干活 上班 起效 运作 效 班 运行
move:搬 移 动 迁 调|carry:携 带 搬 运|hold:拿 持 举办 握 抱|build built:建 造 构|teach:教|pay:付 支 工资 薪 缴 交
earn:赚 挣|borrow lend:借|beautiful:美 漂亮|ugly:丑|strong:强 壮|weak:弱|fast quick quickly:快 迅 速|slow slowly:慢
young:年轻 青 幼|early:早 初|late:晚 迟 后 已故|true:真 正确 对 属实|false:假 错|real:真 实|safe safety:安全 全
dangerous danger:危|clean:净 清|dirty:脏|full:满 全 饱|empty:空|open:开 打|close closest:关 近 闭|dark:黑 暗
bright:亮 明|quiet:静|loud:大声 吵 响|busy:忙|alone:独|together:一起 共 合|interesting:有趣 有意思 感兴趣
boring:无聊 枯燥|exciting excited:兴奋 激动 精彩|surprising:惊|smart intelligent:聪明 智能|stupid:愚 笨 傻|honest:诚
brave:勇|lazy:懒|rude:粗 无礼|responsible responsibility:责|effective efficient efficiency:效|available:可 用 供
necessary:必|special:特|general:一般 总 普 将军 通|specific:具体 特定|similar:类似 相似 似|original:原
financial finance:财 金融|medical:医|mental:心理 精神|physical:身体 物理 体|emotional:情|historical:历史
technical:技术|professional:专业 职业|personal:个人 私|renewable:可再生|solar:太阳|sustainable sustainability:可持续
pollution:污染|recycle recycling:回收|waste:废 浪费 垃圾|volunteer:志愿|community:社区 社群 群体 共同体|charity:慈善
festival:节|holiday:假 节|christmas:圣诞|halloween:万圣|party:派对 聚会 党 晚会|concert:音乐会 演唱会
theater theatre:剧 影院|novel:小说 新|chapter:章|plot:情节 绘|ending end:结 尾 末 终 完|beginning:开 始
symbol symbolism:象征 符号 意|china:中国 China|america usa:美国|japan:日本|india indian:印度|france:法国
germany:德国|england britain uk:英国 英格兰|russia russian:俄|italy italian:意大利|canada:加拿大|australia:澳
mexico:墨西哥|brazil:巴西|egypt egyptian:埃及|africa african:非洲|asia asian:亚洲|europe european:欧
korea korean:韩 朝鲜|norway:挪威|paris:巴黎|london:伦敦|beijing:北京|shanghai:上海|tokyo:东京|york:纽约 约克
seattle:西雅图|zealand:新西兰|everest:珠穆朗玛 珠峰|hawaii:夏威夷|california:加州 加利福尼亚|shakespeare:莎士比亚
einstein:爱因斯坦|newton:牛顿|python:python 蟒|java:java 爪哇|javascript:javascript|sql:sql|html:html
excel:excel 表格 出色|google:google 谷歌|amazon:亚马逊 amazon|facebook:facebook 脸书 脸谱|microsoft:微软 microsoft
exploration explore:探|issue:问题 议题 期 发|factor:因素 因子|aspect:方面|trend:趋势 潮|development:发展 开发
design:设计|structure:结构|pattern:模式 图案 规律|rule:规则 规定 规 统治|policy:政策 策 方针|standard:标准
quality:质量 品质 质|quantity amount:量 数 额|rate:率 速 评|level:水平 级 层 等|range:范围 区间|limit:限
majority:多数|population:人口|continent:洲|alphabet:字母|vowel:元音|consonant:辅音|syllable:音节
context:语境 上下文 背景 情境|background:背景|introduction:介绍 引言 简介 导|figure:图 数字 人物
note:注 笔记 便条 说明 音|comment:评论 注释 意见|feedback:反馈|request:请求 要求|permission:许可 权限 允许
decision:决|agreement agree:同意 协议 赞|disagree:不同意 反对|debate:辩 争|conflict:冲突|relationship:关系
friendship:友|respect:尊|communication communicate:沟通 交流 通信|address:地址 解决 称|contact:联系
duration:时长 持续|frequency:频|habit:习惯|hobby:爱好|interest:兴趣 利 感|career:职业 事业|industry:行业 工业 产业
agriculture:农业|education educational:教育|healthcare:医疗 保健 卫生|innovation innovative:创新|automation:自动
privacy:隐私|hacker:黑客|protection:保护 防护|regulation:法规 规 监管|ethics ethical:伦理 道德|moral:道德 寓意
philosophy:哲学|psychology:心理|god:神 上帝|soul:灵魂|spirit:精神|force:力 迫|material:材料 物质|surface:表面
pressure:压|sound:声 音 听|noise:噪 声|smell:味 闻|touch:触 碰 摸|survive survival:活 生存 幸存 存活 度过 熬
supplies:物资 补给 供|accept:接 受|cancel:取消|except:除|near:附近 近 旁|inside:里 内|outside:外|below:下|before:前
after:后|during:期间 时 中|always:总 一直 始终 永远|often:常|sometimes:有时|usually:通常 常|already:已|still:仍 还
again:再 又 重
once:从前 曾 一次 一旦 旦 很久|village:村 庄|town:镇 城|choice:选|statement:说法 陈述 声明 语句 话 句 表述 对错 对还是错
machine:机 设备
run running:跑 运行 运转 转 行|store:店 存 放 储 商场|heat:热 温 加热|food:食 饭 菜 吃|old:旧 老 古 岁 龄 大
near:附近 近 旁 靠 处|fast:快 速|door:门 户
"""
