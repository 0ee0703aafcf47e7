"""Writing one section: ask the model under the grammar, screen its sentences, write the failing ones again, fill up.

Failing sentences (`serve.screening`) are asked for again, twice at most, and then left out; planned facts that are
missing in the end are stated by the server in the plainest form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from proposal.demands import unanswered, without_demands
from proposal.document import parse
from proposal.draft import Sampling
from proposal.grammar import slot_grammar
from proposal.plan import Fact
from proposal.prompt import authors_points, section_messages
from proposal.slots import SLOT, escape_slots
from proposal.template import SectionSpec
from proposal.values import Language
from rewards import COMPONENTS, Task, analyse
from rewards.composition import weighted
from rewards.tone import GRAVE, sentence_severity
from rewards.wording import words
from serve.llm import ChatModel
from serve.preparing import Prepared
from serve.screening import objections, without_needless_marks
from serve.screening.wording import unmarked
from serve.stages import ALL, Stages

TOKENS_BESIDE, TOKENS_A_WORD, TOKENS_A_FACT = 60, 2, 14
"""Room of a section: tokens for its longest text, for the slot and citation of each fact, and some to spare."""

MAX_REASON = 120
"""Characters of what a gap says is missing; a slot has room for no more than 160."""

OnText = Callable[[str], None]

MAX_ROUNDS = 2
"""How often failing sentences are written again before they are left out: the second time only where the section is
shorter than its template asks, as a model that failed twice seldom does better and each round costs a whole section."""

RETRY_TEMPERATURE = 0.6
"""Least temperature of a rewrite: the same prompt at a lower one would give the same sentences again."""


@dataclass(frozen=True, slots=True)
class Written:
    """The slotted text of a section, with what it cost and which sentences were given up."""

    slotted: str
    tokens: int
    attempts: int
    removed: tuple[str, ...]


@dataclass(slots=True)
class _Tally:
    tokens: int = 0
    attempts: int = 0
    removed: list[str] = field(default_factory=list)


class SectionWriter:
    """Writes sections on one model.

    `native` tells whether the model writes the language of the brief, `figures` how many it can put into one sentence
    (0 for any number).
    """

    def __init__(
        self,
        model: ChatModel,
        *,
        sampling: Sampling,
        native: bool,
        figures: int = 0,
        best_of: int = 1,
        stages: Stages = ALL,
    ) -> None:
        self._model = model
        self._sampling = sampling
        self._native = native and stages.model
        self._figures = figures
        self._best_of = best_of
        self._stages = stages

    def write(self, spec: SectionSpec, job: Prepared, on_text: OnText) -> Written:
        """Write one section; raises `UpstreamError` when the model cannot be reached or dies."""
        facts = job.plan[spec.key]
        language = job.request.brief.language
        tally = _Tally()
        sentences = self._model_sentences(spec, job, tally, on_text) if self._native else authors_words(spec, job)
        if self._stages.completion:
            sentences = sentences or self._neutral(authors_words(spec, job), tally)
            ask = _asked(spec, job)
            sentences = _completed([*ask, *(one for one in sentences if one not in ask)], spec, facts, job)
        return Written(joined(sentences, language), tally.tokens, tally.attempts, tuple(tally.removed))

    def _neutral(self, sentences: list[str], tally: _Tally) -> list[str]:
        """Leave out the author's own words where they are severely loaded: the gap asks for others."""
        if not self._native:
            return sentences  # all of the text is the author's, and what the checks find in it is shown
        kept = [sentence for sentence in sentences if sentence_severity(sentence) < GRAVE]
        tally.removed += [sentence for sentence in sentences if sentence not in kept]
        return kept

    def _model_sentences(self, spec: SectionSpec, job: Prepared, tally: _Tally, on_text: OnText) -> list[str]:
        facts = job.plan[spec.key]
        messages = section_messages(spec, facts, brief=job.request.brief, evidence=job.evidence, template=job.template)
        constraint = self._constraint(job)
        room = room_for(spec, facts, job.request.brief.language)
        raw = self._best(messages, constraint, room, spec, job, tally, on_text)
        if not self._stages.screening:
            return raw
        ask = _asked(spec, job) if self._stages.completion else []
        kept, failed = self._screened(raw, ask, spec, job)
        for number in range(MAX_ROUNDS):
            if not failed or (number and _is_long_enough(kept, spec, facts, job)):
                break
            again = [*messages[:-1], {"role": "user", "content": messages[-1]["content"] + _again(failed, job)}]
            raw = self._ask(again, constraint, room, tally, on_text)
            good, failed = self._screened(raw, [*ask, *filter(None, kept)], spec, job)
            kept = _replace_gaps(kept, good)
        tally.removed += failed
        return [sentence for sentence in kept if sentence]

    def _screened(
        self, sentences: Sequence[str], before: Sequence[str], spec: SectionSpec, job: Prepared
    ) -> tuple[list[str], list[str]]:
        """Split sentences into kept and failed; a failed one leaves an empty string as its gap among the kept."""
        kept: list[str] = []
        failed: list[str] = []
        seen = [*before]
        for raw in sentences:
            sentence = without_needless_marks(raw, spec, job)
            if objections(sentence, seen, spec, job, figures=self._figures):
                failed.append(sentence)
                kept.append("")
            else:
                kept.append(sentence)
                seen.append(sentence)
        return kept, failed

    def _best(
        self,
        messages: Sequence[Mapping[str, str]],
        constraint: Mapping[str, Any],
        room: int,
        spec: SectionSpec,
        job: Prepared,
        tally: _Tally,
        on_text: OnText,
    ) -> list[str]:
        """Return the sentences of the best of so many completions, by the rewards that training uses."""
        tries = [self._ask(messages, constraint, room, tally, on_text) for _ in range(self._best_of)]
        return tries[0] if len(tries) == 1 else max(tries, key=lambda sentences: worth(sentences, spec, job))

    def _constraint(self, job: Prepared) -> dict[str, Any]:
        if not self._stages.grammar:
            return {}
        return {"response_format": slot_grammar(job.words, job.request.brief.language)}

    def _ask(
        self,
        messages: Sequence[Mapping[str, str]],
        constraint: Mapping[str, Any],
        room: int,
        tally: _Tally,
        on_text: OnText,
    ) -> list[str]:
        """Return the sentences of one completion; the last one is dropped when it was cut off at `room` tokens."""
        limits = {"seed": self._sampling.seed + tally.attempts, "max_tokens": min(room, self._sampling.max_tokens)}
        sampling = self._sampling.model_copy(update=limits)
        if tally.attempts:
            sampling = sampling.model_copy(update={"temperature": max(sampling.temperature, RETRY_TEMPERATURE)})
        completion = self._model.complete(messages, sampling=sampling, constraint=constraint, on_text=on_text)
        tally.tokens += completion.tokens
        tally.attempts += 1
        sentences = [sentence.text.strip() for sentence in parse(completion.text).sentences]
        if completion.finish_reason == "length" and sentences:
            tally.removed.append(sentences.pop())
        return sentences


