"""How headings are compared: without case, numbering and punctuation, and piece by piece.

People number their headings, wrap them in emphasis and join two sections under one ("Abstract &
Motivation"). Compared as they are written, passed proposals would be told that a section is
missing which stands under a joined heading.
"""

from __future__ import annotations

import re

_NUMBERING = re.compile(
    r"(?:[0-9]{1,3}(?:\.[0-9]{1,3}){0,4}(?:[.)、．:]{1,2}\s{0,5}|\s{1,5})"
    r"|(?:[ivx]{1,4}|[a-z])[.)]\s{1,5}"
    r"|[(（]?[一二三四五六七八九十]{1,3}[)）]?[、.．]\s{0,5}"
    r"|第[一二三四五六七八九十0-9]{1,3}[章节部分]{1,2}[\s、:：]{1,5})"
)
_TAG = re.compile(r"<[^<>]{0,200}>")
_LINK = re.compile(r"\[([^\[\]]{1,200})\]\([^()\s]{0,300}\)")
_BRACKET = re.compile(r"[(（][^()（）]{1,80}[)）]")
_JOINT = re.compile(r"\s{0,3}(?:[&/+,，、;；:：|]|\s[-–—]\s|\sand\s|\sor\s|与|和|及)\s{0,3}", re.IGNORECASE)


def normal_heading(text: str) -> str:
    """Reduce a heading to what is compared: no case, numbering, punctuation or spaces.

    >>> normal_heading("2.1 Motivation:") == normal_heading("**motivation**")
    True
    >>> normal_heading("一、摘要") == normal_heading("摘要")
    True
    """
    text = text[:400].casefold().strip(" \t*_#`")
    numbering = _NUMBERING.match(text)
    if numbering and numbering.end() < len(text):
        text = text[numbering.end() :]
    return "".join(char for char in text if char.isalnum())


def whole_headings(title: str) -> tuple[str, ...]:
    """Return the ways to read a heading as one: as written, without markup, without its bracket.

    >>> whole_headings("**Abstract (TL;DR)**")[1:]
    ('Abstract (TL;DR)', 'Abstract ')
    """
    plain = _LINK.sub(r"\1", _TAG.sub("", title[:400])).strip(" \t*_#`")
    return tuple(dict.fromkeys((title[:400], plain, _BRACKET.sub("", plain))))


def heading_pieces(title: str) -> tuple[str, ...]:
    """Return the headings that one heading joins.

    >>> heading_pieces("Simple Summary, Abstract & Motivation")
    ('Simple Summary', 'Abstract', 'Motivation')
    """
    return tuple(piece for piece in _JOINT.split(whole_headings(title)[-1]) if piece.strip())
