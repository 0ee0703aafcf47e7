"""Shows a person why a text was scored as it was: sentence by sentence, as text for a terminal or as one HTML page.

The page is for committee members: words instead of codes, no script, nothing loaded from elsewhere, every character of
the model's text escaped.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence

from rewards import COMPONENTS, Analysis, Reason
from rewards.composition import SIXTEENTHS, weighted
from rewards.statements import Figure, Statement

NAMES = {
    "data_citation": "Citations",
    "numeric_faithfulness": "Figures",
    "template_adherence": "Form",
    "compliance": "Compliance",
    "tone_neutrality": "Neutral tone",
    "brevity": "Length and repetition",
}
QUESTIONS = {
    "data_citation": "Does every claim rest on the evidence it cites, and is the required evidence used?",
    "numeric_faithfulness": "Is every figure stated by the evidence or the brief?",
    "template_adherence": "Does the text have the sections, order and length that were asked for?",
    "compliance": "Does it say what its type must say, and nothing that must not be said?",
    "tone_neutrality": "Does it state facts and leave the judging to the reader?",
    "brevity": "Is it as long as asked for, and nothing said twice?",
}
_VERDICTS = {
    "cited": "stated by the evidence cited here",
    "derived": "follows from the evidence cited here",
    "brief": "a figure of the brief",
    "uncited": "in the evidence, but not cited here",
    "miscited": "stated by other evidence than is cited here",
    "invented": "stated nowhere",
}
_MARKS = {"cited": "✓", "derived": "✓", "brief": "·", "uncited": "?", "miscited": "✗", "invented": "✗"}
_MEANINGS = {"unnamed": "the sentence does not say what is measured", "wrong": "it stands for something else"}
_SILENT = {"summary"}


def to_text(analysis: Analysis) -> str:
    """Return the explanation for a terminal."""
    lines = ["Score by component", ""]
    for name, value in _values(analysis).items():
        lines.append(f"  {NAMES[name]:24} {value:5.2f}  (weight {SIXTEENTHS[name]}/16)")
    lines += ["", f"  {'Weighted sum':24} {weighted(_values(analysis)):5.2f}", ""]
    for reward in COMPONENTS:
        told = [reason for reason in reward.score(analysis).reasons if reason.code not in _SILENT]
        if told:
            lines += [f"{NAMES[reward.name]}: why not 1.00", *(f"  - {_reason(one, analysis)}" for one in told), ""]
    lines += ["Sentence by sentence", ""]
    for statement in analysis.statements:
        lines.append(f"  {_mark(statement)} {' '.join(statement.sentence.text.split())}")
        lines += [f"      {_figure_mark(figure)} {_figure(figure)}" for figure in statement.figures]
    return "\n".join(lines) + "\n"


def _values(analysis: Analysis) -> dict[str, float]:
    return {reward.name: reward.score(analysis).value for reward in COMPONENTS}


def _reason(reason: Reason, analysis: Analysis) -> str:
    if not reason.end:
        return reason.message
    line, _ = analysis.reading.document.line_column(reason.start)
    return f"line {line}: {reason.message}"


def _mark(statement: Statement) -> str:
    verdicts = {figure.verdict for figure in statement.figures}
    told = {figure.meaning for figure in statement.figures}
    stray = statement.quotes_invented or any(not cite.id for cite in statement.cites)
    if verdicts & {"invented", "miscited"} or "wrong" in told or stray:
        return "✗"
    if "uncited" in verdicts or "unnamed" in told or statement.repeats or statement.listing:
        return "?"
    return "✓" if verdicts & {"cited", "derived"} else " "


def _figure_mark(figure: Figure) -> str:
    """Return the mark of one figure: one that is right to the digit may still be told of something else."""
    if figure.meaning == "wrong":
        return "✗"
    return "?" if figure.meaning == "unnamed" else _MARKS[figure.verdict]


def _figure(figure: Figure) -> str:
    source = ", ".join(dict.fromkeys(known.slot if known.name else known.source for known in figure.known[:3]))
    told = [_VERDICTS[figure.verdict] + (f" ({source})" if source else "")]
    if figure.meaning in _MEANINGS:
        told.append(_MEANINGS[figure.meaning])
    if figure.written_out:
        told.append("written in words")
    if figure.stretched:
        told.append("only fits because the text says “about”")
    return f"{figure.part.text}: {'; '.join(told)}"


# --- HTML -----------------------------------------------------------------------------------------------------------

_STYLE = """
:root { color-scheme: light dark; --line: #8886; --good: #1a7f37; --doubt: #9a6700; --bad: #cf222e; }
@media (prefers-color-scheme: dark) { :root { --good: #3fb950; --doubt: #d29922; --bad: #f85149; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .4rem .6rem; vertical-align: top;
border-bottom: 1px solid var(--line); } td.value { font-variant-numeric: tabular-nums; white-space: nowrap; }
meter { width: 6rem; } ul { margin: 0; padding-left: 1.2rem; } .quiet { opacity: .75; font-size: .9rem; }
.text span { border-bottom: 2px solid transparent; } .text .good { border-color: var(--good); }
.text .doubt { border-color: var(--doubt); border-bottom-style: dashed; }
.text .bad { border-color: var(--bad); border-bottom-style: double; border-bottom-width: 4px; }
.notes { font-size: .9rem; margin: 0 0 .8rem 1.2rem; } .text p { margin: .6rem 0 .2rem; }
"""


def to_html(analysis: Analysis, *, title: str) -> str:
    """Return the explanation as one page."""
    return (
        "<!doctype html>\n"
        f'<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body>\n<h1>{html.escape(title)}</h1>\n"
        f"<p>Weighted sum <strong>{weighted(_values(analysis)):.2f}</strong> of 1.00. Each question below is answered "
        "by rules, not by a model; the reasons name every point that was lost.</p>\n"
        f"{_table(analysis)}\n<h2>Sentence by sentence</h2>\n"
        '<p class="quiet">Solid line: every figure is stated by the evidence cited beside it. Dashed line: something '
        "is not cited, repeated or only listed. Double line: a figure, quotation or source that nothing states.</p>\n"
        f'<div class="text">\n{"".join(_sentences(analysis.statements))}</div>\n</body></html>\n'
    )


def _table(analysis: Analysis) -> str:
    rows = []
    for reward in COMPONENTS:
        score = reward.score(analysis)
        told = [html.escape(_reason(one, analysis)) for one in score.reasons if one.code not in _SILENT]
        reasons = (
            f"<ul>{''.join(f'<li>{one}</li>' for one in told)}</ul>" if told else '<span class="quiet">nothing</span>'
        )
        rows.append(
            f'<tr><th scope="row">{NAMES[reward.name]}<br><span class="quiet">{QUESTIONS[reward.name]}</span></th>'
            f'<td class="value"><meter min="0" max="1" value="{score.value:.3f}">{score.value:.2f}</meter> '
            f"{score.value:.2f}</td><td>{reasons}</td></tr>"
        )
    head = '<tr><th scope="col">Question</th><th scope="col">Score</th><th scope="col">What cost points</th></tr>'
    return f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"


def _sentences(statements: Sequence[Statement]) -> Iterator[str]:
    kinds = {"✓": "good", "?": "doubt", "✗": "bad", " ": ""}
    for statement in statements:
        kind = kinds[_mark(statement)]
        yield f'<p><span class="{kind}">{html.escape(statement.sentence.text)}</span></p>\n'
        notes = [html.escape(_figure(figure)) for figure in statement.figures]
        if notes:
            yield f'<ul class="notes">{"".join(f"<li>{note}</li>" for note in notes)}</ul>\n'
