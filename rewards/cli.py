"""The commands of `dao-agent reward`: check, explain, replay, fuzz, time and compare the rewards.

Results go to stdout; exit code 1 where something that was checked is wrong, 2 where the input is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from proposal.brief import load_brief
from proposal.errors import InputError
from proposal.evidence import load_evidence
from proposal.inputs import MAX_INPUT_BYTES
from proposal.template import load_template
from rewards import COMPONENTS, REWARDS, Analysis, analyse, read_task, reward_version
from rewards.composition import weighted
from rewards.explain import to_html, to_text
from rewards.fuzzing import fuzz
from rewards.linting import lint
from rewards.replaying import (
    ComponentReport,
    Logged,
    advice,
    compare,
    correlations,
    cut_off,
    groups_of,
    read_log,
    report,
    score_again,
    void_shares,
)
from rewards.rows import Task
from rewards.timing import measure, memory_growth
from rewards.training import parse_row

reward_app = typer.Typer(no_args_is_help=True, help="Check, explain and debug the rewards of training.")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@reward_app.command("lint")
def lint_command(
    dataset: Annotated[Path, typer.Argument(help="GRPO rows, one JSON object per line.")],
    config: Annotated[Path | None, typer.Option(help="The ms-swift YAML that the rows are trained with.")] = None,
    as_json: Json = False,
) -> None:
    """Say what ms-swift would do with these rows and rewards, before a GPU second is spent.

    dao-agent reward lint rows.jsonl --config recipes/configs/grpo.yaml
    """
    problems = lint(dataset, config=config)
    if as_json:
        typer.echo(json.dumps({"problems": [_fields(problem) for problem in problems]}, ensure_ascii=False))
    else:
        for problem in problems:
            typer.echo(str(problem))
        typer.echo(f"{len(problems)} problems" if problems else "no problems")
    raise typer.Exit(1 if any(problem.strength == "error" for problem in problems) else 0)


@reward_app.command("explain")
def explain_command(
    draft: Annotated[Path | None, typer.Argument(help="The text to explain: Markdown, slots allowed.")] = None,
    brief: Annotated[Path | None, typer.Option(help="Its brief.")] = None,
    evidence: Annotated[Path | None, typer.Option(help="Its evidence.")] = None,
    template: Annotated[str, typer.Option(help="Template; the brief's when left out.")] = "",
    section: Annotated[str, typer.Option(help="Section key when the text is one section only.")] = "",
    required: Annotated[str, typer.Option(help="Evidence that must be used: E1,E2 (all when left out).")] = "",
    row: Annotated[Path | None, typer.Option(help="Take all of this from a JSONL row instead (its last turn).")] = None,
    number: Annotated[int, typer.Option(help="Which row of the file, from 1.")] = 1,
    html: Annotated[Path | None, typer.Option(help="Write a page for a reader instead.")] = None,
    as_json: Json = False,
) -> None:
    """Show why a text scores what it scores, sentence by sentence.

    dao-agent reward explain draft.md --brief brief.yaml --evidence evidence.yaml --html why.html
    """
    if row is not None:
        text, task = _from_row(row, number, draft)
    else:
        text, task = _from_files(draft, (brief, evidence), template=template, section=section, required=required)
    analysis = analyse(text, task)
    if html is not None:
        html.write_text(to_html(analysis, title=task.brief.title or task.brief.topic), encoding="utf-8")
        typer.echo(str(html))
    elif as_json:
        typer.echo(json.dumps(_scores(analysis), ensure_ascii=False))
    else:
        typer.echo(to_text(analysis), nl=False)


@reward_app.command("replay")
def replay_command(
    log: Annotated[Path, typer.Argument(help="completions.jsonl of a run.")],
    rows: Annotated[Path | None, typer.Option(help="The run's rows: score its completions again with them.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the new scores, for diff.")] = None,
    as_json: Json = False,
) -> None:
    """Tell from a run's log whether its rewards teach: spread in groups, saturation, correlation, drift.

    dao-agent reward replay runs/grpo/completions.jsonl --rows data/grpo.jsonl
    """
    logged = read_log(log)
    found = report(logged)
    again = score_again(logged, _tasks_of(rows, logged)) if rows else []
    if out is not None:
        _write_scores(out, again or logged)
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "components": [_fields(one) for one in found],
                    "advice": advice(found, void_shares(logged)),
                    "correlations": correlations(logged)[:6],
                }
            )
        )
        return
    _print_report(logged, found)
    if again:
        _print_drift([one for one in logged if one.prompt in {new.prompt for new in again}], again)


@reward_app.command("diff")
def diff_command(
    left: Annotated[Path, typer.Argument(help="Scores of one version: completions.jsonl, or replay --out.")],
    right: Annotated[Path, typer.Argument(help="Scores of the other version over the same completions.")],
    as_json: Json = False,
) -> None:
    """Compare two versions of the rewards over the same completions: means and rank correlation.

    dao-agent reward diff before.jsonl after.jsonl
    """
    found = compare(read_log(left), read_log(right))
    if as_json:
        keys = ("metric", "left", "right", "rank_correlation")
        typer.echo(json.dumps({"components": [dict(zip(keys, one, strict=True)) for one in found]}))
        return
    typer.echo(f"{'reward':22} {'left':>7} {'right':>7} {'rank correlation':>17}")
    for metric, a, b, rank in found:
        typer.echo(f"{metric:22} {a:7.3f} {b:7.3f} {rank:17.3f}")


@reward_app.command("fuzz")
def fuzz_command(
    rows: Annotated[Path, typer.Argument(help="A JSONL file; its first row gives brief, evidence and template.")],
    count: Annotated[int, typer.Option(help="Texts to try.")] = 2_000,
    seed: Annotated[int, typer.Option(help="Same seed, same texts.")] = 0,
    keep: Annotated[Path | None, typer.Option(help="Write what broke a promise here.")] = None,
) -> None:
    """Throw random and hostile texts at every reward and report broken promises.

    dao-agent reward fuzz rows.jsonl --count 5000
    """
    text, task = _from_row(rows, 1, None)
    broken = fuzz(task, count=count, seed=seed, honest=[text] if text else [])
    for one in broken[:20]:
        typer.echo(f"{one.reward}: {one.promise}: {one.text[:80]!r}")
    if keep is not None:
        keep.write_text("".join(json.dumps(_fields(one)) + "\n" for one in broken), encoding="utf-8")
    typer.echo(f"{count} texts, {len(broken)} broken promises")
    raise typer.Exit(1 if broken else 0)


@reward_app.command("bench")
def bench_command(
    rows: Annotated[Path, typer.Argument(help="A JSONL file whose first row has its answer, or a dao_reference.")],
    step_seconds: Annotated[float, typer.Option(help="Seconds of one GRPO step of 256 completions.")] = 60.0,
    memory: Annotated[int, typer.Option(help="Completions to measure the growth of memory over; 0 skips it.")] = 0,
) -> None:
    """Measure how long scoring takes and what share of a training step that is.

    dao-agent reward bench rows.jsonl --step-seconds 45
    """
    text, task = _from_row(rows, 1, None)
    if not text:
        raise InputError("the row has neither an answer nor a dao_reference", where=f"{rows}:1",
                         expected="a text to time", fix="take grpo.jsonl of a cut that has cases by hand")  # fmt: skip
    filled = analyse(text, task).text
    for one in measure([filled], task, step_seconds=step_seconds):
        typer.echo(str(one))
    if memory:
        typer.echo(str(memory_growth(filled, task, completions=memory)))


# --- reading what the commands need -----------------------------------------------------------------------------------


def _from_files(
    draft: Path | None, files: tuple[Path | None, Path | None], *, template: str, section: str, required: str
) -> tuple[str, Task]:
    brief_file, evidence_file = files
    if draft is None or brief_file is None or evidence_file is None:
        raise InputError("a draft needs its --brief and --evidence", fix="give the three files, or --row FILE")
    brief, evidence = load_brief(brief_file), load_evidence(evidence_file)
    name = template or brief.template
    load_template(name)
    ids = [item.strip() for item in required.split(",") if item.strip()] or ([] if section else list(evidence))
    row = {
        "dao_evidence_json": json.dumps([item.model_dump(mode="json") for item in evidence.values()]),
        "dao_brief_json": brief.model_dump_json(),
        "dao_template": name,
        "dao_section": section,
        "dao_required": json.dumps(ids),
    }
    return _read_text(draft), read_task(row, where=str(draft))


def _from_row(path: Path, number: int, draft: Path | None) -> tuple[str, Task]:
    lines = [line for line in _read_text(path).splitlines() if line.strip()]
    if not 1 <= number <= len(lines):
        raise InputError(f"there is no row {number}", where=str(path), expected=f"1 to {len(lines)}")
    where = f"{path}:{number}"
    row = parse_row(lines[number - 1], where=where)
    task = read_task(row, where=where)
    if draft is not None:
        return _read_text(draft), task
    messages = row.get("messages") or []
    last = messages[-1] if isinstance(messages, list) and messages and isinstance(messages[-1], dict) else {}
    return str(last.get("content", "") if last.get("role") == "assistant" else row.get("dao_reference", "")), task


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > 50 * MAX_INPUT_BYTES:
            raise InputError("the file is too large", where=str(path))
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=str(path), fix="check the path") from None


def _tasks_of(rows: Path, logged: Sequence[Logged]) -> dict[str, Task]:
    """Find the row behind each logged prompt: the trainer logs it with the chat template around it."""
    known: list[tuple[str, Task]] = []
    for number, line in enumerate(_read_text(rows).splitlines(), start=1):
        if line.strip():
            row = parse_row(line, where=f"{rows}:{number}")
            asked = [turn["content"] for turn in row.get("messages") or [] if turn.get("role") == "user"]
            known.append((asked[-1] if asked else "", read_task(row, where=f"{rows}:{number}")))
    tasks: dict[str, Task] = {}
    for prompt in {one.prompt for one in logged}:
        fitting = [(asked, task) for asked, task in known if asked and asked in prompt]
        if fitting:
            tasks[prompt] = max(fitting, key=lambda pair: len(pair[0]))[1]
    return tasks


def _write_scores(path: Path, logged: Sequence[Logged]) -> None:
    lines = (
        json.dumps(
            {"step": one.step, "prompt": one.prompt, "completion": one.completion, **one.values}, ensure_ascii=False
        )
        for one in logged
    )
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def _print_report(logged: Sequence[Logged], found: Sequence[ComponentReport]) -> None:
    groups = groups_of(logged)
    typer.echo(f"{len(logged)} completions in {len(groups)} groups; rewards now: {reward_version()}")
    typer.echo(f"{'reward':22} {'mean':>6} {'first':>6} {'last':>6} {'spread':>7} {'flat':>6} {'full':>6}")
    for one in found:
        shares = f"{one.group_spread:7.3f} {one.flat_groups:6.0%} {one.saturated:6.0%}"
        typer.echo(f"{one.metric:22} {one.mean:6.3f} {one.first:6.3f} {one.last:6.3f} {shares}")
    for left, right, value in correlations(logged)[:3]:
        typer.echo(f"correlation {left} ~ {right}: {value:+.2f}")
    for line in advice(found, void_shares(logged)):
        typer.echo(f"advice: {line}")


def _print_drift(before: Sequence[Logged], after: Sequence[Logged]) -> None:
    voided = set(cut_off(before, after))
    if voided:
        typer.echo(f"left out of the comparison: {len(voided)} completions that every reward of the run gave 0, though"
                   " their text earns more: most likely cut off at max_completion_length")  # fmt: skip
        before = [one for place, one in enumerate(before) if place not in voided]
        after = [one for place, one in enumerate(after) if place not in voided]
    if not before:
        return
    for metric, old, new, rank in compare(before, after):
        if abs(old - new) > 0.005 or rank < 0.999:
            typer.echo(f"changed since the run: {metric} {old:.3f} → {new:.3f}, rank correlation {rank:.3f}")


def _scores(analysis: Analysis) -> dict[str, object]:
    values = {reward.name: reward.score(analysis).value for reward in REWARDS}
    return {
        "version": reward_version(),
        "weighted": weighted(values),
        "values": values,
        "reasons": {
            reward.name: [_fields(reason) for reason in reward.score(analysis).reasons] for reward in COMPONENTS
        },
    }


def _fields(item: object) -> dict[str, object]:
    return {name: getattr(item, name) for name in item.__slots__}  # type: ignore[attr-defined]
