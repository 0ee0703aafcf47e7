"""Sentences in the reader's language: catalogues, and text that is decided in one place and said in
another.

Catalogues are gettext `.po` files, read as they are: a compiled copy in the tree could only ever be
behind its source. A `Sentence` carries its words and figures apart, so that a refusal raised deep
inside is still said in Chinese to a Chinese reader.
"""

from __future__ import annotations

import functools
import gettext
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from proposal.errors import AgentError, ConflictError, ForbiddenError, GateError, InputError

FOLDER = Path(__file__).parent / "locale"
LOCALES: Mapping[str, str] = {"en": "English", "zh-Hans": "中文"}
"""Locale tag as it stands in `<html lang>`, and its name in itself."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A message and what is put into it; `plural` and `count` choose between one and many."""

    message: str
    values: Mapping[str, object] = field(default_factory=dict)
    plural: str = ""
    count: int = 1

    def in_(self, locale: str) -> str:
        """Return the sentence in the locale."""
        words = catalogue(locale)
        text = words.ngettext(self.message, self.plural, self.count) if self.plural else words.gettext(self.message)
        return text % self.values if self.values else text

    def __str__(self) -> str:
        return self.in_("en")


class Refusal(AgentError):
    """An error with its sentences, for whoever shows it in another language than English."""

    def __init__(self, sentence: Sentence, *, fix: Sentence | None = None) -> None:
        super().__init__(str(sentence), fix=None if fix is None else str(fix))
        self.sentence = sentence
        self.fix_sentence = fix


class GateRefusal(Refusal, GateError):
    pass


class ConflictRefusal(Refusal, ConflictError):
    pass


class InputRefusal(Refusal, InputError):
    pass


class ForbiddenRefusal(Refusal, ForbiddenError):
    pass


@functools.cache
def catalogue(locale: str) -> gettext.NullTranslations:
    """Return the messages of a locale; English is what stands in the source."""
    path = FOLDER / locale / "desk.po"
    if locale == "en" or not path.exists():
        return gettext.NullTranslations()
    with path.open("rb") as source:
        messages = read_po(source, locale=locale.replace("-", "_"))
    compiled = io.BytesIO()
    write_mo(compiled, messages)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def choose_locale(*wishes: str | None) -> str:
    """Return the first locale among the wishes that there is; each wish is a tag or an
    Accept-Language header.

    >>> choose_locale(None, "fr, zh-CN;q=0.9, en;q=0.8")
    'zh-Hans'
    """
    for wish in wishes:
        for tag in _tags(wish or ""):
            for locale in LOCALES:
                if tag.split("-")[0] == locale.split("-")[0]:
                    return locale
    return "en"


def _tags(header: str) -> Iterator[str]:
    """Yield language tags of an Accept-Language header, the most wanted first."""
    weighted: list[tuple[float, str]] = []
    for part in header[:200].split(","):
        tag, _, quality = part.partition(";q=")
        try:
            weight = float(quality or 1)
        except ValueError:
            weight = 0.0
        if tag.strip() and weight > 0:
            weighted.append((-weight, tag.strip().lower()))
    return (tag for _, tag in sorted(weighted, key=lambda pair: pair[0]))
