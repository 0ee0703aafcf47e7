"""Which words of a text carry its topic, in English and Chinese, so that a label can be found in a sentence.

English words are compared by a light stem, Chinese text by pairs of characters (it has no spaces), and words of either
language that name the same thing in governance by one concept: "turnout" meets "参与率". All classes are ASCII or Han:
`\\w` and `\\b` treat Han characters as word characters and would glue figures to them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_WORD = re.compile(r"[a-z][a-z0-9]*")
_HAN_RUN = re.compile(r"[\u3400-\u9fff]+")

STOP = frozenset(
    [
        "a",
        "about",
        "above",
        "after",
        "again",
        "all",
        "also",
        "am",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "be",
        "because",
        "been",
        "before",
        "being",
        "below",
        "between",
        "both",
        "but",
        "by",
        "can",
        "could",
        "did",
        "do",
        "does",
        "doing",
        "down",
        "during",
        "each",
        "few",
        "for",
        "from",
        "further",
        "had",
        "has",
        "have",
        "having",
        "he",
        "her",
        "here",
        "hers",
        "him",
        "his",
        "how",
        "i",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "itself",
        "just",
        "may",
        "me",
        "might",
        "more",
        "most",
        "must",
        "my",
        "no",
        "nor",
        "not",
        "now",
        "of",
        "off",
        "on",
        "once",
        "only",
        "or",
        "other",
        "our",
        "out",
        "over",
        "own",
        "per",
        "same",
        "shall",
        "she",
        "should",
        "so",
        "some",
        "such",
        "than",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "those",
        "through",
        "to",
        "too",
        "under",
        "until",
        "up",
        "upon",
        "us",
        "very",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "which",
        "while",
        "who",
        "whom",
        "why",
        "will",
        "with",
        "within",
        "without",
        "would",
        "you",
        "your",
        "came",
        "come",
        "stood",
        "stand",
        "reached",
        "reach",
        "amounted",
        "amount",
        "set",
        "given",
        "state",
        "stated",
        "say",
        "said",
        "read",
        "falls",
        "fall",
        "fell",
        "rose",
        "rise",
    ]
)
"""Words without a topic, and the verbs that any figure may go with."""

_GENERIC_WORDS = """proposal propose proposed section summary details detail information community dao member members
vote voting governance process review reviewed discuss discussion consider consideration context overview
following below question questions decision decide reader readers document text purpose important general additional
further provide time later course matter way part place thing people need make take give look keep know work use
提案 社区 成员 治理 章节 本节 内容 说明 介绍 相关 信息 讨论 决定 投票 进行 以下 详细 问题 方面 情况 背景 目的"""

_CONCEPTS: dict[str, tuple[str, str]] = {
    "sales": ("sale sold revenue turnover volume", "销售额 销售 销量 收入 营收 成交额"),
    "turnout": ("turnout participation participate participated", "参与率 投票率 参与度 参投率"),
    "vote": ("vote voted voting ballot poll", "投票 表决 票数 赞成票 反对票"),
    "voter": ("voter holder delegate", "投票人 持币者 代表 持有人"),
    "support": ("favour favor support supported supporter approve approved approval yea", "赞成 支持 同意 批准"),
    "against": ("against oppose opposed opposition nay", "反对"),
    "abstain": ("abstain abstention", "弃权"),
    "treasury": ("treasury reserve fund funds", "金库 国库 储备 资金 余额"),
    "budget": ("budget cost expense spend spent spending expenditure outlay", "预算 支出 花费 成本 费用 开支"),
    "payment": ("pay paid payment payout transfer transferred disbursed disbursement", "支付 付款 款项 转账 拨付 发放"),
    "grant": ("grant granted award awarded funding funded", "资助 拨款 补助"),
    "creator": ("creator artist author maker", "创作者 作者 艺术家"),
    "user": ("user address wallet account participant member", "用户 地址 钱包 账户 参与者 成员"),
    "price": ("price rate quote", "价格 汇率 单价"),
    "fee": ("fee charge commission", "手续费 费用 费率 佣金"),
    "rebate": ("rebate refund return returned", "返还 退还 返利 退回"),
    "supply": ("supply supplied deposit deposited", "供应 存款 存入"),
    "borrow": ("borrow borrowed loan debt lent", "借款 贷款 债务 借出"),
    "liquidity": ("liquidity depth", "流动性 深度"),
    "liquidation": ("liquidation liquidated liquidate", "清算"),
    "collateral": ("collateral ltv", "抵押 抵押品"),
    "cap": ("cap limit ceiling maximum max", "上限 限额 最高 最大"),
    "threshold": ("threshold quorum minimum min", "阈值 门槛 法定人数 最低"),
    "loss": ("loss lost deficit shortfall", "损失 亏损 坏账 缺口"),
    "application": ("application applicant applied request requested", "申请 请求"),
    "project": ("project team initiative", "项目 团队"),
    "report": ("report reported reporting", "报告 汇报"),
    "reply": ("reply replies comment commented post posts posted discussion", "回复 评论 讨论 帖子"),
    "day": ("day date", "日期 日 当天"),
    "month": ("month monthly", "月 每月"),
    "quarter": ("quarter quarterly q1 q2 q3 q4", "季度"),
    "first": ("first q1", "第一 首"),
    "second": ("second q2", "第二"),
    "third": ("third q3", "第三"),
    "fourth": ("fourth q4", "第四"),
    "before": ("before previous prior former old earlier", "此前 之前 上一 原"),
    "new": ("new proposed next later", "新 拟议 调整后 拟"),
    "current": ("current present now existing", "当前 现行 目前 现有"),
    "growth": ("growth grow grew increase increased rise rose", "增长 增加 上升 提高"),
    "decline": ("decline declined decrease drop dropped fell fall reduction reduced", "下降 减少 下滑 降低 下跌"),
    "active": ("active", "活跃"),
    "total": ("total sum overall altogether combined", "合计 总额 总计 总共 总"),
    "share": ("share portion percentage proportion ratio", "占比 比例 份额"),
    "risk": ("risk exposure", "风险"),
    "developer": ("developer builder engineer", "开发者 建设者 工程师"),
    "validator": ("validator node operator", "验证者 节点 运营者"),
    "staking": ("stake staked staking", "质押"),
    "token": ("token coin", "代币 币"),
    "emission": ("emission inflation issuance minted", "增发 通胀 发行"),
    "duration": ("duration period term length", "期限 时长 周期"),
    "market": ("market marketplace", "市场"),
    "refused": ("refuse refused reject rejected denied", "拒绝 被拒 驳回"),
}
"""Words of both languages that name the same thing: stem or Chinese word → concept."""


def _stem(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 5 and word.endswith("ing"):
        return word[:-3]
    if len(word) > 4 and word.endswith("ed"):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word


_BY_STEM = {_stem(word): f"={name}" for name, (english, _) in _CONCEPTS.items() for word in english.split()}
_BY_HAN = {word: f"={name}" for name, (_, chinese) in _CONCEPTS.items() for word in chinese.split()}
_HAN_CONCEPT = re.compile("|".join(sorted(_BY_HAN, key=len, reverse=True)))


@lru_cache(maxsize=32_768)
def _term(word: str) -> str:
    stem = _stem(word)
    return _BY_STEM.get(stem, "" if word in STOP else stem)


@lru_cache(maxsize=8_192)
def terms(text: str) -> frozenset[str]:
    """Return the topic of a text: stems, pairs of Chinese characters, and concepts (marked '=').

    >>> sorted(terms("Turnout was 18.9%") & terms("参与率为18.9%"))
    ['=turnout']
    """
    return terms_of(words(text), text)


def terms_of(said: Iterable[str], text: str) -> frozenset[str]:
    """Return the topic of a text whose words are known: no text need be split twice."""
    # Parts of compounds ("non-profit") are terms of their own, and Chinese characters are none.
    plain = text.isascii() and "-" not in text and "'" not in text
    found = set(map(_term, said if plain else _WORD.findall(text.lower())))
    found.discard("")
    if not text.isascii():
        for run in _HAN_RUN.findall(text):
            found.update(run[place : place + 2] for place in range(len(run) - 1))
        found.update(_BY_HAN[word] for word in _HAN_CONCEPT.findall(text))
    return frozenset(found)


def words(text: str) -> list[str]:
    """Return the words of a text in order, lower case; each Chinese character is one.

    >>> words("Sales fell to 401,000。")
    ['sales', 'fell', 'to']
    """
    if not text.isascii():
        return _ANY_WORD.findall(text.lower())
    pieces = [piece if piece >= "a" else piece.lstrip(_IN_WORDS) for piece in split_ascii(text, _WORDS_ALONE)]
    return pieces if all(pieces) else [piece for piece in pieces if piece]


def split_ascii(text: str, kept: bytes) -> list[str]:
    """Return the runs of kept signs of an ASCII text, in small letters.

    Several times as fast as a pattern that finds the same, and every completion is split in several ways.
    """
    return text.encode("ascii").translate(kept).decode("ascii").split()


def kept_signs(signs: str) -> bytes:
    """Return what `split_ascii` keeps: letters and the signs; everything else becomes a blank."""
    return bytes(ord(sign.lower()) if sign.isalpha() or sign in signs else 32 for sign in map(chr, range(128))) * 2


_IN_WORDS = "0123456789'-"
"""What may stand in a word behind its first letter; all of it sorts before the letters."""
_WORDS_ALONE = kept_signs(_IN_WORDS)
_TOKENS_ALONE = kept_signs("0123456789")
_ANY_WORD = re.compile(r"[a-z][a-z0-9'’-]*|[\u3400-\u9fff]")
_PLAIN_TOKEN = re.compile(r"[a-z]+|[0-9]+|[\u3400-\u9fff]")
_TOKEN = re.compile(r"https?://[^\s<>()\[\]\"'，。；、）]{1,2000}|0x[0-9a-f]{6,}|[a-z]+|[0-9]+|[\u3400-\u9fff]")


def tokens(text: str) -> list[str]:
    """Return words, runs of digits, Chinese characters, whole links and hashes: what copying is measured in."""
    if "://" in text or "0x" in text or "0X" in text:
        return _TOKEN.findall(text.lower())
    if not text.isascii():
        return _PLAIN_TOKEN.findall(text.lower())
    found: list[str] = []
    for piece in split_ascii(text, _TOKENS_ALONE):
        if piece.isalpha() or piece.isdigit():
            found.append(piece)
        else:
            found += _PLAIN_TOKEN.findall(piece)
    return found


PERIODS = terms("""first second third fourth quarter month day date before new current total share
第一季度 第二季度 第三季度 第四季度 上半年 下半年 本月 每月 当月 日期 当天 此前 之前 当前 现行 合计 总额""")
"""Terms of time and totals: they stand in labels, but a sentence that has only these is not about what is measured."""

GENERIC = frozenset(term for term in terms(_GENERIC_WORDS) if not term.startswith("=")) | {"=vote"} | PERIODS
"""Terms that any proposal may use: a sentence of nothing else says nothing about this one."""
