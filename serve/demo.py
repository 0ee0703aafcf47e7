"""`dao-agent demo`: the whole line on one laptop, with the embedded model.

It runs what a user runs and nothing else: the model files are fetched once, vLLM and the gateway start on loopback, the
sample brief goes in through the gateway's API, and the draft is read back from it. Every process that it started ends
with it, also on Ctrl-C.
"""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from proposal.brief import load_brief
from proposal.draft import Draft, DraftRequest
from proposal.evidence import load_evidence
from serve.aligned_model import ensure_aligned_model
from serve.app import Gateway, start_gateway
from serve.client import GatewayClient
from serve.drafting import ModelDrafter
from serve.progress import DraftProgress
from serve.settings import Settings
from serve.vllm_host import ModelHost

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SAMPLE = "creator-rebate"
REVIEWERS = ("ada", "grace", "lin")

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Line:
    """The running line: where the model and the gateway answer."""

    settings: Settings
    gateway: Gateway


@contextmanager
def running_line(settings: Settings, report: Report) -> Iterator[Line]:
    """Start model and gateway on loopback and stop both at the end."""
    with ExitStack() as stack:
        report("[1/4] model files")
        folder = ensure_aligned_model(settings.cache_dir, python=settings.engine_python, report=report)
        report("[2/4] vLLM (about half a minute on a CPU)")
        host = stack.enter_context(ModelHost(folder, settings=settings, report=report))
        host.wait_ready()
        report("[3/4] gateway and desk")
        settings = settings.model_copy(
            update={"model_url": host.url, "model_name": "", "data_dir": settings.data_dir / "demo"}
        )
        drafter = ModelDrafter(settings)
        stack.callback(drafter.close)
        yield Line(settings, stack.enter_context(_gateway(settings, drafter)))


def _gateway(settings: Settings, drafter: ModelDrafter) -> Gateway:
    """Make the gateway on its usual port, or on a free one when something else listens there."""
    with socket.socket() as probe:
        busy = probe.connect_ex((settings.gateway_host, settings.gateway_port)) == 0
    return start_gateway(settings, drafter=drafter, reviewers=list(REVIEWERS), port=0 if busy else None)


def run_demo(settings: Settings, *, once: bool, report: Report) -> None:
    """Run the line, draft the sample and show it; without `once`, wait for Ctrl-C."""
    started = time.monotonic()
    with running_line(settings, report) as line:
        report("[4/4] drafting " + SAMPLE)
        draft_id, draft = draft_sample(line, SAMPLE)
        _show(draft, draft_id, line, report)
        report(f"from start to finished draft: {time.monotonic() - started:.0f} s")
        if not once:
            report("Ctrl-C stops everything.")
            signal.pause()


def draft_sample(line: Line, name: str) -> tuple[str, Draft]:
    """Draft one of the samples through the gateway's API, as any client would."""
    folder = EXAMPLES / name
    request = DraftRequest(
        brief=load_brief(folder / "brief.yaml"), evidence=tuple(load_evidence(folder / "evidence.yaml").values())
    )
    client = GatewayClient(line.gateway.url, token=line.gateway.api_token)
    with DraftProgress(Console(stderr=True), folder=None) as progress:
        draft_id = client.submit(request)
        client.follow(draft_id, progress.on_event)
    return draft_id, client.draft(draft_id)


def _show(draft: Draft, draft_id: str, line: Line, report: Report) -> None:
    console = Console()
    console.print(draft.text, markup=False, highlight=False, soft_wrap=True)
    report(f"What the checks found ({len(draft.findings)}):")
    for finding in draft.findings:
        report(f"  {finding.severity:<8} {finding.rule:<22} line {finding.line}: {finding.message}")
    page = f"{line.gateway.url}/drafts/{draft_id}"
    report(f"The draft on the desk: {page}")
    for name, link in line.gateway.sign_in_links.items():
        report(f"  sign in once as {name}: {link}")
    report("Draft your own: dao-agent draft --brief BRIEF.yaml --evidence EVIDENCE.yaml "
           f"(with DAO_MODEL_URL={line.settings.model_url})")  # fmt: skip