def _is_long_enough(sentences: Sequence[str], spec: SectionSpec, facts: Sequence[Fact], job: Prepared) -> bool:
    """Tell whether a section has the least length of its template with the facts that the server will state."""
    language = job.request.brief.language
    text = joined([*filter(None, sentences), *_unstated(sentences, facts, job)], language)
    return len(words(unmarked(text))) >= spec.band(language)[0]


def room_for(spec: SectionSpec, facts: Sequence[Fact], language: Language) -> int:
    """Return how many tokens a section may have: a model that does not find its end stops soon after it should have."""
    return TOKENS_BESIDE + TOKENS_A_WORD * spec.band(language)[1] + TOKENS_A_FACT * len(facts)


def worth(sentences: Sequence[str], spec: SectionSpec, job: Prepared) -> tuple[float, int, int, float]:
    """Return what to rank a section's text by: gate, required items used, no severe sentences, weighted score.

    In this order, so that no wording makes up for a broken gate or evidence left out (`rewards.md`, 6).
    """
    required = tuple(dict.fromkeys(item_id for fact in job.plan[spec.key] for item_id in fact.ids))
    task = Task(job.evidence, job.request.brief, job.template, spec, required)
    analysis = analyse(joined(sentences, job.request.brief.language), task)
    score = weighted({reward.name: reward.score(analysis).value for reward in COMPONENTS})
    severe = sum(sentence_severity(one.sentence.text) >= GRAVE for one in analysis.statements)
    return analysis.gate, len(analysis.counts.ids & set(required)), -severe, score


