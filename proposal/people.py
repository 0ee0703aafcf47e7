"""When two spellings of a name are one person."""

from __future__ import annotations

import unicodedata


def person_key(name: str) -> str:
    """Fold a name so that spelling (case, width, spaces) does not make two people of one.

    >>> person_key("  Ada   LOVELACE ")
    'ada lovelace'
    """
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
