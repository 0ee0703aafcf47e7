"""Obligations: sentences that bind somebody, with the word that binds and who is bound.

"must" and "shall" always bind; "will" binds only when somebody who can act stands before it ("the
foundation will publish", not "this will help"). In Chinese 应 and 须 are parts of many other words
(应用, 响应), so the neighbours decide.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import chain

from proposal.parts import Obligation, Sentence

# Plain searches for the words first: a pattern that may begin with m, s or w is tried at every tenth letter.
_MODAL_ENDS = ("ust", "UST", "hall", "HALL", "ill", "ILL")
_MODAL = re.compile(r"(?:[mM](?:ust|UST)|[sS](?:hall|HALL)|[wW](?:ill|ILL))(?![A-Za-z-])")
_HAN_MODAL = re.compile(
    r"[应须必不需承](?:(?<=必)[须需]|(?<=不)得(?![不到已])|(?<=应)当|(?<=应)该|(?<=承)诺"
    r"|(?<=应)(?![用急对答聘邀变激景接试当该])|(?<=须)(?![知])|(?<=需)(?![求要])|(?<=需)要)"
)
_PHRASE = re.compile(r"(?:required|agrees?|commits?|undertakes?) to(?![A-Za-z])")
_PHRASE_WORDS = ("required to", "agree", "commit", "undertake")
_INSIDE_WORD = re.compile(r"[A-Za-z_-]")
_NOT_BEFORE = {
    "应": "响供反相适对效呼感报因理",
    "须": "胡必无",
    "需": "所必无供刚急军内",
    "不": "了来舍",
}
_CLAUSE_START = re.compile(
    r"[,;:，；：。(（\x00-\x03\n]|(?<![A-Za-z])(?:that|which|and|but|then|if|when|once"
    r"|because|where|若|如果|则|并|且|但)(?![A-Za-z])"
)
_PRONOUNS = "this that it there which these those what who they he she all each one"
_NOBODY = frozenset(_PRONOUNS.split())
_STRENGTH = {
    "must": 3,
    "shall": 3,
    "必须": 3,
    "不得": 3,
    "应当": 3,
    "必需": 3,
    "须": 3,
    "应": 2,
    "will": 1,
}
_STRONGEST = 3
_MAX_ACTOR_WORDS = 8
_MAX_ACTOR_HAN = 16


def read_obligations(masked: str, sentences: Sequence[Sentence]) -> tuple[Obligation, ...]:
    """Return at most one obligation a sentence: the one with the strongest binding word."""
    starts = [sentence.start for sentence in sentences]
    best: dict[int, tuple[int, str, str]] = {}
    settled = 0
    for match in chain(_phrases(masked), _modals(masked)):
        if match.start() < settled or not _stands_alone(masked, match):
            continue
        index = bisect_right(starts, match.start()) - 1
        if index < 0 or match.end() > sentences[index].end:
            continue
        modal = match[0].lower()
        strength = _STRENGTH.get(modal, 2)
        if index in best and best[index][0] >= strength:
            continue
        actor = _actor(masked, sentences[index].start, match.start())
        if modal == "will" and (not actor or actor.lower().split()[0] in _NOBODY):
            continue
        best[index] = (strength, modal, actor)
        if strength == _STRONGEST:
            settled = sentences[index].end
    return tuple(_obligation(sentences[index], *best[index][1:]) for index in sorted(best))


def _phrases(masked: str) -> Iterable[re.Match[str]]:
    return _PHRASE.finditer(masked) if any(word in masked for word in _PHRASE_WORDS) else ()


def _modals(masked: str) -> list[re.Match[str]]:
    """Return the binding words in order."""
    found = [] if masked.isascii() else list(_HAN_MODAL.finditer(masked))
    for end in _MODAL_ENDS:
        at = masked.find(end, 1)
        while at > 0:
            if match := _MODAL.match(masked, at - 1):
                found.append(match)
            at = masked.find(end, at + 1)
    found.sort(key=re.Match.start)
    return found


def _obligation(sentence: Sentence, modal: str, actor: str) -> Obligation:
    return Obligation(sentence.start, sentence.end, sentence.text, modal, actor, sentence.section)


def _stands_alone(masked: str, match: re.Match[str]) -> bool:
    before = masked[match.start() - 1] if match.start() else " "
    first = match[0][0]
    if first.isascii():
        return not _INSIDE_WORD.match(before)
    return before not in _NOT_BEFORE.get(first, "")


def _actor(masked: str, start: int, end: int) -> str:
    """Return who stands before the binding word in its clause."""
    clause = masked[max(start, end - 120) : end]
    position = 0
    for match in _CLAUSE_START.finditer(clause):
        position = match.end()
    words = clause[position:].replace("*", " ").replace("_", " ").replace("`", " ").split()
    actor = " ".join(words[-_MAX_ACTOR_WORDS:]).strip(' -–—>|"“”')
    return actor if actor.isascii() else actor[-_MAX_ACTOR_HAN:]