def joined(sentences: Sequence[str], language: Language) -> str:
    """Return sentences as one text: Chinese ones without spaces between them."""
    return ("" if language == "zh" else " ").join(sentences)


def authors_words(spec: SectionSpec, job: Prepared) -> list[str]:
    """Return the author's own sentences for a section: no model writes their language, or none of its may stand."""
    brief = job.request.brief
    points = without_demands(authors_points(spec, brief, job.template), brief.language)
    parts = [brief.ask, points] if _is_first(spec, job) and points != brief.ask else [points]
    return [_as_sentence(part, brief.language) for part in parts if part.strip()]


def _asked(spec: SectionSpec, job: Prepared) -> list[str]:
    """Return what the first section begins with: what is asked for, in the author's words and no model's."""
    brief = job.request.brief
    return [_as_sentence(brief.ask, brief.language)] if _is_first(spec, job) else []


def _is_first(spec: SectionSpec, job: Prepared) -> bool:
    return spec.key == next(section.key for section in job.sections if section.writer == "model")


def _as_sentence(text: str, language: Language) -> str:
    return escape_slots(_ended(" ".join(text.split()), language))


def _ended(text: str, language: Language) -> str:
    """End a text as a sentence: an ask is often written as a heading, and what follows would run into it."""
    return text if text[-1] in ".!?。！？；:：" else text + ("。" if language == "zh" else ".")


def _again(failed: Sequence[str], job: Prepared) -> str:
    joined = " ".join(failed)[:600]
    if job.request.brief.language == "zh":
        return f"\n请另写{len(failed)}句，不要重复这些被检查退回的句子：{joined}"
    return f"\nWrite other sentences instead of these, which the checks refused: {joined}"


def _replace_gaps(kept: list[str], good: Sequence[str]) -> list[str]:
    spare = iter([sentence for sentence in good if sentence])
    return [sentence or next(spare, "") for sentence in kept]


def _completed(sentences: list[str], spec: SectionSpec, facts: Sequence[Fact], job: Prepared) -> list[str]:
    """State the planned facts that are missing, and mark the gap where there is nothing to say or to answer."""
    brief = job.request.brief
    whole = _insert_facts(sentences, _unstated(sentences, facts, job))
    points = authors_points(spec, brief, job.template)
    whole += [_gap(demand) for demand in unanswered(points, brief=brief, evidence=job.evidence)]
    if (spec.evidence == "required" and not facts and not SLOT.search(" ".join(whole))) or not whole:
        heading = spec.heading_in(brief.language)
        whole.append(
            _gap(f"“{heading}”一节的内容与证据" if brief.language == "zh" else f"text and evidence for {heading}")
        )
    return whole


def _unstated(sentences: Sequence[str], facts: Sequence[Fact], job: Prepared) -> list[str]:
    """Return the plainest sentence of each planned fact that no sentence states."""
    stated = " ".join(sentences)
    language = job.request.brief.language
    return [fact.sentence(language) for fact in facts if "{{" + fact.slot + "}}" not in stated]


def _insert_facts(sentences: list[str], missing: list[str]) -> list[str]:
    """Put facts that the writer left out behind its first sentence, where the others stand too."""
    return [*sentences[:1], *missing, *sentences[1:]]


def _gap(reason: str) -> str:
    return "{{TBD:" + re.sub(r"[{}\s]+", " ", reason).strip()[:MAX_REASON] + "}}"
