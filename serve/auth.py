"""Who is asking: one-time links for reviewers, sessions behind a cookie, one API token for
programs.

Closed by default: every route but `/healthz`, the sign-in pages and the style sheet wants one of
them. Only SHA-256 of a secret is stored, so a copy of the database signs nobody in. A link is used
up by a button, not by opening it, because chat programs open links to preview them.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from proposal.addresses import check_address
from proposal.errors import AgentError, ConfigError, InputError
from proposal.people import person_key
from serve.store import Reviewer, Store
from serve.translation import Refusal, Sentence

LINK_LIFE = dt.timedelta(hours=24)
SESSION_LIFE = dt.timedelta(hours=12)
SESSION_IDLE = dt.timedelta(hours=2)
_SEEN_EVERY = dt.timedelta(minutes=1)
TOKEN_FILE = "api-token"


class SignInError(AgentError):
    """Nobody is signed in, or the secret given is not valid."""

    exit_code = 3
    status = 401
    code = "sign_in"


class SignInRefusal(Refusal, SignInError):
    pass


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls the API: a signed-in reviewer, or a program with the token."""

    reviewer: Reviewer | None

    @property
    def name(self) -> str:
        """Return how the caller is recorded as the one who ordered a draft."""
        return submitter(self.reviewer) if self.reviewer else "token"


def submitter(reviewer: Reviewer) -> str:
    """Return how a reviewer is recorded as the one who ordered a draft."""
    return f"reviewer:{reviewer.key}"


class Accounts:
    """Sign-in and sessions."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def invite(self, who: str) -> str:
        """Return a fresh one-time token for a reviewer (as `read_reviewer` reads them); older unused ones stop working.

        An account that is named replaces the reviewer's former one; an account belongs to one reviewer.
        """
        reviewer = read_reviewer(who)
        token = secrets.token_urlsafe(32)
        with self._store.write() as tx:
            owners = {member.account: member.name for member in tx.members()}
            owner = owners.get(reviewer.account or "")
            if owner and person_key(owner) != reviewer.key:
                raise InputError(f"{reviewer.account} is already the account of {owner}", where=reviewer.name,
                                 fix="give each reviewer an account of their own")  # fmt: skip
            tx.add_reviewer(reviewer)
            tx.add_link(_hash(token), reviewer.key, expires_at=tx.now + LINK_LIFE)
        return token

    def link_owner(self, token: str) -> Reviewer:
        """Return whom a link would sign in, without using it up."""
        with self._store.read() as tx:
            reviewer = tx.link_owner(_hash(token))
        if reviewer is None:
            raise _dead_link()
        return reviewer

    def sign_in(self, token: str, *, old_session: str | None = None) -> str:
        """Use a link up and return the secret of a new session; an old one ends."""
        secret = secrets.token_urlsafe(32)
        with self._store.write() as tx:
            reviewer = tx.link_owner(_hash(token))
            if reviewer is None or not tx.use_link(_hash(token)):
                raise _dead_link()
            if old_session:
                tx.end_session(_hash(old_session))
            tx.add_session(_hash(secret), reviewer.key, expires_at=tx.now + SESSION_LIFE)
        return secret

    def signed_in(self, secret: str | None) -> Reviewer | None:
        """Return whose session this is, if it is alive; note that it was used."""
        if not secret:
            return None
        with self._store.read() as tx:
            found = tx.session(_hash(secret), idle=SESSION_IDLE)
            stale = found is not None and tx.now - found[1] > _SEEN_EVERY
        if found is None:
            return None
        if stale:
            with self._store.write() as tx:
                tx.touch_session(_hash(secret))
        return found[0]

    def sign_out(self, secret: str) -> None:
        with self._store.write() as tx:
            tx.end_session(_hash(secret))


CONTRACT = "contract:"
"""Stands before an account that is a contract (a Safe): such a member signs in, and their signatures do not count."""


def read_reviewer(text: str) -> Reviewer:
    """Read a reviewer as the command line names one: a name, or `NAME=0x…` with the account of their wallet.

    >>> read_reviewer("Ada").account is None
    True
    """
    name, _, account = text.partition("=")
    shown = " ".join(name.split())
    if not 1 <= len(shown) <= 80 or not shown.isprintable():
        raise InputError(f"'{shown[:80]}' is not a reviewer's name", expected="1 to 80 characters")
    if "=" not in text:
        return Reviewer(person_key(shown), shown)
    contract = account.startswith(CONTRACT)
    try:
        checked = check_address(account.removeprefix(CONTRACT).strip())
    except ValueError as error:
        raise InputError(str(error), where=shown, expected="NAME=0x… or NAME=contract:0x…") from None
    return Reviewer(person_key(shown), shown, checked, contract)


def invitations(accounts: Accounts, reviewers: Iterable[str], *, base_url: str) -> dict[str, str]:
    """Return a fresh sign-in link for each reviewer, by name."""
    return {who.partition("=")[0]: f"{base_url}/sign-in/{accounts.invite(who)}" for who in reviewers}


class ApiToken:
    """The secret of programs, kept in a file that only its owner can read."""

    def __init__(self, value: str, *, file: Path) -> None:
        self.value = value
        self.file = file

    @classmethod
    def load(cls, data_dir: Path) -> ApiToken:
        """Read the token of this installation, or make one."""
        file = data_dir / TOKEN_FILE
        try:
            data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not file.exists():
                _write_private(file, f"dao_{secrets.token_urlsafe(32)}\n")
            value = file.read_text(encoding="ascii").strip()
            if file.stat().st_mode & 0o077:
                raise ConfigError(
                    "others can read this token",
                    where=str(file),
                    fix=f"delete it and start again; a new one is made (or: chmod 600 {file})",
                )
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot be read: {error}", where=str(file)) from None
        if len(value) < 24:
            raise ConfigError("the token is too short", where=str(file), fix="delete the file and start again")
        return cls(value, file=file)

    def matches(self, given: str) -> bool:
        return hmac.compare_digest(_hash(given), _hash(self.value))


def _write_private(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as target:
        target.write(text)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", errors="replace")).hexdigest()


def _dead_link() -> SignInRefusal:
    return SignInRefusal(
        Sentence("this sign-in link was used, was replaced by a newer one, or is older than a day"),
        fix=Sentence("ask whoever runs the desk for a new link"),
    )
