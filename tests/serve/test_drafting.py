"""Drafting on a scripted endpoint: what the server does with what a model writes, and when it stops writing."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from proposal.brief import load_brief
from proposal.draft import DraftRequest, SectionDraft
from proposal.errors import ConflictError, InputError, UpstreamError
from proposal.evidence import load_evidence
from proposal.slots import MARK, SLOT
from serve.draft_folder import DraftFolder, load_draft
from serve.drafting import ModelDrafter
from serve.events import DraftEvent
from serve.llm import ChatModel
from serve.settings import Settings
from tests.sampling import each
from tests.serve.builders import a_draft
from tests.serve.scripted_endpoint import ScriptedEndpoint

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "creator-rebate"
PLAIN = "The proposal keeps the rules of the earlier programme and adds a report at the end of each month."


def request(**changes: Any) -> DraftRequest:
    brief = load_brief(EXAMPLE / "brief.yaml").model_copy(update=changes)
    return DraftRequest(brief=brief, evidence=tuple(load_evidence(EXAMPLE / "evidence.yaml").values()))


def settings(endpoint: ScriptedEndpoint, **changes: Any) -> Settings:
    return Settings(model_url=endpoint.url, model_timeout=30, **changes)


def draft(endpoint: ScriptedEndpoint, req: DraftRequest, done: dict[str, SectionDraft] | None = None, **changes: Any):  # type: ignore[no-untyped-def]
    events: list[DraftEvent] = []
    drafter = ModelDrafter(settings(endpoint, **changes))
    return drafter.draft(req, done=done or {}, emit=events.append), events


def test_every_figure_is_supported_and_every_item_is_cited_whatever_the_model_writes() -> None:
    with ScriptedEndpoint(lambda _: PLAIN) as endpoint:
        result, _ = draft(endpoint, request())
    assert result.claims
    assert [claim for claim in result.claims if claim.verdict != "supported"] == []
    cited = {item_id for claim in result.claims for item_id in claim.cites}
    assert cited == {item.id for item in result.evidence}


def test_a_sentence_that_the_checks_refuse_is_written_again() -> None:
    def script(body: dict[str, Any]) -> str:
        again = "Write other sentences" in body["messages"][-1]["content"]
        return (
            PLAIN
            if again
            else "The proposal is a no-brainer that guarantees risk-free returns to every member of the DAO."
        )

    with ScriptedEndpoint(script) as endpoint:
        result, _ = draft(endpoint, request())
    assert "no-brainer" not in result.text
    assert PLAIN in result.text
    assert all(section.attempts == 2 for section in result.sections if section.writer == "model")


def test_a_section_that_is_long_enough_is_not_written_a_third_time() -> None:
    """What fails twice seldom passes the third time; a section without its length is worth another try."""
    refused = "The proposal is a no-brainer that guarantees risk-free returns to every member of the DAO."
    long = (
        f"{PLAIN} Creators could buy their own work through other wallets to collect the rebate. The treasury bears the"
        " cost even if the listings do not recover. Unspent funds return to the treasury after the final report."
        " A smaller rebate ran in the spring and was reported on to the members."
    )
    attempts = {}
    for name, text in (("long", f"{long} {refused}"), ("short", refused)):
        with ScriptedEndpoint(lambda _, text=text: text) as endpoint:
            result, _ = draft(endpoint, request())
        attempts[name] = next(section.attempts for section in result.sections if section.key == "risks")
    assert attempts == {"long": 2, "short": 3}


NEVER_PASSING = [
    "The budget is forty-five thousand dollars and will be paid to the creators over the season.",
    "The treasury paid 99,999 USDC for the earlier rebate according to the report of the office.",
    "You can now write your own proposal with the help of this text.",
    "The programme programme programme programme is for the members of the DAO.",
    "The report is due in the middle of January of the year that comes.",
    "An alternative problema dei prodotto di lumiare e conoscerto iregion delle guerra sia.",
    "The proposal describes the rules of the programme and the.",
    "The sales came to {{E99.sales}} in the quarter that the report covers.",
    "Rebates are paid on sales to wallets of other people, or {{P.budget_checks}} to the treasury.",
    "The total budget of {{P.budget_total}} is a total budget of {{P.budget_total}}.",
    "A bad shortfall of pensions has now been confirmed by the regulator of the insurers.",
    "The programme has been published on {{P.start_date}} in the report.",
    "The marketplace is consistently leading the creator economy by pioneering sales of creators.",
    "Rebates are paid on sales to wallets that are not linked or {{P.budget_total}} to the creators.",
    "The share of voting power for the spring rebate will be {{E5.share_for}}.",
    "The creators who signed the request.",
    "This change from creator sales in the second quarter to creator sales in the third quarter.",
    "The programme covers the rebates paid to creators {{P.budget_rebates}}.",
    "The rebates to creators {{P.budget_rebates}} will be paid from the treasury of the DAO.",
]

GOVERNED = [
    "The rebates paid to creators cost {{P.budget_rebates}}.",
    "In the second quarter {{E2.active_q2}} listed new work on the marketplace.",
    "Creators who signed the request ({{E4.supporters}}) asked for a rebate.",
]


@pytest.mark.parametrize("sentence", each(NEVER_PASSING, fast=4))
def test_a_sentence_that_never_passes_is_left_out_and_recorded(sentence: str) -> None:
    with ScriptedEndpoint(lambda _: sentence) as endpoint:
        result, _ = draft(endpoint, request())
    assert sentence not in result.text
    assert any(sentence in section.removed for section in result.sections)


@pytest.mark.parametrize("sentence", GOVERNED)
def test_a_figure_behind_a_verb_or_before_what_it_measures_may_stand(sentence: str) -> None:
    with ScriptedEndpoint(lambda _: sentence) as endpoint:
        result, _ = draft(endpoint, request())
    assert sentence.partition("{{")[0].strip() in result.text


def test_how_many_figures_a_sentence_may_have_is_told_of_the_model() -> None:
    both = "Active creators fell from {{E2.active_q2}} to {{E2.active_q3}} in a quarter."
    with ScriptedEndpoint(lambda _: both) as endpoint:
        by_a_tiny_model, _ = draft(endpoint, request())
        by_a_model_that_can, _ = draft(endpoint, request(), model_figures=0)
    assert "Active creators fell from" in by_a_model_that_can.text
    assert "Active creators fell from" not in by_a_tiny_model.text


def test_a_reply_that_was_cut_off_loses_its_last_sentence_only() -> None:
    with ScriptedEndpoint(lambda _: PLAIN + " The rest of this", finish="length") as endpoint:
        result, _ = draft(endpoint, request())
    assert PLAIN in result.text
    assert "The rest of this" not in result.text


def test_slots_of_a_trained_model_are_filled_and_cited() -> None:
    sentence = "Creator sales came to {{E1.sales_q3}} in the third quarter."
    with ScriptedEndpoint(lambda _: sentence) as endpoint:
        result, _ = draft(endpoint, request())
        assert all("response_format" in body for body in endpoint.requests)
    assert re.search(r"Creator sales came to [0-9,]+ USDC in the third quarter \[E1\]\.", result.text)


def test_a_sentence_with_other_endings_is_the_same_sentence() -> None:
    both = ("The treasury bears the cost even if the listing does not recover."
            " The treasury bears the cost even if listings do not recover.")  # fmt: skip
    with ScriptedEndpoint(lambda _: both) as endpoint:
        result, _ = draft(endpoint, request())
    risks = next(section for section in result.sections if section.key == "risks")
    assert risks.text.count("bears the cost") == 1


def test_the_first_section_begins_with_the_ask_in_the_authors_words_and_no_model_says_it_again() -> None:
    garbled = ("This will be approved by a rebate of part of the marketplace fee to creators for a limited time, paid"
               " from the treasury up to a fixed budget.")  # fmt: skip
    req = request()
    with ScriptedEndpoint(lambda _: f"{garbled} {PLAIN}") as endpoint:
        result, _ = draft(endpoint, req)
    first = next(section for section in result.sections if section.writer == "model")
    assert first.text.startswith(req.brief.ask)
    assert PLAIN in first.text
    assert garbled in first.removed


def test_a_figure_put_into_a_sentence_that_stands_there_already_is_refused() -> None:
    first = "Unspent funds will be returned to the treasury after the final report."
    again = "This total budget {{P.budget_total}} will be returned to the treasury after the final report."
    with ScriptedEndpoint(lambda _: f"{first} {again}") as endpoint:
        result, _ = draft(endpoint, request())
    specification = next(section for section in result.sections if section.key == "specification")
    assert specification.text.count("returned to the treasury") == 1


def test_a_figure_of_a_section_is_stated_once() -> None:
    first = "Creator sales came to {{E1.sales_q3}} in the third quarter."
    again = "The report that the members read tells of creator sales of {{E1.sales_q3}}."
    with ScriptedEndpoint(lambda _: f"{first} {again}") as endpoint:
        result, _ = draft(endpoint, request())
    assert any(again.partition(" {{")[0] in one for section in result.sections for one in section.removed)
    assert "tells of creator sales" not in result.text


def test_what_the_author_asks_to_state_and_nobody_gave_is_a_gap() -> None:
    with ScriptedEndpoint(lambda _: PLAIN) as endpoint:
        result, _ = draft(endpoint, request(notes={"risks": "state the cost of an audit; state the total budget"}))
    assert "[needs: cost of an audit]" in result.text
    assert "needs: total budget" not in result.text


def test_where_no_sentence_may_stand_the_author_speaks_and_else_the_gap() -> None:
    notes = {"risks": "Creators could buy their own work."}
    with ScriptedEndpoint(lambda _: NEVER_PASSING[0]) as endpoint:
        told, _ = draft(endpoint, request(notes=notes))
        untold, _ = draft(endpoint, request(notes={}))
    risks = {name: {s.key: s.text for s in one.sections}["risks"] for name, one in (("told", told), ("untold", untold))}
    assert risks["told"].startswith("Creators could buy their own work.")
    assert risks["untold"].startswith("[needs: text and evidence for Risks")


def test_severely_loaded_points_of_the_author_do_not_stand_in_for_a_model() -> None:
    loaded = "This groundbreaking and unmatched programme is a guaranteed win for every creator."
    with ScriptedEndpoint(lambda _: NEVER_PASSING[0]) as endpoint:
        result, _ = draft(endpoint, request(notes={"risks": loaded}))
    risks = next(section for section in result.sections if section.key == "risks")
    assert "groundbreaking" not in risks.text
    assert loaded in risks.removed
    assert "[needs:" in risks.text


def test_a_citation_that_nothing_rests_on_is_taken_away() -> None:
    sentences = f"{PLAIN[:-1]} [[E3]]. Creator sales came to {{{{E1.sales_q3}}}} in the third quarter [[E2]] [[E1]]."
    with ScriptedEndpoint(lambda _: sentences) as endpoint:
        result, _ = draft(endpoint, request())
    assert PLAIN in result.text
    assert re.search(r"Creator sales came to [0-9,]+ USDC in the third quarter \[E1\]\.", result.text)


def test_no_digit_of_model_written_text_stands_outside_a_slot() -> None:
    with ScriptedEndpoint(lambda _: PLAIN) as endpoint:
        result, _ = draft(endpoint, request())
    brief = result.brief
    for section in result.sections:
        if section.writer == "model":
            free = section.slotted.replace(brief.ask, "").replace(brief.background, "")
            assert not re.search(r"[0-9]", MARK.sub("", SLOT.sub("", free))), section.key


def test_sampling_values_are_all_sent_and_recorded() -> None:
    with ScriptedEndpoint(lambda _: PLAIN) as endpoint:
        result, _ = draft(endpoint, request())
        body = endpoint.requests[0]
    sampling = result.manifest.sampling
    for name in ("temperature", "top_p", "repetition_penalty"):
        assert body[name] == getattr(sampling, name)
    assert 0 < body["max_tokens"] <= sampling.max_tokens


def test_a_model_that_does_not_write_the_language_leaves_the_authors_words() -> None:
    brief = load_brief(ROOT / "examples" / "risk-parameters" / "brief.yaml")
    evidence = tuple(load_evidence(ROOT / "examples" / "risk-parameters" / "evidence.yaml").values())
    with ScriptedEndpoint(lambda _: PLAIN) as endpoint:
        result, _ = draft(endpoint, DraftRequest(brief=brief, evidence=evidence))
        assert endpoint.requests == []
    assert brief.ask in result.text
    assert [claim for claim in result.claims if claim.verdict != "supported"] == []


def test_a_model_that_dies_leaves_its_finished_sections_and_a_resumed_draft_keeps_them() -> None:
    calls = []

    def dies_on_third(body: dict[str, Any]) -> str:
        calls.append(body)
        endpoint.die_after = 3 if len(calls) >= 3 else None
        return PLAIN

    events: list[DraftEvent] = []
    with ScriptedEndpoint(dies_on_third) as endpoint:
        drafter = ModelDrafter(settings(endpoint, parallel_sections=1))
        with pytest.raises(UpstreamError, match=r"stream ended|no model answers"):
            drafter.draft(request(), done={}, emit=events.append)
    finished = [SectionDraft.model_validate(e.data) for e in events if e.type == "section_finished"]
    assert len(finished) == 2
    done = {section.key: section for section in finished}
    with ScriptedEndpoint(lambda _: PLAIN.replace("a report", "the report")) as endpoint:
        result, _ = draft(endpoint, request(), done)
    assert {s.key: s for s in result.sections if s.key in done} == done
    assert "adds the report" in result.text


class CutsKeptConnections(BaseHTTPRequestHandler):
    """Answers the first request of a connection and cuts it at the second, as an impatient server does."""

    protocol_version = "HTTP/1.1"
    answered = False

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""

    def do_GET(self) -> None:
        if self.answered:
            self.close_connection = True
            return
        self.answered = True
        payload = b'{"data": [{"id": "scripted"}]}'
        self.send_response(200)
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)


def test_a_server_that_closes_idle_connections_loses_no_request() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), CutsKeptConnections)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    model = ChatModel(Settings(model_url=f"http://127.0.0.1:{server.server_port}/v1", model_timeout=30))
    try:
        assert [model.health().reachable for _ in range(3)] == [True, True, True]
    finally:
        model.close()
        server.shutdown()
        server.server_close()


def test_no_model_says_which_address_was_tried_and_how_to_start_one() -> None:
    drafter = ModelDrafter(Settings(model_url="http://127.0.0.1:9/v1"))
    with pytest.raises(UpstreamError) as caught:
        drafter.draft(request(), done={}, emit=lambda _: None)
    assert "http://127.0.0.1:9/v1" in str(caught.value)
    assert "dao-agent serve model" in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"template": "gneric"}, "generic"),
        ({"template": "../secrets.yaml"}, "template"),
        ({"notes": {"nosuch": "text"}}, "'nosuch' is not a section"),
    ],
)
def test_a_request_that_cannot_be_drafted_is_refused_before_the_model_is_asked(
    changes: dict[str, Any], message: str
) -> None:
    with ScriptedEndpoint(lambda _: PLAIN) as endpoint, pytest.raises(Exception, match=message):
        draft(endpoint, request(**changes))
    assert endpoint.requests == []


def run_cli(*args: str, url: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "serve", *args]
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "DAO_MODEL_URL": url, "DAO_PARALLEL_SECTIONS": "1"}
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment, timeout=120)


def draft_args(out: Path) -> list[str]:
    return [
        "draft",
        "--brief",
        str(EXAMPLE / "brief.yaml"),
        "--evidence",
        str(EXAMPLE / "evidence.yaml"),
        "--out",
        str(out),
    ]


def test_what_a_killed_process_was_writing_does_not_keep_a_draft_from_being_finished(tmp_path: Path) -> None:
    folder = DraftFolder(tmp_path / "draft")
    folder.begin(request())
    (folder.path / "sections" / ".summary.json.4711").write_text('{"key": ', encoding="utf-8")
    assert folder.begin(request()) == {}
    folder.finish(a_draft())
    assert folder.is_finished
    assert not (folder.path / "sections").exists()


@pytest.mark.slow
def test_the_command_line_drafts_resumes_and_refuses_to_overwrite(tmp_path: Path) -> None:
    out = tmp_path / "draft"
    calls: list[int] = []

    def dies_on_second(_: dict[str, Any]) -> str:
        calls.append(1)
        endpoint.die_after = 2 if len(calls) >= 2 else None
        return PLAIN

    with ScriptedEndpoint(dies_on_second) as endpoint:
        broken = run_cli(*draft_args(out), url=endpoint.url)
    assert broken.returncode == 4, broken.stderr
    assert "resume" in broken.stderr
    assert len(list((out / "sections").glob("*.json"))) == 1
    with ScriptedEndpoint(lambda _: PLAIN) as endpoint:
        resumed = run_cli(*draft_args(out), url=endpoint.url)
        assert resumed.returncode == 0, resumed.stderr
        assert "kept" in resumed.stderr
        assert sorted(path.name for path in out.iterdir()) == [
            "draft.json", "draft.md", "findings.json", "manifest.json", "request.json",
        ]  # fmt: skip
        again = run_cli(*draft_args(out), url=endpoint.url)
    assert again.returncode == 1
    assert "a finished draft lies here" in again.stderr
    assert load_draft(out).text == (out / "draft.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_command_line_checks_a_draft_and_its_exit_code_says_whether_it_blocks(tmp_path: Path) -> None:
    out = tmp_path / "draft"
    with ScriptedEndpoint(lambda _: PLAIN) as endpoint:
        assert run_cli(*draft_args(out), "--json", url=endpoint.url).returncode == 0
    with_files = ["--evidence", str(EXAMPLE / "evidence.yaml"), "--brief", str(EXAMPLE / "brief.yaml")]
    clean = run_cli("check", str(out / "draft.md"), *with_files, url="http://127.0.0.1:9/v1")
    assert clean.returncode == 0, clean.stdout
    text = (out / "draft.md").read_text(encoding="utf-8")
    wrong = tmp_path / "wrong.md"
    figure = next(iter(load_draft(out).claims)).figures[0]
    wrong.write_text(
        text.replace(figure, "9" + figure[1:] if figure[0] != "9" else "8" + figure[1:], 1), encoding="utf-8"
    )
    for output in ("text", "json", "sarif"):
        result = run_cli("check", str(wrong), *with_files, "--format", output, url="http://127.0.0.1:9/v1")
        assert result.returncode == 3, result.stdout
        assert "EV-number" in result.stdout


def test_a_folder_of_another_brief_is_not_resumed(tmp_path: Path) -> None:
    DraftFolder(tmp_path / "d").begin(request())
    with pytest.raises(ConflictError, match="another brief or evidence"):
        DraftFolder(tmp_path / "d").begin(request(topic="Something else"))


def test_a_folder_without_a_draft_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no finished draft"):
        load_draft(tmp_path)
