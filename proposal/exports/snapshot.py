"""Snapshot.org: the typed data of a proposal, unsigned, for the author's own wallet.

The order of the fields is part of the format: the sequencer accepts only types whose JSON has a
known SHA-256. `from`, `timestamp` and `snapshot` (the block of the voting snapshot) can be known
only when somebody signs, so they are null here and listed under `fill_at_signing`; address and
signature are not in the file at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from proposal.decisions import Review
from proposal.draft import Draft
from proposal.exports.result import Export, ExportProblem, check_limits, json_file, limits_for
from proposal.exports.text import normal, one_line, published_body, title_of
from proposal.findings import Severity
from proposal.template import Limit, Template

DOMAIN = {"name": "snapshot", "version": "0.1.4"}

PROPOSAL_TYPE = (
    ("from", "string"), ("space", "string"), ("timestamp", "uint64"), ("type", "string"),
    ("title", "string"), ("body", "string"), ("discussion", "string"), ("choices", "string[]"),
    ("labels", "string[]"), ("start", "uint64"), ("end", "uint64"), ("snapshot", "uint64"),
    ("plugins", "string"), ("privacy", "string"), ("app", "string"),
)  # fmt: skip
"""Fields of the primary type in the order that the sequencer hashes."""

TYPES_SHA256 = "e037b37311c75c995f732b57cd456bdc685e5eac29668698be34388cafb14097"
"""The hash under which the sequencer knows `PROPOSAL_TYPE`."""

BASIC_CHOICES = ("For", "Against", "Abstain")

_FILE = "snapshot/typed_data.json"
_ENVELOPE_ROOM = 42 + 132 + 60
"""Characters that a wallet adds around the data: address, signature and their keys."""
_FILL_ROOM = 42 + 10 + 10 + 3 * 10
"""Characters that the fields filled at signing add at most."""

VoteType = Literal["basic", "single-choice", "approval", "ranked-choice", "copeland", "weighted", "quadratic"]


class SpaceVoting(BaseModel):
    """What a space fixes about its votes; seconds for `delay` and `period`, 0 when it does not."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    delay: int | None = None
    period: int | None = None
    type: str | None = None
    privacy: str | None = None
    quorum: float | None = None


class SpaceFilters(BaseModel):
    """Who may propose in a space."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    min_score: float | None = Field(default=None, alias="minScore")
    only_members: bool | None = Field(default=None, alias="onlyMembers")


class Space(BaseModel):
    """A space as its record was fetched earlier; keys that we do not use are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    voting: SpaceVoting = SpaceVoting()
    filters: SpaceFilters = SpaceFilters()
    template: str | None = None
    guidelines: str | None = None
    turbo: bool | None = None


