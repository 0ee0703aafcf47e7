"""The command line: `dao-agent`. Progress goes to stderr, results to stdout; `--json` prints one JSON object.

Exit codes are a contract (`proposal.errors`): 0 ok, 1 failure, 2 input or usage, 3 gate not met, 4 model or another
service unavailable, 5 integrity, 6 configuration, 130 interrupted.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from typer.core import TyperGroup

from data_prep.cli import data_app
from proposal.addresses import check_address
from proposal.brief import load_brief
from proposal.checks import run_checks
from proposal.checks.report import to_json, to_sarif, to_text
from proposal.checks.waivers import apply_waivers, load_waivers, standing
from proposal.draft import DraftRequest
from proposal.errors import AgentError, ConfigError, InputError
from proposal.evidence import load_evidence
from proposal.findings import blocks
from proposal.inputs import MAX_INPUT_BYTES
from proposal.template import Template, load_template, template_names
from proposal.verify import verify_bundle
from rewards.cli import reward_app
from serve.draft_folder import DraftFolder, load_draft
from serve.settings import load_settings

err = Console(stderr=True, highlight=False, soft_wrap=True)


class _Group(TyperGroup):
    """Turns our errors into text (or JSON) and exit codes, at the one place where a command ends."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except AgentError as error:
            _fail(error)
        except KeyboardInterrupt:
            err.print("interrupted")
            raise typer.Exit(130) from None


def _fail(error: AgentError) -> NoReturn:
    if _wants_json():
        typer.echo(json.dumps({"error": error.to_dict()}, ensure_ascii=False))
    err.print(f"error: {error}", style="red", markup=False)
    raise typer.Exit(error.exit_code)


def _wants_json() -> bool:
    return "--json" in sys.argv[1:]


app = typer.Typer(
    name="dao-agent",
    cls=_Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Drafts DAO proposals whose figures are backed by evidence, for a committee to review.",
)
serve_app = typer.Typer(no_args_is_help=True, help="Start the model host or the desk.")
template_app = typer.Typer(no_args_is_help=True, help="List and check proposal templates.")
app.add_typer(serve_app, name="serve")
app.add_typer(template_app, name="template")
app.add_typer(data_app, name="data")
app.add_typer(reward_app, name="reward")

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]


@app.callback()
def _root(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens, on stderr.")] = False,
) -> None:
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(name)s %(message)s")


