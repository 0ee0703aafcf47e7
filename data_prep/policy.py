"""Which texts may be used for what, and which personal data is masked before anything is stored.

Both are policy, so both stand in `policy.yaml`; this module only applies them. A mask holds no digit, so it can stand
in the prose that a writer in service produces.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from proposal.errors import ConfigError, InputError
from proposal.hashing import sha256_data
from proposal.inputs import read_structured, validate

Use = Literal["training", "evaluation", "publishing"]
TextKind = Literal["proposal", "post"]
Personal = Literal["email", "phone", "ip", "handle"]

POLICY_FILE = Path(__file__).with_name("policy.yaml")

_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,5}[A-Za-z]{2,24}(?![A-Za-z0-9-])"
)
_PHONE = re.compile(
    r"(?<![A-Za-z0-9.,/+-])(?:\+[0-9]{1,3}[ -]?(?:\([0-9]{1,4}\)[ -]?)?(?:[0-9]{2,4}[ -]){1,4}[0-9]{2,4}"
    r"|\+[0-9]{10,14}|\([0-9]{3}\) ?[0-9]{3}-[0-9]{4}|[0-9]{3}-[0-9]{3}-[0-9]{4})(?![A-Za-z0-9%]|[.,][0-9])"
)
_IPV4 = re.compile(r"(?<![A-Za-z0-9._/-])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![A-Za-z0-9_-]|\.[0-9])")
_IPV6 = re.compile(r"(?<![A-Za-z0-9:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{1,4}(?![A-Za-z0-9:])")
_HANDLE = re.compile(r"(?<![A-Za-z0-9@./_])@[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,38}[A-Za-z0-9_])?(?![A-Za-z0-9_/])")
_NUMBERED = re.compile(r"(?:version|release|section|clause|article)[ :#]{0,2}\Z", re.IGNORECASE)

MIN_PHONE_DIGITS = 9
"""Fewer digits than a telephone number with its country code has are a figure, not a number to call."""


class Policy(BaseModel):
    """Licences by use, and masks by kind of text and kind of personal data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    licences: dict[Use, tuple[str, ...]]
    personal: dict[TextKind, dict[Personal, str]]

    @property
    def hash(self) -> str:
        """Return the hash that the manifest of a cut carries."""
        return sha256_data(self)

    def allows(self, licence: str, use: Use) -> bool:
        """Tell whether texts under this licence may be used so.

        >>> load_policy().allows("CC0-1.0 (per-document notice)", "training")
        True
        >>> load_policy().allows("none stated (repo has no LICENSE)", "training")
        False
        """
        return licence.split(" (", 1)[0] in self.licences.get(use, ())

    def masked(self, text: str, kind: TextKind) -> tuple[str, Counter[Personal]]:
        """Return the text with personal data masked, and how many of each kind were found."""
        counts: Counter[Personal] = Counter()
        for personal, mask in self.personal.get(kind, {}).items():
            text, found = _MASKS[personal](text, mask)
            if found:
                counts[personal] += found
        return text, counts


@functools.cache
def load_policy(path: Path = POLICY_FILE) -> Policy:
    """Read the policy; a wrong file is an error of the configuration."""
    try:
        return validate(Policy, read_structured(path), where=str(path))
    except InputError as error:
        raise ConfigError(error.message, where=error.where, expected=error.expected, fix=error.fix) from None


def _emails(text: str, mask: str) -> tuple[str, int]:
    return _EMAIL.subn(mask, text) if "@" in text else (text, 0)


def _handles(text: str, mask: str) -> tuple[str, int]:
    return _HANDLE.subn(mask, text) if "@" in text else (text, 0)


def _phones(text: str, mask: str) -> tuple[str, int]:
    return _where(_PHONE, text, mask, lambda match: sum(c.isdigit() for c in match[0]) >= MIN_PHONE_DIGITS)


def _addresses(text: str, mask: str) -> tuple[str, int]:
    """Mask network addresses; a version or section number with four parts is none."""
    text, fours = _where(_IPV4, text, mask, _is_address)
    if "::" not in text and text.count(":") < 7:
        return text, fours
    text, sixes = _where(_IPV6, text, mask, _is_address)
    return text, fours + sixes


def _is_address(match: re.Match[str]) -> bool:
    if not any(character.isdigit() for character in match[0]) or _NUMBERED.search(
        match.string[max(0, match.start() - 12) : match.start()]
    ):
        return False
    try:
        ipaddress.ip_address(match[0])
    except ValueError:
        return False
    return True


def _where(pattern: re.Pattern[str], text: str, mask: str, is_one: Callable[[re.Match[str]], bool]) -> tuple[str, int]:
    found = 0

    def put(match: re.Match[str]) -> str:
        nonlocal found
        if not is_one(match):
            return match[0]
        found += 1
        return mask

    return pattern.sub(put, text), found


_MASKS = {"email": _emails, "phone": _phones, "ip": _addresses, "handle": _handles}
