"""Rows from published proposals as they stand: their text for continued pre-training, and the vote on them as a label.

A vote is no judgement of the writing. Only a plain result becomes a label (passed or rejected): a missed quorum, a
withdrawal, an expiry and a merge are drops, and these rows are a set of their own beside what a committee said.
"""

from __future__ import annotations

from collections.abc import Iterator

from data_prep.proposals import Proposal
from data_prep.records import Case, CptRow, Drop, Message, VoteRow
from data_prep.rows import MAX_CHARACTERS, answered, clean, fault, prompts
from proposal.document import Document, parse
from proposal.template import Template

MIN_TEXT = 200
"""Characters of the shortest text that is worth pre-training on."""

_SYSTEM = "You write governance proposals for a DAO: plain, neutral, complete, with every figure backed by a source."
_LABELS = {"passed": True, "rejected": False}


def cpt_rows(proposal: Proposal) -> Iterator[CptRow | Drop]:
    """Turn a proposal into texts for continued pre-training: title and body, cut between sections where it is long.

    Front matter, comments and other hidden text are left out: they speak to a machine or to nobody.
    """
    texts = list(_pieces(proposal.title, parse(proposal.body)))
    if not texts:
        yield Drop("empty", proposal.id, "cpt", detail=f"fewer than {MIN_TEXT} characters of text")
    for number, text in enumerate(texts, 1):
        section = f"text-{number}"
        if len(text) > MAX_CHARACTERS:
            yield Drop("too-long", proposal.id, "cpt", section, f"a section of {len(text):,} characters")
        else:
            turn = Message(role="assistant", content=text)
            yield CptRow(messages=(turn,), dao_source=proposal.id, dao_section=section, dao_template="")


def published_turns(dao: str, title: str, body: str) -> tuple[Message, ...]:
    """Return a published proposal as a conversation: what it is about, and its text as the answer."""
    return (
        Message(role="system", content=_SYSTEM),
        Message(role="user", content=f"Write a proposal for {dao}: {title}"),
        Message(role="assistant", content=body.strip()),
    )


def _pieces(title: str, document: Document) -> Iterator[str]:
    """Yield the text in pieces of whole sections; each goes on under the title, so that none stands without it."""
    head = f"# {title}"
    piece = head
    for section in _sections(document):
        if len(piece) + len(section) > MAX_CHARACTERS and len(piece) > MIN_TEXT:
            yield piece
            piece = head
        piece += f"\n\n{section}"
    if len(piece) >= MIN_TEXT:
        yield piece


def _sections(document: Document) -> Iterator[str]:
    for section in document.sections:
        blocks = [
            _visible(document, block.start, block.end)
            for block in document.blocks
            if block.section == section.index and block.kind not in {"front_matter", "unread"}
        ]
        text = "\n\n".join(filter(None, blocks))
        if text:
            yield text


def _visible(document: Document, start: int, end: int) -> str:
    """Return the text of a block without what a reader of the page does not see."""
    kept, position = [], start
    for hidden in document.hidden:
        if hidden.start < end and hidden.end > start:
            kept.append(document.text[position : max(position, hidden.start)])
            position = max(position, hidden.end)
    return "".join([*kept, document.text[position:end]]).strip()


def vote_rows(case: Case, template: Template, outcome: str) -> Iterator[VoteRow | Drop]:
    """Turn an inverted proposal with a plain result into judged texts, one per section."""
    label = _LABELS.get(outcome)
    if label is None:
        yield Drop("no-outcome", case.key, "kto_votes", detail=f"'{outcome}' is neither passed nor rejected by a vote")
        return
    for prompt in prompts(case, template):
        slotted = clean(case.sections.get(prompt.spec.key, ""))
        problem = fault(slotted, prompt)
        if problem:
            yield Drop(problem[0], case.key, "kto_votes", prompt.spec.key, problem[1])
            continue
        yield VoteRow(messages=answered(prompt, slotted), label=label, dao_source=case.key,
                     dao_section=prompt.spec.key, dao_template=case.brief.template)  # fmt: skip
