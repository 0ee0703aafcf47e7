"""Screening: which sentences of a model may stand in a draft, judged one by one before the whole text is checked.

A sentence is refused when it is none or is loaded (`wording`), when it names or is about what neither brief nor
evidence names (`grounding`), when a figure in it stands for something else than it measures (`figures`), when a check
that can judge one sentence finds something in it, or when it says again what another one, the author's ask or the task
says.
Refusing a good sentence costs a rewrite; keeping a bad one costs the committee's trust.
"""

from __future__ import annotations

from collections.abc import Sequence

from proposal.slots import SLOT
from proposal.template import SectionSpec
from serve.preparing import Prepared
from serve.screening.figures import faults, misplaced_figures, names_only, restated, without_needless_marks
from serve.screening.grounding import invented_names, told_as_past, told_as_to_come, ungrounded
from serve.screening.wording import echoes, loaded, malformed, repeats, reruns, says_again

__all__ = ["objections", "without_needless_marks"]


def objections(
    sentence: str, others: Sequence[str], spec: SectionSpec, job: Prepared, *, figures: int = 0
) -> list[str]:
    """Return why a slotted sentence of a section may not stand beside the others; empty when it may.

    `figures` is how many of them its model can put into one sentence; 0 for any number.
    """
    language = job.request.brief.language
    reasons = [*malformed(sentence), *loaded(sentence), *invented_names(sentence, job)]
    reasons += [*told_as_past(sentence, job), *told_as_to_come(sentence, job)]
    if (
        repeats(sentence, others)
        or says_again(sentence, others, job.labels, language)
        or reruns(sentence, others, language)
    ):
        reasons.append("repeats another sentence")
    if names_only(sentence, job):
        reasons.append("names a figure and says nothing of it")
    if restated(sentence, others):
        reasons.append("states nothing but figures that stand there already")
    if figures and len(SLOT.findall(sentence)) > figures:
        reasons.append("more figures than the model can put into one sentence")
    if spec.guidance and echoes(sentence, spec.guidance.in_(language)):
        reasons.append("repeats the task")
    return reasons or ungrounded(sentence, spec, job) or faults(sentence, job) or misplaced_figures(sentence, spec, job)
