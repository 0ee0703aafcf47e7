"""The release bundle: the proposal, its venue files, evidence, findings, review and a manifest.

Every file is a pure function of four things that the bundle itself holds: the draft, its review,
its template and the venue options. The offline verifier therefore builds the whole bundle again and
compares byte for byte, so that nothing in it can be changed alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from proposal.checks.waivers import WaivedFinding, Waiver, standing
from proposal.decisions import FIRST_PREVIOUS_HASH, Decision, QuorumState, Review, Subject, approving, signers
from proposal.draft import Draft, DraftManifest
from proposal.errors import GateError
from proposal.exports.anticapture import AnticaptureOptions, to_anticapture
from proposal.exports.aragon import AragonOptions, to_aragon
from proposal.exports.cardano import CardanoOptions, to_cardano
from proposal.exports.cosmos import CosmosOptions, to_cosmos
from proposal.exports.daoip import DaoipOptions, to_daoip
from proposal.exports.discourse import DiscourseOptions, to_discourse
from proposal.exports.github import GithubOptions, to_github
from proposal.exports.governor import GovernorOptions, to_governor
from proposal.exports.markdown import MarkdownOptions, to_markdown
from proposal.exports.result import Export, ExportProblem, json_file
from proposal.exports.snapshot import SnapshotOptions, to_snapshot
from proposal.exports.text import model_of, reviewed, title_of, visible
from proposal.findings import Severity
from proposal.hashing import canonical_json
from proposal.inputs import read_structured, validate
from proposal.template import Template

FORMAT = "dao-agent-bundle/2"
"""Changes with every change to the bytes of any file; a verifier refuses a format it does not
build.
"""

MANIFEST = "manifest.json"


class VenueOptions(BaseModel):
    """Which venues to export for, each with its settings; Markdown is always there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    markdown: MarkdownOptions = MarkdownOptions()
    snapshot: SnapshotOptions | None = None
    governor: GovernorOptions | None = None
    anticapture: AnticaptureOptions | None = None
    discourse: DiscourseOptions | None = None
    daoip: DaoipOptions | None = None
    aragon: AragonOptions | None = None
    cosmos: CosmosOptions | None = None
    cardano: CardanoOptions | None = None
    github: GithubOptions | None = None


def load_venue_options(path: Path) -> VenueOptions:
    """Read venue options from YAML or JSON; every mistake is named with its field."""
    return validate(VenueOptions, read_structured(path), where=str(path))


class FileRecord(BaseModel):
    """One file as the manifest lists it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    bytes: int


class BundleManifest(BaseModel):
    """`manifest.json`: what the bundle holds and what it was made from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["dao-agent-bundle/2"]
    subject: Subject
    last_decision: str
    made_with: DraftManifest
    options: VenueOptions
    left_out: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    files: dict[str, FileRecord]


def gate_problems(draft: Draft, review: Review) -> Iterator[ExportProblem]:
    """Yield what forbids an export: no quorum, a blocking finding."""
    for reason in review.state(draft).reasons:
        yield ExportProblem(rule="GATE-quorum", severity="error", message=reason, where="review")
    for finding in standing(review.findings(draft)):
        if finding.severity == "error":
            yield ExportProblem(rule=finding.rule, severity="error", message=finding.message,
                                where=f"line {finding.line}")  # fmt: skip


def require_gate(draft: Draft, review: Review) -> None:
    """Raise `GateError` unless the draft may leave the house."""
    problems = list(gate_problems(draft, review))
    if problems:
        shown = "; ".join(f"{one.rule}: {one.message}" for one in problems[:5])
        more = f" (and {len(problems) - 5} more)" if len(problems) > 5 else ""
        raise GateError(f"the draft may not be exported: {shown}{more}", where=review.draft_id,
                        expected="a quorum of approvals of this text and no blocking finding",
                        fix="mend the text or ask the reviewers, then export again")  # fmt: skip


def to_bundle(draft: Draft, review: Review, *, template: Template, options: VenueOptions) -> Export:
    """Return every file of the bundle; raise `GateError` when the draft may not be exported."""
    require_gate(draft, review)
    return build_files(draft, review, template=template, options=options)


