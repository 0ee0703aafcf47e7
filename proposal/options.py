"""Voting options: what a voter can choose, as the text offers it.

Proposals write options in three ways, and all three are read: list items under a heading such as
"Voting options", lines that open with a voting word ("For: …", "- **Abstain**"; at least two in a
section), and headings "Option 1: …".
"""

from __future__ import annotations

import re
from collections.abc import Callable

from proposal.parts import Block, Option, Section

_OPTION_HEADINGS = frozenset(
    {
        "votingoptions",
        "voteoptions",
        "options",
        "choices",
        "votingchoices",
        "ballot",
        "ballotoptions",
        "polloptions",
        "proposedoptions",
        "voteoptionsandchoices",
        "投票选项",
        "选项",
        "表决选项",
        "投票方案",
        "表决方案",
        "可选方案",
    }
)
_LEAD = r"(?:\[[ xX]?\][ ]?)?[*_`\"“]{0,4}"
_VOTE_LINE = re.compile(
    rf"[ \t>*+-]{{0,6}}{_LEAD}(?P<word>[Ff]or|FOR|[Aa]gainst|AGAINST|[Aa]bstain|ABSTAIN"
    r"|[Yy]es|YES|[Nn]o|NO"
    r"|[Nn]o ?[Ww]ith ?[Vv]eto|NO_WITH_VETO|YAE|YEA|Yae|Yea|NAY|Nay|[Aa]pprove|[Rr]eject"
    r"|[Nn]o [Cc]hange"
    r"|[Oo]ption [A-Z0-9]{1,2}|赞成|同意|支持|反对|弃权|不变|方案[一二三四五六A-Z0-9])"
    r"(?P<tail>[*_`\"”]{0,4}[ ]?(?:[:：—–]|-[ ]|[ ]?$|[ ]?\r?\n|[(（])|[*_`\"”]{1,4}(?=[ ]|$))",
    re.MULTILINE,
)
_OPTION_TITLE = re.compile(r"(?:[Oo]ption|方案|选项) ?[A-Z0-9一二三四五六七八九十]{1,2} ?[:：.—–-]")
_MARKUP = re.compile(r"[*_`]|\[[ xX]?\][ ]?")


def read_options(
    text: str,
    *,
    blocks: tuple[Block, ...],
    sections: tuple[Section, ...],
    key: Callable[[str], str],
) -> tuple[Option, ...]:
    """Return the voting options in order; `key` reduces a heading to what identifies it."""
    found = _from_titles(text, sections)
    offered = {section.index for section in sections if section.level and key(section.title) in _OPTION_HEADINGS}
    lines: dict[int, list[tuple[str, Option]]] = {}
    for block in blocks:
        if block.kind == "list_item" and block.section in offered:
            found.append(_option(text, block.start, block.end))
        elif block.kind in {"list_item", "paragraph"}:
            lines.setdefault(block.section, []).extend(_vote_lines(text, block))
    for section_lines in lines.values():
        # A word that repeats is a flow chart ("Yes: …", "No: …" again and again), not a ballot.
        if len(section_lines) == len({word for word, _ in section_lines}) > 1:
            found.extend(option for _, option in section_lines)
    return tuple(sorted(found, key=lambda option: option.start))


def _from_titles(text: str, sections: tuple[Section, ...]) -> list[Option]:
    titled = [section for section in sections if section.level and _OPTION_TITLE.match(section.title)]
    if len(titled) < 2:
        return []
    found = []
    for section in titled:
        start = text.find(section.title, section.start, section.body_start)
        if start >= 0:
            found.append(Option(start, start + len(section.title), _MARKUP.sub("", section.title)))
    return found


def _vote_lines(text: str, block: Block) -> list[tuple[str, Option]]:
    found: list[tuple[str, Option]] = []
    position = block.start
    while position < block.end:
        newline = text.find("\n", position, block.end)
        end = block.end if newline < 0 else newline
        match = _VOTE_LINE.match(text, position, end)
        if match:
            found.append((match["word"].lower(), _option(text, position, end)))
        position = end + 1
    return found


def _option(text: str, start: int, end: int) -> Option:
    while start < end and text[start] in " \t>*_+-`":
        start += 1
    while end > start and text[end - 1] in " \t\r\n*_`":
        end -= 1
    return Option(start, end, _MARKUP.sub("", text[start:end]).strip())
