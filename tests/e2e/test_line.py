"""The whole line on real parts: the embedded model on vLLM, the gateway, a draft of every sample."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from proposal.draft import Draft
from proposal.slots import MARK, SLOT
from serve.demo import Line, draft_sample, running_line
from serve.reviews import Vote
from serve.settings import Settings
from serve.store import Reviewer

ROOT = Path(__file__).parents[2]
SAMPLES = sorted(folder.name for folder in (ROOT / "examples").iterdir() if folder.is_dir())

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"), gateway_port=0)
    with running_line(settings, lambda _: None) as running:
        yield running


@pytest.fixture(scope="module")
def stored(line: Line) -> dict[str, tuple[str, Draft]]:
    return {name: draft_sample(line, name) for name in SAMPLES}


@pytest.fixture(scope="module")
def drafts(stored: dict[str, tuple[str, Draft]]) -> dict[str, Draft]:
    return {name: draft for name, (_, draft) in stored.items()}


@pytest.mark.parametrize("name", SAMPLES)
def test_no_figure_differs_from_its_evidence_and_no_citation_dangles(drafts: dict[str, Draft], name: str) -> None:
    draft = drafts[name]
    assert len(draft.claims) >= 10
    assert [claim.reason for claim in draft.claims if claim.verdict != "supported"] == []
    known = {item.id for item in draft.evidence}
    assert set(re.findall(r"\[(E[0-9]+)\]", draft.text)) == known


@pytest.mark.parametrize("name", SAMPLES)
def test_the_model_wrote_no_digit(drafts: dict[str, Draft], name: str) -> None:
    draft = drafts[name]
    for section in draft.sections:
        if section.writer == "model":
            own = section.slotted.split("\n\n|")[0].replace(draft.brief.ask, "").replace(draft.brief.background, "")
            for note in draft.brief.notes.values():
                own = own.replace(note, "")
            assert not re.search(r"[0-9]", MARK.sub("", SLOT.sub("", own))), section.key


def test_english_sections_are_written_by_the_model(drafts: dict[str, Draft]) -> None:
    for draft in drafts.values():
        tokens = sum(section.tokens for section in draft.sections)
        assert (tokens > 100) == (draft.language == "en")


@pytest.mark.parametrize("name", SAMPLES)
def test_every_draft_has_its_template_whole_and_a_manifest(drafts: dict[str, Draft], name: str) -> None:
    draft = drafts[name]
    headings = re.findall(r"^## (.+)$", draft.text, re.MULTILINE)
    assert headings == [section.heading for section in draft.sections]
    manifest = draft.manifest
    assert manifest.model.startswith("smollm2-135m-dao")
    for value in (manifest.model_hash.removeprefix("sha256:"), manifest.prompt_hash, manifest.template_hash,
                  manifest.rules_hash, manifest.evidence_hash, manifest.text_hash):  # fmt: skip
        assert re.fullmatch(r"[0-9a-f]{64}", value)


@pytest.mark.parametrize("name", SAMPLES)
def test_only_gaps_that_a_person_must_fill_block_a_sample(drafts: dict[str, Draft], name: str) -> None:
    blocking = {finding.rule for finding in drafts[name].findings if finding.severity == "error"}
    assert blocking <= {"ST-placeholder"}


def test_an_approved_draft_leaves_as_a_bundle_that_verifies_and_a_changed_one_does_not(
    line: Line, stored: dict[str, tuple[str, Draft]], tmp_path: Path
) -> None:
    draft_id, draft = stored["creator-rebate"]
    address = f"{line.gateway.url}/v1/drafts/{draft_id}/bundle.zip"
    headers = {"authorization": f"Bearer {line.gateway.api_token}"}
    assert httpx2.get(address, headers=headers, trust_env=False).status_code == 409
    for name in ("ada", "grace"):
        line.gateway.services.reviews.decide(draft_id, Reviewer(name, name), Vote(verdict="approve", seen_version=1))
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(httpx2.get(address, headers=headers, trust_env=False).content)
    assert verify(bundle).returncode == 0, verify(bundle).stderr
    folder = tmp_path / "bundle"
    shutil.unpack_archive(bundle, folder)
    assert verify(folder).returncode == 0
    text = (folder / "proposal.md").read_text(encoding="utf-8")
    figure = draft.claims[0].figures[0]
    (folder / "proposal.md").write_text(text.replace(figure, "9" + figure, 1), encoding="utf-8", newline="\n")
    changed = verify(folder)
    assert changed.returncode == 5
    assert figure in changed.stdout + changed.stderr


def verify(bundle: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "serve", "verify", str(bundle)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_gateway_answers_for_the_model_too(line: Line) -> None:
    answer = httpx2.get(f"{line.gateway.url}/healthz", trust_env=False)
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"


def test_ctrl_c_ends_every_process_that_the_demo_started(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "DAO_DATA_DIR": str(tmp_path), "DAO_GATEWAY_PORT": str(port)}
    log = tmp_path / "log"
    with log.open("w", encoding="utf-8") as out:
        demo = subprocess.Popen([sys.executable, "-m", "serve", "demo"], cwd=ROOT, env=environment, stdout=out,
                                stderr=subprocess.STDOUT, start_new_session=True)  # fmt: skip
    deadline = time.monotonic() + 300
    while "[3/4]" not in log.read_text(encoding="utf-8"):
        assert demo.poll() is None, log.read_text(encoding="utf-8")
        assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
        time.sleep(0.5)
    started = [part.split()[0] for part in children_of(demo.pid)]
    assert started
    demo.send_signal(signal.SIGINT)
    assert demo.wait(timeout=60) == 130
    time.sleep(1)
    alive = [pid for pid in started if Path(f"/proc/{pid}").exists() and "zombie" not in status_of(pid)]
    assert alive == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def children_of(pid: int) -> list[str]:
    """List the whole tree below a process, as `pid command` lines."""
    listing = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listing.splitlines()[1:]]
    family = {str(pid)}
    for _ in range(len(rows)):
        grown = {row[0] for row in rows if row[1] in family} - family
        if not grown:
            break
        family |= grown
    return [f"{row[0]} {row[2]}" for row in rows if row[0] in family and row[0] != str(pid)]


def status_of(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return "zombie"
