"""Whether a number is the name of something: "Phase 2", "EIP 1559", "No. 3", 第3条, 阶段2.

Word lists instead of one long pattern, because the question is asked for every number of a text.
"""

from __future__ import annotations

import re
from string import ascii_letters
from typing import Literal

LabelKind = Literal["", "label", "name"]
"""`label`: a name unless the number has a unit of its own ("Day 3", "Day 3%"); `name`: always a name."""

_LABEL_WORDS = """
phase phases section sections step steps option options tier tiers article articles table tables no nr level levels
layer stage stages milestone milestones chapter figure fig appendix part proposal season epoch round version ver type
group cohort year month week day quarter item point rule clause note page line track batch tranche wave iteration path
list period kpi objective scenario case example question category priority adr pr issue id aave uniswap web release
"""
_LABELS = frozenset(_LABEL_WORDS.split())
_HAN_LABELS = ("阶段", "步骤", "选项", "方案", "附录", "附件", "表", "图", "版本", "章节", "提案", "里程碑")
_STANDARD = re.compile(r"(?:[A-Z]{1,8}IPs?|EP|ERC|RFC)\Z")
_WINDOW = 16
_CHAIN = re.compile(r"[ ]?(?:,|、|和|与|及|至|到|&|-|–|/|,?[ ]and|,?[ ]or|to)[ ]?\Z")
_LONGEST_CHAIN = 7


def label_before(text: str, start: int) -> LabelKind:
    """Return what the words before a number at `start` make of it.

    >>> label_before("see Phase 2", 10), label_before("an ERC 20 token", 7), label_before("paid 45", 5)
    ('label', 'name', '')
    """
    near = text[max(0, start - _WINDOW) : start].rstrip("#(").rstrip(" ").rstrip(".:#")
    if not near:
        return ""
    last = near[-1]
    if not last.isascii():
        if last == "第":
            return "name"
        return "label" if near.endswith(_HAN_LABELS) else ""
    if not last.isalpha():
        return ""
    word = near[len(near.rstrip(ascii_letters)) :]
    if _STANDARD.match(word):
        return "name"
    return "label" if word.lower() in _LABELS else ""


def continues_label(text: str, label_end: int, start: int) -> bool:
    """Tell whether only a comma, "and" or a dash lies between a label's number and this one."""
    return start - label_end <= _LONGEST_CHAIN and _CHAIN.search(text, label_end, start) is not None
