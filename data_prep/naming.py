"""Names of figures: the noun phrase of a sentence that says what a figure of it measures.

By rule over the parts of speech of the words around the figure (TextBlob's tagger, which brings its own lexicon and
asks no hub): the phrase that leads up to it ("the cost of the review was 30,000 USD" → "cost of the review"), else the
one behind it ("14 witnesses" → "number of witnesses"). A figure that no phrase names has no name: a wrong one would
teach a writer that any figure may stand anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from proposal.units import is_currency
from proposal.values import Value

FIGURE, OTHER = "Figurehere", "Otherhere"
"""What stands for the figure, and for every other word with a digit, while words are tagged: both read as names."""

MAX_WORDS = 8
"""Longest name; a longer phrase is a clause that was read wrongly."""

MAX_APART = 8
"""Most words between a phrase and the figure it names."""

_WORD = re.compile(r"[^\W\d_][^\W_]*(?:[-'’/&][^\W\d_]+)*|[^\s\w]", re.ASCII)
_COMMAND = re.compile(r"\\[A-Za-z]+")
"""A command of TeX: what it prints is no word."""

_NOUNS = ("NN", "NNS", "NNP", "NNPS")
_ENDING_A_PHRASE = ("IN", "TO", "VBZ", "VBD", "MD")
_LINKS = ("of", "for", "in", "on")
_CHANGING = re.compile(
    r"(?:increas|rais|reduc|lower|chang|decreas|adjust|cut|grow|drop|fall|fell|ris|rose|mov|extend|expand|updat|rebalanc)"
    r"(?:e[sd]?|ing|s|ed|ion)?\Z",
    re.IGNORECASE,
)
_EMPTY = frozenset(
    "total totals sum amount amounts max maximum min minimum average median range low high limit level value values up "  # noqa: SIM905
    "least most figure number rate margin order way case example basis end part scope today tomorrow yesterday period "
    "user users day days week weeks month months year years time hour hours minute minutes second seconds equivalent "
    "trading scales change changes increase decrease reduction adjustment percent percentage bp bps bip bips".split()
)
"""Nouns that name nothing where they stand alone."""

_STATING = re.compile(
    r"(?:is|are|was|were|be|been|being|becomes?|became|remain(?:s|ed)?|stands?|stood|sits?|sat|reach(?:es|ed)?|equals?"
    r"|total(?:s|l?ed|l?ing)?|exceed(?:s|ed)?|comes?|came|goes|go|went|amount(?:s|ed|ing)?|set|capped|limited|fixed"
    r"|estimated|expected|starts?|started|ends?|ended|configured|kept|averag(?:es?|ed|ing)|rang(?:es?|ed|ing)|has|have|had"
    r"|proposed|specified|defined|consist(?:s|ed|ing)?|currently|now)\Z",
    re.IGNORECASE,
)
"""Verbs by which a sentence says what something measures; behind others ("holds", "paid") the subject is an actor."""

_MEASURED_BY = frozenset(
    "of at to from by near below above over under between than as until around about up down".split()  # noqa: SIM905
)
"""Prepositions behind which a figure measures what stands before; "in 5 days" and "with 3 members" tell of it only."""

_OF_MONEY = frozenset(
    "allocation grant budget payment payout funding cost fee price request compensation".split()  # noqa: SIM905
)
"""Heads of money that say more with what the money is for."""

_NO_NAMES = frozenset(
    "i we you they he she it this that these those which who what there here such same other others following above "  # noqa: SIM905
    "below http https www proposal sip sccp aip hip mip rpip yip lip sips thing things something anything".split()
)
"""Words that are no name of a figure, though a tagger may call them nouns."""

_NUMBERED = frozenset(
    "proposal sip sccp aip hip mip rpip yip lip phase part step stage layer version level tier table section epoch "  # noqa: SIM905
    "round option solution line issue".split()
)
"""Words before the number of a document or of one among several."""

_PERIODS = ("next", "last", "past", "first", "previous", "every", "each", "per")
"""Words before a length of time that say when, not how long what is."""

_NO_HEADS = frozenset(
    "rest half middle bottom majority subject mind point everyone someone upto vs list newline argument news "  # noqa: SIM905
    "cumulative monday tuesday wednesday thursday friday saturday sunday jan feb mar apr jun jul aug sep sept oct nov "
    "dec utc gmt est pst cet eta eg ie etc worth need deployed eligible relative secures supercedes necessary "
    "nessecary apart appart actuality able".split()
)
"""Words at which no name ends: they tell where a figure stands or when, or an abbreviation that is read as a noun."""

_NO_START = frozenset(
    "given based said according using including been seen taking able recommend".split()  # noqa: SIM905
)
_NOUNS_IN_LY = frozenset("supply assembly family anomaly monopoly".split())  # noqa: SIM905
_MIN_ADVERB = 6
"""Letters from which a word in -ly is taken for an adverb, however it is spelt and whatever the tagger says."""

_MONTHS = frozenset(
    "january february march april may june july august september october november december st nd rd th".split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    tag: str

    @property
    def is_noun(self) -> bool:
        named = self.text not in (FIGURE, OTHER) and self.text.lower() not in _NO_NAMES
        return self.tag in _NOUNS and named and self.text[0].isalpha()

    @property
    def describes(self) -> bool:
        """Tell whether the word may stand before a noun inside its phrase."""
        return self.tag in ("JJ", "VBN", "VBG") and self.text.isascii() and self.text.lower() not in _NO_NAMES


@dataclass(frozen=True, slots=True)
class Naming:
    """What names a figure: `label`, which says what it measures, and `topic`, a phrase near it; empty where none."""

    label: str
    topic: str


def name_figure(sentence: str, start: int, end: int, value: Value) -> Naming:
    """Name the figure at `start` to `end` of a sentence in the sentence's words.

    >>> text = "The fee was increased from 20 bp to 50 bp."
    >>> name_figure(text, text.index("50"), text.index("50") + 5, Value.model_validate({"value": 50, "unit": "bp"}))
    Naming(label='fee after the change', topic='fee')
    """
    tokens = _tagged(sentence, start, end)
    place = next((place for place, token in enumerate(tokens) if token.text == FIGURE), None)
    if place is None:
        return Naming("", "")
    before, behind = _before(tokens, place, is_date=value.unit == "date"), _behind(tokens, place)
    label = _named(before, behind, tokens, place, value)
    return Naming(label if len(label.split()) <= MAX_WORDS else "", before or behind or _near(tokens, place))


def name_reference(sentence: str, start: int, end: int) -> str:
    """Return the noun phrase that leads up to a token which states nothing: an address, or the number of something.

    >>> text = "The second part follows in Phase 2 of it."
    >>> name_reference(text, text.index("2"), text.index("2") + 1)
    'Phase'
    """
    tokens = _tagged(sentence, start, end)
    place = next((place for place, token in enumerate(tokens) if token.text == FIGURE), 0)
    if place and tokens[place - 1].text.lower() in _NUMBERED:
        return tokens[place - 1].text
    return _before(tokens, place, is_date=False)


def _named(before: str, behind: str, tokens: Sequence[_Token], place: int, value: Value) -> str:
    lead = _leading_up(tokens, place)
    if value.unit == "date":
        return f"date of the {before}" if before else ""
    if place and tokens[place - 1].text.lower() in _PERIODS:
        return ""
    if value.unit == "count":
        if place and tokens[place - 1].is_noun:  # "Saturn 1" is a name
            return ""
        if _is_plural(behind) and _is_counted(tokens, place) and not (before and " " not in behind):
            return f"number of {behind}"
    follows = tokens[place + 1].text.lower() if place + 1 < len(tokens) else ""
    if value.unit == "%" and follows == "of" and behind:
        return f"share of {behind}"
    if before and behind and follows == "for" and before.split()[-1].lower() in _OF_MONEY and is_currency(value.unit):
        return f"{before} for {behind}"
    if not before:
        return behind if follows in ("of", "for") else ""
    changes = any(_CHANGING.match(token.text) for token in tokens[:place])
    if changes and lead == "by":
        return f"change of the {before}"
    if changes and lead in ("from", "to"):
        return f"{before} {'before' if lead == 'from' else 'after'} the change"
    return before


def _tagged(sentence: str, start: int, end: int) -> tuple[_Token, ...]:
    from textblob.en import tag  # here, since most of what imports this module names no figure

    words = [*_words(sentence[:start]), FIGURE, *_words(sentence[end:])]
    tagged = [(str(word), str(kind)) for word, kind in tag(" ".join(words), tokenize=False)]
    return tuple(_mended([_Token(word, kind) for word, kind in tagged]))


def _words(text: str) -> list[str]:
    """Return words and marks; a word with a digit becomes a stand-in, since a name holds no digit."""
    words = []
    for token in _COMMAND.sub(" ", text).split():
        if any(map(str.isdigit, token)):
            words += [OTHER, *re.findall(r"[,;:.)]+\Z", token)[:1]]
        else:
            words += _WORD.findall(token)
    return words


def _mended(tokens: list[_Token]) -> list[_Token]:
    """Undo what the tagger misreads often: verbs behind "to" and "will" as nouns, rare nouns as adjectives."""
    mended = list(tokens)
    for place, token in enumerate(tokens):
        last = tokens[place - 1] if place else None
        after = tokens[place + 1].tag if place + 1 < len(tokens) else ""
        if last and token.tag in ("NN", "NNP") and (
            last.tag == "MD" or (last.text.lower() == "to" and after in ("DT", "PRP$", *_NOUNS, "JJ"))
        ):  # fmt: skip
            mended[place] = _Token(token.text, "VB")
        elif last and token.tag in ("NN", "NNS") and last.tag in ("NNS", "NN", "NNP") and after == "DT":
            mended[place] = _Token(token.text, "VBZ")
        elif (
            last
            and token.tag == "JJ"
            and last.tag in ("DT", "JJ", *_NOUNS)
            and after in ("IN", "TO", "VBZ", "VBD", "MD")
        ):
            mended[place] = _Token(token.text, "NN")
    return mended


def _leading_up(tokens: Sequence[_Token], place: int) -> str:
    """Return the last preposition before the figure, over words that only hedge it ("to about", "from a low of")."""
    for token in reversed(tokens[max(0, place - 3) : place]):
        if token.tag in ("IN", "TO"):
            return token.text.lower()
        if token.is_noun:
            return ""
    return ""


def _before(tokens: Sequence[_Token], place: int, *, is_date: bool) -> str:
    """Return the phrase that leads up to the figure: over verbs and hedges, but over no clause's end.

    Over a length of time ("… of 300,000 a week to …") and over the other end of a change ("from 20 to …") too. A date
    may stand behind any verb.
    """
    for last in range(place - 1, max(-1, place - 1 - MAX_APART), -1):
        token = tokens[last]
        if token.is_noun:
            if last and tokens[last - 1].text == OTHER and (token.text.isupper() or _is_empty_word(token)):
                continue  # the unit of another figure: "from 20 ETH to …"
            if last and tokens[last - 1].text.lower() in (*_PERIODS, "a", "an") and _is_empty_word(token):
                continue
            if not _is_empty(tokens, last) and not _is_unit(tokens, last, place):
                return _phrase(tokens, last)
        elif not _may_stand_between(tokens, last, is_date=is_date):
            return ""
    return ""


def _near(tokens: Sequence[_Token], place: int) -> str:
    """Return the phrase that is nearest before the figure, else behind it, whatever stands between."""
    for last in (*range(place - 1, -1, -1), *range(place + 1, len(tokens))):
        if tokens[last].is_noun and not _is_empty(tokens, last) and not _is_unit(tokens, last, place):
            return _phrase(tokens, last)
    return ""


def _is_empty(tokens: Sequence[_Token], place: int) -> bool:
    if not _is_head(tokens[place].text):
        return True
    last = tokens[place - 1] if place else None
    return _is_empty_word(tokens[place]) and not (last and (last.is_noun or last.describes))


def _is_head(word: str) -> bool:
    """Tell whether a name may end at a word: not at a letter, a day, a month, an owner ("Ana's") or an adverb."""
    plain = word.lower()
    if plain.endswith("ly") and len(plain) >= _MIN_ADVERB and plain not in _NOUNS_IN_LY:
        return False
    return len(plain) > 1 and plain not in _NO_HEADS | _MONTHS and not re.search(r"['’][a-z]{0,2}\Z", plain)


def _is_empty_word(token: _Token) -> bool:
    return token.text.lower() in _EMPTY


def _is_unit(tokens: Sequence[_Token], place: int, figure: int) -> bool:
    """Tell whether a word is the unit of the figure, written before it ("sUSD 65 million")."""
    text = tokens[place].text
    return place == figure - 1 and any(letter.isupper() for letter in text[1:])


def _may_stand_between(tokens: Sequence[_Token], place: int, *, is_date: bool) -> bool:
    token = tokens[place]
    word = token.text.lower()
    if token.text == OTHER:  # "from 20 to 50": the other end of the same change
        return place > 0 and tokens[place - 1].text.lower() in ("from", "between")
    if word in _NO_NAMES or token.tag in ("WDT", "WP", "PRP", "CC", "EX", "WRB", ".", ","):
        return False
    if token.tag.startswith("VB"):
        return is_date or bool(_STATING.match(word) or _CHANGING.match(word))
    if token.tag in ("IN", "TO"):
        return is_date or word in _MEASURED_BY
    return token.text.isalnum() or token.text in "(~≈>=<$:"


def _phrase(tokens: Sequence[_Token], last: int) -> str:
    """Return the noun phrase that ends at a noun, with the phrases it hangs on ("cost of the review")."""
    first = last
    while first > 0 and (tokens[first - 1].is_noun or tokens[first - 1].describes):
        first -= 1
    articled = first > 0 and tokens[first - 1].tag in ("DT", "PRP$", "JJ")
    while first < last and (
        tokens[first].text.lower() in _NO_START or (tokens[first].tag == "VBG" and not articled)
    ):  # fmt: skip
        first += 1
    words = [token.text for token in tokens[first : last + 1]]
    head = first - 1
    if head > 0 and tokens[head].tag == "DT":
        head -= 1
    if head > 0 and tokens[head].text.lower() in _LINKS and tokens[head - 1].is_noun:
        determiner = ["the"] if tokens[first - 1].text.lower() in ("the", "its", "their", "our") else []
        whole = [_phrase(tokens, head - 1), tokens[head].text.lower(), *determiner, *words]
        if len(" ".join(whole).split()) <= MAX_WORDS:
            return " ".join(whole)
    return " ".join(words)


def _behind(tokens: Sequence[_Token], place: int) -> str:
    """Return the phrase right behind the figure, over "of" or "for" and an article."""
    first = place + 1
    while first < len(tokens) and first <= place + 3 and (
        tokens[first].text.lower() in ("of", "for") or tokens[first].tag in ("DT", "PRP$")
    ):  # fmt: skip
        first += 1
    last = first
    while last < len(tokens) and (tokens[last].is_noun or tokens[last].describes):
        last += 1
    while last > first and not tokens[last - 1].is_noun:
        last -= 1
    words = [token.text for token in tokens[first:last]]
    return "" if not words or words[-1].lower() in _EMPTY or not _is_head(words[-1]) else " ".join(words)


def _is_plural(phrase: str) -> bool:
    return phrase.endswith("s")


def _is_counted(tokens: Sequence[_Token], place: int) -> bool:
    """Tell whether the word right behind the figure begins a noun phrase: what there are so many of."""
    follows = tokens[place + 1] if place + 1 < len(tokens) else None
    return follows is not None and (follows.is_noun or follows.describes)