def build_files(
    draft: Draft,
    review: Review,
    *,
    template: Template,
    options: VenueOptions,
    left_out: Mapping[str, tuple[str, ...]] | None = None,
) -> Export:
    """Build the files without asking the gate: what the verifier compares a bundle with.

    A venue with a blocking problem is left out whole and named in the manifest. `left_out` takes
    that choice from a finished bundle instead: limits change, and an old bundle stays what it was.
    """
    files = _records(draft, review, template)
    problems: list[ExportProblem] = []
    skipped = dict(left_out or {})
    for export in venue_exports(draft, review, template=template, options=options):
        problems += export.problems
        if left_out is None and export.blocked and export.venue != "markdown":
            errors = [one.message for one in export.problems if one.severity == "error"]
            skipped[export.venue] = tuple(errors)
        if export.venue not in skipped:
            files.update(export.files)
    files["STATEMENT.txt"] = statement_file(draft, review, sorted(skipped))
    files[MANIFEST] = _manifest(draft, review, options, skipped, files)
    return Export("bundle", files, tuple(problems))


def _records(draft: Draft, review: Review, template: Template) -> dict[str, bytes]:
    """Return what the venue files are made from; each has one canonical form."""
    lines = "".join(canonical_json(item) + "\n" for item in draft.evidence)
    return {
        "draft.json": model_file(draft),
        "review.json": model_file(review),
        "template.json": model_file(template),
        "findings.json": json_file([one.model_dump(mode="json") for one in review.findings(draft)]),
        "evidence.jsonl": lines.encode("utf-8"),
    }


def model_file(model: BaseModel) -> bytes:
    """Return the one form in which a model stands in a bundle."""
    return json_file(model.model_dump(mode="json"))


def venue_exports(draft: Draft, review: Review, *, template: Template, options: VenueOptions) -> Iterator[Export]:
    """Yield the export of every venue that the options name, Markdown first."""
    yield to_markdown(draft, review, template=template, options=options.markdown)
    if options.snapshot:
        yield to_snapshot(draft, review, template=template, options=options.snapshot)
    if options.governor:
        yield to_governor(draft, review, template=template, options=options.governor)
    if options.anticapture:
        yield to_anticapture(draft, review, template=template)
    if options.discourse:
        yield to_discourse(draft, review, template=template, options=options.discourse)
    if options.daoip:
        yield to_daoip(draft, review, options=options.daoip)
    if options.aragon:
        yield to_aragon(draft, review, template=template)
    if options.cosmos:
        yield to_cosmos(draft, review, template=template, options=options.cosmos)
    if options.cardano:
        yield to_cardano(draft, review, template=template, options=options.cardano)
    if options.github:
        yield to_github(draft, review, template=template, options=options.github, markdown=options.markdown)


def _manifest(
    draft: Draft,
    review: Review,
    options: VenueOptions,
    left_out: dict[str, tuple[str, ...]],
    files: dict[str, bytes],
) -> bytes:
    manifest = BundleManifest(
        format=FORMAT,
        subject=review.subject(draft),
        last_decision=review.decisions[-1].hash if review.decisions else FIRST_PREVIOUS_HASH,
        made_with=draft.manifest,
        options=options,
        left_out=left_out,
        files={name: file_record(files[name]) for name in sorted(files)},
    )
    return model_file(manifest)


def file_record(data: bytes) -> FileRecord:
    """Return the hash and size of a file."""
    return FileRecord(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))


def statement_file(draft: Draft, review: Review, left_out: list[str]) -> bytes:
    """Return `STATEMENT.txt`: how the text was made, in words for a person without this
    software.
    """
    writer = _chinese if draft.language == "zh" else _english
    return ("\n".join(writer(draft, review, left_out)) + "\n").encode("utf-8")


