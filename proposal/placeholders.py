"""Placeholders: what somebody meant to fill in later, in one definition for checks, templates and rewards.

Two kinds are certain wherever they stand (a mark for work to do, filler text); a gap is recognised by its form. Words
that may be a decision as well as a gap ("to be determined") are found and not called certain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

WORK_MARK = re.compile(
    r"(?<![A-Za-z0-9_#/.-])(?:TODO|TBD|TBA|TBC|FIXME|[Tt]bd|XXX{1,8})(?![A-Za-z0-9_/-]|\.[A-Za-z0-9])"
)
FILLER_TEXT = re.compile(r"(?i:(?<![a-z])lorem[ \t\r\n]{1,3}ipsum(?![a-z]))")

_FILLER = (
    "name", "names", "title", "link", "url", "address", "amount", "number", "date", "dates", "author", "authors",
    "tbd", "todo", "tba", "text", "description", "value", "token", "recipient", "insert", "placeholder",
)  # fmt: skip
_TAG_NAMES = """
a abbr address area article aside audio b base bdi bdo blockquote body br button canvas caption center cite
code col colgroup data dd del details dfn dialog div dl dt em embed figcaption figure font footer form h1 h2
h3 h4 h5 h6 head header hr html i iframe img input ins kbd label legend li link main map mark math meta nav
noscript object ol option p param picture pre q rp rt ruby s samp script section select small source span
strike strong style sub summary sup svg table tbody td template textarea tfoot th thead time title tr track tt
u ul var video wbr
"""
_TAGS = frozenset(_TAG_NAMES.split())
_GAPS: tuple[tuple[str, re.Pattern[str], tuple[str, ...]], ...] = (
    ("a mark for work to do", WORK_MARK, ("todo", "tbd", "tba", "tbc", "fixme", "xxx")),
    ("filler text", FILLER_TEXT, ("lorem",)),
    ("a gap that was marked as missing", re.compile(r"\[(?:needs|待补充|待填写)[:：][^\]\n]{0,200}\]"),
     ("[needs", "[待")),
    ("a gap to fill", re.compile(r"[\[【<《（(](?:待(?:补充|填写)(?![:：])|待定|待确认|此处填写|请填写|在此填写)"
                                 r"[^\]】>》）)\n]{0,40}[\]】>》）)]"), ("待", "填写")),
    ("a gap to fill", re.compile(r"(?:待补充|待填写|此处填写|请在此填写)"), ("待", "填写")),
    ("a gap to fill", re.compile(
        r"\[(?i:insert|your|add|enter|fill in|specify)(?:[ \t][^\]\[\n]{1,80})?\](?![(\[:])"), ("[",)),
    ("a gap to fill", re.compile(r"\[(?i:" + "|".join(_FILLER) + r")\](?![(\[:])"), ("[",)),
    ("a blank line to fill", re.compile(r"(?<![_A-Za-z0-9`])_{4,80}(?![_A-Za-z0-9`])"), ("____",)),
    ("a figure to fill in", re.compile(
        r"(?<![A-Za-z0-9.])(?:[$€£]X{1,12}(?:,X{3}){0,4}|"
        r"X{1,3}(?:,X{3}){1,4}|X{2,4}(?:\.X{1,4})?[ ]?%|X\.X{1,4}[ ]?%)(?![A-Za-z0-9%])"),
     ("$x", "€x", "£x", "x,x", "xx", "x.x")),
    ("a figure to fill in", re.compile(
        r"(?<![A-Za-z0-9.$])X{2,6}(?=[ ](?:[A-Z]{3,5}|days|weeks|months|tokens|dollars|percent)(?![A-Za-z])"
        r"|[ ]?[%万亿元天])"),
     ("xx",)),
    ("a name to fill in", re.compile(
        r"(?:某某|(?<![A-Za-z0-9])XX)(?=公司|项目|团队|机构|地址|先生|女士|基金会)"), ("某某", "xx")),
    ("a gap to fill", re.compile(
        r"[\[(（](?i:to be |此处|这里|稍后)(?i:completed|added|filled(?: in)?|provided|confirmed|determined|decided|"
        r"announced|补充|填写|待补)[^\]\[()（）\n]{0,60}[\])）](?!\()"), ("[to be", "(to be", "此处", "这里", "稍后")),
    ("a gap to fill", re.compile(r"(?<!\?)\?{3,12}(?!\?)"), ("???",)),
)  # fmt: skip
"""What each gap is called, how it looks, and words of which one stands in it (a quick look before a slow one)."""
_ANGLE = re.compile(r"<(?<![A-Za-z0-9=<(\\].)([A-Za-z\u3400-\u9fff][^<>=\n@/`]{1,120})>(?![A-Za-z0-9>(])")

_HAN = re.compile(r"[\u3400-\u9fff]")
_UNDECIDED = re.compile(
    r"to be (?<![a-z]to be )(?:determined|announced|confirmed|defined)"
    r"(?![a-z]| (?:by|in|at|on|via|through|with|from|using))"
)
_TRAILING_OFF = re.compile(r"(?m:[:：][ ]?(?:\.{3}|…{1,2})[ \t]*$)")
_UNSURE = ((_UNDECIDED, ("to be ",)), (_TRAILING_OFF, ("...", "…")))
_LONE_GAPS = frozenset(
    """
coming soon|to be added|to be completed|to be determined|to be decided|to be announced|to be confirmed|to be provided
to follow|placeholder|example text|example name|your text here|text here|insert text|fill in
待定|待补|待补充|待填写|待确认|稍后补充|后续补充|暂缺|示例文本|示例|此处补充|此处填写|敬请期待
""".replace("\n", "|").split("|")
) - {""}
MAX_LONE_GAP = 40
"""Characters of the longest block that can be a gap and nothing else."""


class Gap(NamedTuple):
    """One placeholder: its place, what it is called, whether it is certainly one, whether it stands in < >."""

    start: int
    end: int
    what: str
    sure: bool = True
    angled: bool = False


def find_gaps(text: str, folded: str) -> Iterator[Gap]:
    """Yield the placeholders of a text; `folded` is the text in small letters, of the same length."""
    for what, pattern, marks in _GAPS:
        for match in pattern.finditer(text) if any(mark in folded for mark in marks) else ():
            yield Gap(match.start(), match.end(), what)
    for match in _ANGLE.finditer(text) if "<" in text else ():
        if _is_angle_gap(match[1]):
            yield Gap(match.start(), match.end(), "a gap to fill", angled=True)
    for pattern, marks in _UNSURE:
        for match in pattern.finditer(folded) if any(mark in folded for mark in marks) else ():
            yield Gap(match.start(), match.end(), "something undecided", sure=False)


def is_lone_gap(folded: str) -> bool:
    """Tell whether a whole block or cell, in small letters, is nothing but a placeholder.

    >>> is_lone_gap("**coming soon**"), is_lone_gap("coming soon to three chains")
    (True, False)
    """
    return folded.strip(" \t\r\n*_`.:…()[]（）【】。：") in _LONE_GAPS


def _is_angle_gap(inside: str) -> bool:
    """Tell `<comma separated list of dates>` from a tag, an autolink and a comparison."""
    words = inside.replace("_", " ").replace("-", " ").split()
    first = words[0].lower() if words else ""
    if len(words) == 1:
        return first in _FILLER or bool(_HAN.match(first) and len(first) <= 20)
    return first not in _TAGS or first in _FILLER