class SnapshotOptions(BaseModel):
    """Settings of this venue. `space_record` is the cached record of the space, when there is one.

    `body_limit` is the limit as the space states it today; without it the built-in figure counts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    space: str = Field(min_length=3, max_length=255)
    type: VoteType = "single-choice"
    choices: tuple[str, ...] = Field(default=(), max_length=1_000)
    labels: tuple[str, ...] = Field(default=(), max_length=10)
    start: int | None = Field(default=None, ge=1_000_000_000, le=2_000_000_000)
    end: int | None = Field(default=None, ge=1_000_000_000, le=2_000_000_000)
    privacy: Literal["", "shutter"] = ""
    app: str = Field(default="", max_length=24)
    body_limit: int | None = Field(default=None, ge=1)
    space_record: Space | None = None


def typed_data(draft: Draft, review: Review, options: SnapshotOptions) -> dict[str, Any]:
    """Return `{domain, types, message}` without address and signature."""
    message = {
        "from": None,
        "space": options.space,
        "timestamp": None,
        "type": options.type,
        "title": title_of(draft),
        "body": published_body(draft, review),
        "discussion": draft.brief.discussion_url,
        "choices": list(choices_of(draft, options)),
        "labels": list(options.labels),
        "start": options.start,
        "end": options.end,
        "snapshot": None,
        "plugins": "{}",
        "privacy": options.privacy,
        "app": options.app,
    }
    return {"domain": dict(DOMAIN), "types": types(), "message": message}


def types() -> dict[str, list[dict[str, str]]]:
    """Return the types as a wallet gets them."""
    return {"Proposal": [{"name": name, "type": kind} for name, kind in PROPOSAL_TYPE]}


def choices_of(draft: Draft, options: SnapshotOptions) -> tuple[str, ...]:
    """Return the choices of the vote: as set, else those of the brief; a basic vote has its
    three.
    """
    if options.choices or draft.brief.options:
        return tuple(one_line(normal(text)) for text in options.choices or draft.brief.options)
    return BASIC_CHOICES if options.type == "basic" else ()


def to_snapshot(draft: Draft, review: Review, *, template: Template, options: SnapshotOptions) -> Export:
    """Return `snapshot/typed_data.json` and what stands against publishing it."""
    data = typed_data(draft, review, options)
    sheet = {"fill_at_signing": _fill(options), "data": data}
    problems = (
        *_length_problems(data, template, options),
        *_choice_problems(data["message"]["choices"], options),
        *_time_problems(options),
        *(_space_problems(options, options.space_record) if options.space_record else ()),
    )
    return Export("snapshot", {_FILE: json_file(sheet)}, problems)


def _fill(options: SnapshotOptions) -> dict[str, str]:
    delay = options.space_record.voting.delay if options.space_record else None
    stamp = "unix time of signing, at most 5 minutes ahead and 6 days back"
    if delay and options.start:
        stamp = f"exactly {options.start - delay}: this space opens votes {delay} s after it"
    fill = {"from": "address of the signer", "timestamp": stamp}
    if options.start is None:
        fill["start"] = f"timestamp + {delay}" if delay else "unix time at which the vote opens"
    if options.end is None:
        fill["end"] = "unix time at which the vote closes, after start"
    return {**fill, "snapshot": "number of the block at which voting power counts"}


def _limits(template: Template, options: SnapshotOptions) -> tuple[Limit, ...]:
    turbo = bool(options.space_record and options.space_record.turbo)
    limits = limits_for(template, "snapshot-turbo" if turbo else "snapshot")
    if options.body_limit is None:
        return limits
    stated = {"max": options.body_limit, "fetch_live": False, "source": "stated in the options"}
    return tuple(limit.model_copy(update=stated) if limit.field == "body" else limit for limit in limits)


def _length_problems(data: dict[str, Any], template: Template, options: SnapshotOptions) -> Iterator[ExportProblem]:
    limits, message = _limits(template, options), data["message"]
    for field, value in (("title", message["title"]), ("body", message["body"]),
                         ("url", message["discussion"])):  # fmt: skip
        yield from check_limits(limits, field, value, where=_FILE)
    yield from check_limits(limits, "choices", len(message["choices"]), where=_FILE)
    for choice in message["choices"]:
        yield from check_limits(limits, "choice", choice, where=f"{_FILE}: '{choice[:60]}'")
    envelope = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    size = len(envelope.encode("utf-16-le")) // 2 + _ENVELOPE_ROOM + _FILL_ROOM
    yield from check_limits(limits, "envelope", size, where=_FILE)


def _problem(rule: str, message: str, severity: Severity = "error") -> ExportProblem:
    return ExportProblem(rule=rule, severity=severity, message=message, where=_FILE)


def _choice_problems(choices: list[str], options: SnapshotOptions) -> Iterator[ExportProblem]:
    if options.type == "basic" and tuple(choices) != BASIC_CHOICES:
        yield _problem("EX-snapshot-choices", "a basic vote has exactly the choices "
                       f"{', '.join(BASIC_CHOICES)}: use 'single-choice' for others")  # fmt: skip
    if not choices:
        yield _problem("EX-snapshot-choices", "no choice to vote on: give the options in the brief")
    if len(set(choices)) != len(choices):
        yield _problem("EX-snapshot-choices", "two choices read the same")
    for label in options.labels:
        if not (1 <= len(label) <= 8 and label.isascii() and label.isalnum()):
            yield _problem("EX-snapshot-labels", f"the label '{label[:40]}' is not 1 to 8 letters "
                           "and digits")  # fmt: skip


def _time_problems(options: SnapshotOptions) -> Iterator[ExportProblem]:
    if options.start is not None and options.end is not None and options.end <= options.start:
        yield _problem("EX-snapshot-time", f"the vote ends ({options.end}) before it starts "
                       f"({options.start})")  # fmt: skip


def _space_problems(options: SnapshotOptions, space: Space) -> Iterator[ExportProblem]:
    """Compare with what the space fixes: the sequencer refuses a proposal that departs from it."""
    voting = space.voting
    if voting.type and voting.type != options.type:
        yield _problem("EX-snapshot-space", f"the space votes by '{voting.type}', not by "
                       f"'{options.type}'")  # fmt: skip
    if voting.privacy and voting.privacy not in {"any", options.privacy}:
        yield _problem("EX-snapshot-space", f"the space's privacy is '{voting.privacy}', not "
                       f"'{options.privacy}'")  # fmt: skip
    known = options.start is not None and options.end is not None
    if voting.period and known and options.end - options.start != voting.period:  # type: ignore[operator]
        yield _problem("EX-snapshot-space", f"votes of the space last exactly {voting.period} s, "
                       f"not {options.end - options.start} s")  # type: ignore[operator]  # fmt: skip
    if space.filters.only_members:
        yield _problem("EX-snapshot-space", "only members of the space may propose", "info")
    if space.filters.min_score:
        yield _problem("EX-snapshot-space", f"proposers need a score of {space.filters.min_score:g}"
                       " in the space", "info")  # fmt: skip
    if space.guidelines:
        yield _problem("EX-snapshot-space", f"read the space's guidelines: {space.guidelines}",
                       "info")  # fmt: skip
    if space.template:
        yield _problem("EX-snapshot-space", "the space has a proposal template of its own: compare "
                       "the sections", "info")  # fmt: skip