def _english(draft: Draft, review: Review, left_out: list[str]) -> list[str]:
    manifest, state = draft.manifest, review.state(draft)
    return [
        f"How “{title_of(draft)}” was made",
        "",
        f"Drafted with AI: {visible(model_of(draft))}.",
        f"Template {manifest.template} {manifest.template_version}, prompt {manifest.prompt_hash}.",
        f"Figures were taken by software from {len(draft.evidence)} evidence items and the "
        "proposer's brief; a sentence with a figure of the evidence cites it.",
        f"{reviewed(draft, state)} Needed: {_needed(review)}.",
        _signed_english(state),
        *[f"{visible(one.reviewer)} decided '{one.verdict}': {visible(one.reason)}"
          for one in _others(state)],
        f"Checks: {_count(draft, review, 'error')} blocking findings, {_count(draft, review, 'warning')} warnings "
        "(findings.json).",
        *[f"{visible(one.by)} let a finding of {one.rule} stand: {visible(one.reason)}"
          for one in _used(draft, review)],
        *([f"Left out because a limit was not met: {', '.join(left_out)} (manifest.json)."]
          if left_out else []),
        "Not submitted on-chain. The software that made this bundle holds no key, signs nothing "
        "and submits nothing.",
        "",
        *_hashes(draft, review, ("Text      sha256", "Evidence  sha256", "Context   sha256")),
        "",
        "Check it without us, the model or the network: dao-agent verify FOLDER",
    ]  # fmt: skip


def _chinese(draft: Draft, review: Review, left_out: list[str]) -> list[str]:
    manifest, state = draft.manifest, review.state(draft)
    return [
        f"“{title_of(draft)}”如何产生",
        "",
        f"由人工智能协助起草：{visible(model_of(draft))}。",
        f"模板 {manifest.template} {manifest.template_version}，提示词 {manifest.prompt_hash}。",
        f"文中数字由软件取自{len(draft.evidence)}项证据与提案人的提案要点；"
        "取自证据的数字，其句中均注明证据。",
        f"{reviewed(draft, state)}要求：{_needed(review)}。",
        _signed_chinese(state),
        *[f"{visible(one.reviewer)} 的决定为“{one.verdict}”：{visible(one.reason)}"
          for one in _others(state)],
        f"检查：{_count(draft, review, 'error')}项阻断性问题，{_count(draft, review, 'warning')}项警告"
        "（findings.json）。",
        *[f"{visible(one.by)} 允许保留 {one.rule} 的一项问题：{visible(one.reason)}" for one in _used(draft, review)],
        *([f"因不符合限制而未导出：{'、'.join(left_out)}（manifest.json）。"] if left_out else []),
        "未提交上链。生成本文件包的软件不持有密钥，不签名，也不提交任何内容。",
        "",
        *_hashes(draft, review, ("正文  sha256", "证据  sha256", "背景  sha256")),
        "",
        "无需我们、模型或网络即可核验：dao-agent verify 文件夹",
    ]  # fmt: skip


def _signed_english(state: QuorumState) -> str:
    accounts = [f"{visible(one.reviewer)} {account}" for one, account in signers(state)]
    if not accounts:
        return "Approvals are unsigned: vouched for by the desk's log only."
    rest = len(approving(state)) - len(accounts)
    others = f" {rest} more unsigned: vouched for by the desk's log only." if rest else ""
    return (f"Approvals signed by wallet (EIP-712): {'; '.join(accounts)}.{others} Compare these accounts with those "
            "that the committee published.")  # fmt: skip


def _signed_chinese(state: QuorumState) -> str:
    accounts = [f"{visible(one.reviewer)} {account}" for one, account in signers(state)]
    if not accounts:
        return "批准未经签名：仅以工作台的记录为凭。"
    rest = len(approving(state)) - len(accounts)
    others = f"另有{rest}票未经签名：仅以工作台的记录为凭。" if rest else ""
    return f"以钱包签名（EIP-712）批准：{'；'.join(accounts)}。{others}请与委员会公布的账户核对。"


def _needed(review: Review) -> str:
    return f"{review.profile.approvals}/{review.profile.seats}"


def _others(state: QuorumState) -> list[Decision]:
    return [one for one in state.standing if one.verdict != "approve"]


def _count(draft: Draft, review: Review, severity: Severity) -> int:
    return sum(one.severity == severity for one in standing(review.findings(draft)))


def _used(draft: Draft, review: Review) -> list[Waiver]:
    """Return the waivers that let a finding stand, each once."""
    waived = [one for one in review.findings(draft) if isinstance(one, WaivedFinding)]
    return list(dict.fromkeys(waiver for one in waived for waiver in one.waivers))


def _hashes(draft: Draft, review: Review, labels: tuple[str, str, str]) -> list[str]:
    subject = review.subject(draft)
    hashes = (subject.text_hash, subject.evidence_hash, subject.context_hash)
    return [f"{label} {value}" for label, value in zip(labels, hashes, strict=True)]