@app.command()
def draft(
    brief: Annotated[Path, typer.Option(help="Brief, YAML or JSON.")],
    evidence: Annotated[Path, typer.Option(help="Evidence, YAML or JSON.")],
    template: Annotated[str, typer.Option(help="Template name or file; default: the brief's.")] = "",
    lang: Annotated[str, typer.Option(help="en or zh; default: the brief's.")] = "",
    out: Annotated[Path | None, typer.Option(help="Folder for the draft; default: drafts/<name of the brief>.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Draft a proposal. An interrupted draft is resumed by the same command.

    dao-agent draft --brief examples/creator-rebate/brief.yaml --evidence examples/creator-rebate/evidence.yaml
    """
    from serve.drafting import ModelDrafter
    from serve.progress import DraftProgress

    chosen = load_template(template) if template else None
    request = _request(brief, evidence, chosen, lang)
    folder = DraftFolder(out or Path("drafts") / _name_of(brief))
    done = folder.begin(request, chosen)
    drafter = ModelDrafter(load_settings(), template=chosen)
    with DraftProgress(err, folder) as progress:
        finished = drafter.draft(request, done=done, emit=progress.on_event)
    drafter.close()
    folder.finish(finished)
    counts = {level: sum(f.severity == level for f in finished.findings) for level in ("error", "warning", "info")}
    if as_json:
        typer.echo(json.dumps({"out": str(folder.path), "title": finished.title, "findings": counts}))
        return
    typer.echo(str(folder.path / "draft.md"))
    err.print(f"{finished.title}: {len(finished.claims)} claims, {counts['error']} errors, "
              f"{counts['warning']} warnings; findings in {folder.path / 'findings.json'}", markup=False)  # fmt: skip


@app.command("draft-items")
def draft_items_command(
    items: Annotated[Path, typer.Argument(help="DraftBench items, JSON Lines.")],
    out: Annotated[Path, typer.Option(help="File for the drafts, JSON Lines; an interrupted run goes on in it.")],
    line: Annotated[str, typer.Option(help="template, raw, grammar, screened or full.")] = "full",
    parallel: Annotated[int, typer.Option(min=1, max=64, help="Items drafted side by side.")] = 4,
) -> None:
    """Draft the items of DraftBench with one drafting line; recipes/evaluate.py scores the drafts.

    dao-agent draft-items runs/draftbench/items.jsonl --out runs/draftbench/full.jsonl
    """
    from data_prep.draftbench import read_items
    from serve.items import draft_items

    def progress(number: int, total: int, item: str, seconds: float) -> None:
        err.print(f"  {number}/{total} {item} ({seconds:.0f} s)", markup=False)

    count = draft_items(
        read_items(items), out, line=line, settings=load_settings(), parallel=parallel, on_draft=progress
    )
    typer.echo(f"{out}: {count} drafted now")


def _request(brief_path: Path, evidence_path: Path, template: Template | None, lang: str) -> DraftRequest:
    brief = load_brief(brief_path)
    changes: dict[str, str] = {}
    if template is not None:
        changes["template"] = template.name
    if lang:
        changes["language"] = _language(lang)
    items = load_evidence(evidence_path)
    return DraftRequest(brief=brief.model_copy(update=changes), evidence=tuple(items.values()))


def _language(lang: str) -> str:
    if lang not in {"en", "zh"}:
        raise InputError(f"'{lang}' is not a language of drafts", where="--lang", expected="en or zh")
    return lang


def _name_of(brief: Path) -> str:
    return brief.parent.name if brief.stem == "brief" and brief.parent.name else brief.stem


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="Proposal text, Markdown.")],
    template: Annotated[str, typer.Option(help="Template name or file.")] = "generic",
    evidence: Annotated[Path | None, typer.Option(help="Evidence that the text cites, YAML or JSON.")] = None,
    brief: Annotated[Path | None, typer.Option(help="Brief: its parameters need no citation.")] = None,
    lang: Annotated[str, typer.Option(help="en or zh; default: told from the text.")] = "",
    output: Annotated[str, typer.Option("--format", help="text, json or sarif.")] = "text",
    waivers: Annotated[
        Path | None, typer.Option(help="Waivers, YAML or JSON: who lets which finding stand, and why.")
    ] = None,
) -> None:
    """Check any proposal text; exits with 3 when a finding blocks.

    dao-agent check drafts/creator-rebate/draft.md --evidence examples/creator-rebate/evidence.yaml
    """
    formats = ("text", "json", "sarif")
    if output not in formats:
        raise InputError(f"'{output}' is not a format", where="--format", expected=", ".join(formats))
    text = _read_text(file)
    chosen = load_template(template)
    found = run_checks(
        text,
        template=chosen,
        language=_language(lang) if lang else None,  # type: ignore[arg-type]
        evidence=load_evidence(evidence) if evidence else None,
        brief=load_brief(brief) if brief else None,
    )
    given = load_waivers(waivers) if waivers else ()
    findings = apply_waivers(found, given, overridable=chosen.review.overridable)
    if output == "text":
        typer.echo(to_text(findings, file=str(file)), nl=False)
    else:
        report = (
            to_json(findings, file=str(file)) if output == "json" else to_sarif(findings, file=str(file), text=text)
        )
        typer.echo(json.dumps(report, ensure_ascii=False, indent=2))
    if blocks(standing(findings)):
        raise typer.Exit(3)


def _read_text(file: Path) -> str:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(file)) from None
    if len(data) > MAX_INPUT_BYTES:
        raise InputError(f"the file has {len(data):,} bytes", where=str(file), expected=f"at most {MAX_INPUT_BYTES:,}")
    if not data.strip():
        raise InputError("the file is empty", where=str(file), expected="Markdown text")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 text (byte {error.start})", where=str(file)) from None


@app.command()
def export(
    draft: Annotated[Path, typer.Argument(help="Draft folder, or its draft.json.")],
    options: Annotated[
        Path | None, typer.Option(help="Venues and their options, YAML or JSON; default: Markdown only.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path("export"),
) -> None:
    """Write a draft in the formats of the venues, marked as not approved; nothing is sent anywhere.

    dao-agent export drafts/creator-rebate --out export
    """
    from serve.exporting import export_draft

    for line in export_draft(
        load_draft(draft), options=options, out=out, folder=draft if draft.is_dir() else draft.parent
    ):
        typer.echo(line)


@app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(help="Bundle, a folder or a .zip.")],
    account: Annotated[
        list[str] | None,
        typer.Option(help="An account of the committee, 0x…; then only approvals signed by these count. Repeat."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Check an export bundle again: hashes, citations, figures, approvals and signatures, without model, network or
    database.

    dao-agent verify proposal-bundle.zip --account 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed
    """
    report = verify_bundle(bundle, accounts=[_account(one) for one in account or []])
    if as_json:
        problems = [problem.model_dump(mode="json") for problem in report.problems]
        approvals = {"signed_by": report.signed_by, "unsigned": report.unsigned}
        found = {"ok": report.ok, "root": report.root, "approvals": approvals, "problems": problems}
        typer.echo(json.dumps(found, ensure_ascii=False))
    else:
        for problem in report.problems:
            typer.echo(str(problem))
    report.require(str(bundle))
    if not as_json:
        typer.echo(report.vouching())
        typer.echo(f"{bundle}: whole; root {report.root}")


def _account(text: str) -> str:
    try:
        return check_address(text)
    except ValueError as error:
        raise InputError(str(error), where="--account", expected="an address, 0x and 40 digits") from None


@data_app.command("reviews")
def data_reviews(
    out: Annotated[Path, typer.Option(help="The .jsonl file to write.")] = Path("reviews.jsonl"),
    as_json: JsonFlag = False,
) -> None:
    """Write what the committee decided as training data: drafts with their reviews, people by pseudonym.

    dao-agent data reviews --out reviews.jsonl
    """
    from serve.review_export import write_reviews
    from serve.store import Store

    store = Store.open(load_settings().database)
    try:
        count = write_reviews(store, out)
    finally:
        store.close()
    typer.echo(json.dumps({"out": str(out), "rows": count}) if as_json else f"{out}: {count} reviewed versions")


@serve_app.command("model")
def serve_model(
    model: Annotated[Path | None, typer.Option(help="Model folder; default: the embedded model, fetched once.")] = None,
    base: Annotated[bool, typer.Option("--base", help="The embedded model without our adapter, to compare.")] = False,
    port: Annotated[int, typer.Option(help="Port on loopback.")] = 8100,
) -> None:
    """Start vLLM on loopback and keep it in the foreground until Ctrl-C.

    dao-agent serve model --port 8100
    """
    from serve.vllm_host import run_foreground

    if base and model:
        raise typer.BadParameter("name a folder or --base, not both", param_hint="--model")
    settings = load_settings()
    raise typer.Exit(run_foreground(settings, model=model, base=base, port=port, report=_report))


@serve_app.command("desk")
def serve_desk(
    port: Annotated[int | None, typer.Option(help="Port; default: DAO_GATEWAY_PORT or 8080.")] = None,
    reviewer: Annotated[
        list[str] | None,
        typer.Option(help="A reviewer to print a one-time link for, NAME or NAME=0x… (wallet); repeat."),
    ] = None,
) -> None:
    """Start the gateway and the review desk until Ctrl-C; prints a one-time sign-in link for each reviewer.

    dao-agent serve desk --reviewer ada --reviewer grace=0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed
    """
    from serve.app import run_gateway
    from serve.drafting import ModelDrafter

    settings = load_settings()
    run_gateway(settings, drafter=ModelDrafter(settings), reviewers=reviewer or [], port=port, announce=_report)


@app.command()
def doctor(as_json: JsonFlag = False) -> None:
    """Check this installation: Python, SQLite, folders, disk, port, model environment and endpoint."""
    from serve.doctor import examine

    report = examine(load_settings())
    if as_json:
        typer.echo(json.dumps([check.to_dict() for check in report], ensure_ascii=False))
    else:
        for item in report:
            typer.echo(item.line())
    if any(item.verdict == "bad" for item in report):
        raise ConfigError("the installation has problems", fix="see the lines marked 'bad' above")


@app.command()
def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Stop when the draft is done instead of waiting for Ctrl-C.")
    ] = False,
) -> None:
    """Fetch the embedded model, start vLLM and the desk on loopback, and draft the sample brief."""
    from serve.demo import run_demo

    run_demo(load_settings(), once=once, report=_report)


@template_app.command("list")
def template_list() -> None:
    """List the built-in templates."""
    for name in template_names():
        template = load_template(name)
        typer.echo(f"{name:<28} {template.version:<6} {template.about.en}")


@template_app.command("lint")
def template_lint(file: Annotated[Path, typer.Argument(help="Template file, YAML.")]) -> None:
    """Tell what is wrong with a template file; exits with 6 when something is.

    dao-agent template lint my-dao.yaml
    """
    from proposal.template import lint_template

    problems = lint_template(file)
    for problem in problems:
        typer.echo(str(problem))
    if problems:
        raise ConfigError(f"{len(problems)} problems", where=str(file), fix="mend the lines above")
    typer.echo(f"{file}: no problem found")


def _report(line: str) -> None:
    err.print(line, markup=False)


def main() -> None:
    """Run the command line."""
    app()
