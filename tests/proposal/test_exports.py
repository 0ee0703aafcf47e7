"""Exports: the exact form of each venue, its limits, and what stands in every exported file."""

from __future__ import annotations

import hashlib
import json
import os
import unicodedata
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from eth_hash.auto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from proposal.addresses import checksum
from proposal.exports import (
    CardanoOptions,
    CosmosOptions,
    DaoipOptions,
    DiscourseOptions,
    GithubOptions,
    GovernorOptions,
    MarkdownOptions,
    SnapshotOptions,
    to_anticapture,
    to_aragon,
    to_cardano,
    to_cosmos,
    to_daoip,
    to_discourse,
    to_github,
    to_governor,
    to_markdown,
    to_snapshot,
)
from proposal.exports.governor import ARGUMENTS, description_of, proposal_id
from proposal.exports.result import length_of
from proposal.exports.snapshot import DOMAIN, TYPES_SHA256, types
from tests.proposal.builders import TEXT, a_brief, a_draft, a_review, a_template

CASES = Path(__file__).resolve().parents[1] / "cases" / "exports"

TOKEN = "0x" + "11" * 20
RECIPIENT = "0x" + "22" * 20
SAFE = "0x" + "33" * 20
ACTIONS = (
    {"type": "erc20-transfer", "token": TOKEN, "recipient": RECIPIENT, "amount": "45000.50",
     "decimals": 6, "symbol": "USDC"},
    {"type": "eth-transfer", "recipient": SAFE, "amount": "1.5"},
    {"type": "custom", "contract": SAFE, "calldata": "0xf27a0c92"},
)  # fmt: skip

CHINESE = """# 创作者返利计划

## 摘要

本提案请求DAO支出45,000 USDC用于创作者返利。销售额由120,000 USDC降至90,000 USDC [E1]。

## 声明

本文由语言模型协助起草。

## 参考资料

- [E1] 市场销售额。Example Data，2026-10-01（检索）。<https://data.example.org/sales>
"""

FRONT_MATTER = {
    "required": True,
    "unknown_keys": "refuse",
    "source": "own test dialect",
    "fields": [
        {"key": "id", "required": True, "kind": "integer"},
        {"key": "title", "required": True, "fill": "title", "min_chars": 2, "max_chars": 44},
        {"key": "author", "required": True, "kind": "list", "fill": "authors"},
        {"key": "created", "required": True, "kind": "date", "fill": "date"},
        {"key": "discussions-to", "required": True, "kind": "url", "fill": "discussion_url"},
        {"key": "status", "required": True, "kind": "enum", "values": ["Draft", "Final"],
         "fill": "default", "default": "Draft"},
        {"key": "requires", "required": False},
    ],
}  # fmt: skip


PARTS = [
    *({"key": key, "heading": {"en": en, "zh": zh}, "guidance": {"en": "Text", "zh": "文本"}, "required": True,
      "writer": "model", "min_words": 10, "max_words": 200}
      for key, en, zh in (("summary", "Summary", "摘要"), ("motivation", "Motivation", "动机"))),
    {"key": "references", "heading": {"en": "References", "zh": "参考资料"}, "required": False, "writer": "server",
     "content": "references", "append": ["disclosure"]},
]  # fmt: skip


def english(actions=()):
    draft = a_draft(brief=a_brief(actions=actions))
    return draft, a_review(draft)


def chinese():
    brief = a_brief(language="zh", topic="创作者返利计划", options=("赞成", "反对", "弃权"), actions=ACTIONS)
    draft = a_draft(CHINESE, brief=brief)
    return draft, a_review(draft, ("王芳", "approve"), ("李雷", "approve"))


def unapproved():
    draft = a_draft(brief=a_brief(actions=ACTIONS))
    return draft, a_review(draft, ("Grace", "approve"))


def everything(draft, review):
    """Return the files of all venues as the golden folders hold them."""
    template = a_template(front_matter=FRONT_MATTER, sections=PARTS)
    exports = (
        to_markdown(draft, review, template=template,
                    options=MarkdownOptions(fields={"id": "17", "status": "Final"})),
        to_snapshot(draft, review, template=template, options=SnapshotOptions(
            space="example.eth", start=1_800_000_000, end=1_800_432_000, labels=("grants",))),
        to_governor(draft, review, template=template, options=GovernorOptions(proposer=SAFE)),
        to_anticapture(draft, review, template=template),
        to_discourse(draft, review, template=template, options=DiscourseOptions(
            forum="https://forum.example.org/", category="proposals/drafts", category_id=7,
            tags=("grants", "q4"))),
        to_daoip(draft, review, options=DaoipOptions(
            dao_uri="https://dao.example.org/dao.json", executor=SAFE)),
        to_aragon(draft, review, template=template),
        to_cosmos(draft, review, template=template, options=CosmosOptions(
            metadata_uri="ipfs://bafkreie7ohywtosou76tasm7j63yigtzxe7d5zqus4zu3j6oltvgtibeom", deposit="1000000uatom")),
        to_cardano(draft, review, template=template, options=CardanoOptions()),
        to_github(draft, review, template=template, options=GithubOptions(
            repository="example-dao/proposals", path="proposals/rebates.md"),
            markdown=MarkdownOptions(fields={"id": "17", "status": "Final"})),
    )  # fmt: skip
    return {name: data for export in exports for name, data in export.files.items()}


def with_actions():
    return english(ACTIONS)


GOLDEN = {"english": with_actions, "chinese": chinese, "unapproved": unapproved}


@pytest.mark.parametrize("case", GOLDEN)
def test_every_venue_file_is_the_golden_one(case):
    files = everything(*GOLDEN[case]())
    folder = CASES / case
    if os.environ.get("DAO_WRITE_CASES"):
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        pytest.fail("the golden files were written: read the difference and run again without")
    golden = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert sorted(files) == sorted(golden)
    for name, data in files.items():
        assert data.decode() == golden[name].decode(), name


# --- what stands in every file -------------------------------------------------------------------


def test_every_published_text_discloses_ai_and_names_who_approved():
    files = everything(*english())
    no_text = ("daoip", "governor/proposal.json", "aragon/actions", "cosmos/draft_proposal", "cardano/metadata.hash")
    texts = [name for name in files if not name.startswith(no_text)]
    assert len(texts) == 12
    for name in texts:
        text = files[name].decode()
        if "link" in name:
            query = parse_qs(urlsplit(text.strip()).query)
            text = query.get("body", query.get("value", [""]))[0]
        assert "Drafted with AI (base" in text, name
        assert "approved by 2 people: Grace, Ken" in text, name
        assert "Not submitted on-chain" in text, name


def test_an_unapproved_text_says_so():
    files = everything(*unapproved())
    assert b"Not approved: 1 of 2 approvals, review still open." in files["proposal.md"]
    assert b"approved by 1" not in files["proposal.md"]


def test_a_rejected_text_names_who_rejected_it():
    draft, _ = english()
    verdicts = (("Grace", "approve"), ("Ken", "approve"), ("Mary", "reject"))
    review = a_review(draft, *verdicts)
    files = to_markdown(draft, review, template=a_template(), options=MarkdownOptions()).files
    assert b"Not approved: 2 of 2 approvals, rejected by Mary" in files["proposal.md"]


def test_the_chinese_text_is_disclosed_in_chinese():
    text = everything(*chinese())["proposal.md"].decode()
    assert "由人工智能（base" in text
    assert "经2人审阅并批准：王芳、李雷。" in text


def test_the_statement_is_emphasised_in_both_languages():
    from markdown_it import MarkdownIt

    for case, words in ((english, "How this text was made."), (chinese, "本文如何产生")):
        html = MarkdownIt().render(everything(*case())["discourse/body.md"].decode())
        assert f"<strong>{words}</strong>" in html


def test_a_reviewers_name_cannot_add_markup_to_the_published_text():
    draft, _ = english()
    name = "Eve](https://evil.example) **x**\n# Title\u202e"
    review = a_review(draft, (name, "approve"), ("Ken", "approve"))
    text = to_markdown(draft, review, template=a_template(), options=MarkdownOptions()).files
    tail = text["proposal.md"].decode().split("---")[-1]
    assert "Eve\\](https://evil.example) \\*\\*x\\*\\* \\# Title, Ken" in tail
    assert "\u202e" not in tail


def test_the_approved_text_stands_in_the_markdown_byte_for_byte():
    draft, review = english()
    export = to_markdown(draft, review, template=a_template(), options=MarkdownOptions())
    assert export.files["proposal.md"].startswith(draft.text.rstrip("\n").encode() + b"\n\n---\n")


@settings(max_examples=40, deadline=None)
@given(st.text(min_size=1, max_size=400))
def test_no_export_ever_shortens_a_text(tail):
    text = f"# Title\n\n## Summary\n\n{tail.strip() or 'x'}\n"
    draft = a_draft(text)
    review = a_review(draft)
    template = a_template()
    body = text.partition("\n")[2].strip("\n")
    snapshot = to_snapshot(draft, review, template=template, options=SnapshotOptions(space="a.eth"))
    message = json.loads(snapshot.files["snapshot/typed_data.json"])["data"]["message"]
    assert message["body"].startswith(body)
    form = to_anticapture(draft, review, template=template)
    assert json.loads(form.files["anticapture/import.json"])["body"].startswith(body)
    markdown = to_markdown(draft, review, template=template, options=MarkdownOptions())
    assert body in markdown.files["proposal.md"].decode()


# --- Snapshot ------------------------------------------------------------------------------------


def snapshot(draft=None, review=None, **options):
    draft, review = (draft, review) if draft else english()
    base = {"space": "example.eth"}
    return to_snapshot(draft, review, template=a_template(),
                       options=SnapshotOptions.model_validate({**base, **options}))  # fmt: skip


def problems_of(export, severity="error"):
    return [problem.message for problem in export.problems if problem.severity == severity]


def test_the_types_have_the_hash_that_the_sequencer_knows():
    compact = json.dumps(types(), separators=(",", ":"))
    assert hashlib.sha256(compact.encode()).hexdigest() == TYPES_SHA256
    assert TYPES_SHA256 == "e037b37311c75c995f732b57cd456bdc685e5eac29668698be34388cafb14097"


def test_the_file_holds_no_address_or_signature_and_leaves_three_fields_to_the_signer():
    sheet = json.loads(snapshot().files["snapshot/typed_data.json"])
    assert set(sheet["data"]) == {"domain", "types", "message"}
    empty = {key for key, value in sheet["data"]["message"].items() if value is None}
    assert empty == set(sheet["fill_at_signing"]) == {"from", "timestamp", "snapshot", "start", "end"}


def test_the_message_has_the_fields_of_the_type_in_order():
    data = json.loads(snapshot().files["snapshot/typed_data.json"])["data"]
    assert list(data["message"]) == [field["name"] for field in data["types"]["Proposal"]]


def test_the_typed_data_agrees_with_the_sequencers_own_fixture(shared_data):
    fixture = json.loads((shared_data / "schemas/snapshot_fixtures/ingestor-payload_proposal.json").read_text())["data"]
    ours = json.loads(snapshot().files["snapshot/typed_data.json"])["data"]
    assert ours["domain"] == fixture["domain"] == DOMAIN
    kinds = {field["name"]: field["type"] for field in ours["types"]["Proposal"]}
    for field in fixture["types"]["Proposal"]:
        # An older client typed the author as an address; the current list has a string there.
        assert kinds[field["name"]] == field["type"] or field["name"] == "from"
    assert set(fixture["message"]) <= set(ours["message"])
    for name, value in fixture["message"].items():
        assert ours["message"][name] is None or type(ours["message"][name]) is type(value)


def test_the_message_satisfies_the_json_schema_of_the_client_library(shared_data):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((shared_data / "schemas/snapshot_js_json_schemas/proposal.json").read_text())
    export = snapshot(start=1_800_000_000, end=1_800_432_000, labels=("grants",))
    message = json.loads(export.files["snapshot/typed_data.json"])["data"]["message"]
    kept = ("body", "discussion", "choices", "labels", "type", "start", "end", "app", "privacy")
    proposal = {
        **{key: message[key] for key in kept},
        "name": message["title"],
        "snapshot": 1,
        "metadata": {"plugins": json.loads(message["plugins"])},
    }
    jsonschema.validate(proposal, schema)


def test_a_body_over_the_limit_names_limit_length_and_source():
    draft = a_draft(TEXT + "\nLong. " * 2_000)
    export = snapshot(draft, a_review(draft))
    problem = next(one for one in export.problems if one.rule == "ST-len-body")
    assert export.blocked
    assert (problem.limit, problem.length > 14_000) == (10_000, True)
    assert "the limit is 10,000 on snapshot; the venue can change it" in problem.message
    assert problem.source


def test_the_limit_that_the_space_states_today_counts():
    draft = a_draft(TEXT + "\nLong. " * 2_000)
    assert not snapshot(draft, a_review(draft), body_limit=20_000).blocked
    assert not snapshot(draft, a_review(draft), space_record={"turbo": True}).blocked


def test_a_long_text_is_exported_whole_with_its_problem():
    draft = a_draft(TEXT + "\nLong. " * 2_000 + "the very end")
    assert b"the very end" in snapshot(draft, a_review(draft)).files["snapshot/typed_data.json"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"type": "basic", "choices": ["Yes", "No"]}, "a basic vote has exactly the choices"),
        ({"choices": ["Yes", "Yes"]}, "two choices read the same"),
        ({"choices": ["x" * 33, "y"]}, "the choice has 33 characters, the limit is 32"),
        ({"choices": [f"c{n}" for n in range(21)]}, "the choices has 21 items, the limit is 20"),
        ({"labels": ["no spaces"]}, "the label 'no spaces' is not"),
        ({"start": 1_800_000_000, "end": 1_800_000_000}, "before it starts"),
        ({"space_record": {"voting": {"type": "approval"}}}, "votes by 'approval'"),
        ({"space_record": {"voting": {"privacy": "shutter"}}}, "privacy is 'shutter'"),
        ({"space_record": {"voting": {"period": 259_200}}, "start": 1_800_000_000,
          "end": 1_800_000_100}, "last exactly 259200 s, not 100 s"),
    ],
)  # fmt: skip
def test_what_the_sequencer_or_editor_would_refuse_is_found_before(options, message):
    assert any(message in found for found in problems_of(snapshot(**options)))


def test_a_proposal_without_choices_is_blocked():
    draft = a_draft(brief=a_brief(options=()))
    export = snapshot(draft, a_review(draft))
    assert any("no choice to vote on" in message for message in problems_of(export))
    assert not snapshot(draft, a_review(draft), type="basic").blocked


def test_the_record_of_the_space_gives_the_time_rule_and_notes():
    record = {"voting": {"delay": 3600, "period": 432_000}, "filters": {"minScore": 5},
              "guidelines": "https://example.org/rules", "unknown": 1}  # fmt: skip
    export = snapshot(start=1_800_000_000, end=1_800_432_000, space_record=record)
    sheet = json.loads(export.files["snapshot/typed_data.json"])
    assert sheet["fill_at_signing"]["timestamp"].startswith("exactly 1799996400:")
    assert not export.blocked
    assert len(problems_of(export, "info")) == 2


# --- Governor ------------------------------------------------------------------------------------


def governor(draft=None, review=None, *, actions=(), **options):
    draft, review = (draft, review) if draft else english(actions)
    return to_governor(draft, review, template=a_template(),
                       options=GovernorOptions.model_validate(options))  # fmt: skip


def sheet_of(export):
    return json.loads(export.files["governor/proposal.json"])


def test_the_first_line_is_the_title_and_the_discussion_link_follows():
    lines = governor().files["governor/description.md"].decode().split("\n")
    assert lines[:5] == [
        "# Fund a creator rebate", "", "https://forum.example.org/t/rebate/42", "", "## Summary"
    ]  # fmt: skip


def test_the_title_line_stands_once():
    assert governor().files["governor/description.md"].decode().count("# Fund a creator rebate") == 1


def test_the_description_hash_is_keccak_of_the_exact_bytes():
    export = governor()
    data = export.files["governor/description.md"]
    assert sheet_of(export)["description_hash"] == "0x" + keccak(data).hex()


def test_keccak_is_ethereums_and_not_sha3():
    assert keccak(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert keccak(b"getMinDelay()")[:4].hex() == "f27a0c92"


def test_the_proposal_id_equals_that_of_an_independent_abi_encoder():
    calls = governor_calls()
    # Computed with eth_abi 5 over (address[], uint256[], bytes[], bytes32).
    assert proposal_id(calls, "# Title\n\nBody") == (
        24500764205310110888188993640520804530634818588717134786620692136984089899732
    )


def governor_calls():
    from proposal.actions import Call

    transfer = bytes.fromhex("a9059cbb") + bytes(12) + b"\x22" * 20
    return [
        Call(TOKEN, 0, transfer + (45_000_000_000).to_bytes(32, "big")),
        Call(SAFE, 15 * 10**17, b""),
    ]


def test_line_ends_and_unicode_form_are_fixed_because_every_byte_counts():
    text = TEXT.replace("\n", "\r\n").replace("Sales", "Cafe\u0301 sales")
    draft = a_draft(text).model_copy(update={"title": "Fund a creator rebate"})
    export = governor(draft, a_review(draft))
    data = export.files["governor/description.md"].decode()
    assert "\r" not in data
    assert data == unicodedata.normalize("NFC", data)
    assert "brought to LF line ends" in problems_of(export, "info")[0]


def test_the_proposer_suffix_is_the_very_end():
    data = governor(proposer=RECIPIENT).files["governor/description.md"].decode()
    assert data.endswith(f"\n\n#proposer={checksum(RECIPIENT)}")
    assert len(f"#proposer={RECIPIENT}") == 52


def test_a_suffix_that_nobody_asked_for_is_refused():
    draft, review = english()
    options = GovernorOptions()
    ends = description_of(draft, review, options) + f"#proposer={RECIPIENT}"
    from proposal.exports.governor import _text_problems

    assert [one.rule for one in _text_problems(draft, ends, options)] == ["EX-proposer-suffix"]


def test_actions_are_typed_objects_and_nothing_could_be_sent():
    sheet = sheet_of(governor(actions=ACTIONS))
    assert [row["does"] for row in sheet["actions"]] == [
        f"send 45,000.50 USDC (token {TOKEN}) to {RECIPIENT}",
        f"send 1.5 ETH to {SAFE}",
        f"call {SAFE} with 4 bytes of calldata 0xf27a0c92…",
    ]
    assert {"nonce", "gas", "signature", "v", "r", "s", "chainId"}.isdisjoint(sheet)
    assert int(sheet["proposal_id"]) > 0


def test_a_signal_proposal_carries_the_empty_call():
    sheet = sheet_of(governor(signal=True))
    assert sheet["calls"] == [{"target": "0x" + "0" * 40, "value_wei": "0", "calldata": "0x"}]
    assert problems_of(governor(), "warning") == [
        "a Governor needs at least one action: give the brief actions, or set 'signal' for a proposal that only "
        "states a position"
    ]


def test_bravo_takes_ten_actions_and_has_no_hash_id():
    eleven = [ACTIONS[1]] * 11
    export = governor(contract="bravo", actions=eleven)
    assert sheet_of(export)["proposal_id"] is None
    assert "the actions has 11 items, the limit is 10" in problems_of(export)[0]
    assert not governor(actions=eleven).blocked


def test_the_arguments_are_those_of_the_deployed_contracts(shared_data):
    folder = shared_data / "schemas/governor_abi"
    for contract, file in (("openzeppelin", "IGovernor.abi.json"),
                           ("bravo", "agora_UniswapGovernor.json")):  # fmt: skip
        abi = json.loads((folder / file).read_text())
        abi = abi.get("abi", abi) if isinstance(abi, dict) else abi
        inputs = [
            tuple(one["name"].strip("_") for one in item["inputs"]) for item in abi if item.get("name") == "propose"
        ]
        assert ARGUMENTS[contract] in inputs, file


def test_the_checksum_is_eip_55():
    for address in ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
                    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
                    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
                    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb"):  # fmt: skip
        assert checksum(address.lower()) == address


# --- Anticapture, Discourse, DAOIP-2, Markdown ---------------------------------------------------


def test_anticapture_gets_quoted_human_figures_and_no_decimals_or_value():
    function = {"type": "custom", "contract": SAFE, "function": "set(uint256,bool)", "args": ["5", True]}
    export = to_anticapture(*english((*ACTIONS, function)), template=a_template())
    document = json.loads(export.files["anticapture/import.json"])
    assert set(document) == {"title", "discussionUrl", "body", "actions"}
    assert document["actions"][0] == {
        "type": "erc20-transfer", "tokenAddress": TOKEN, "recipient": RECIPIENT,
        "amount": "45000.50",
    }  # fmt: skip
    assert [set(action) for action in document["actions"][2:]] == [
        {"type", "contractAddress", "calldata"},
        {"type", "contractAddress", "calldata"},
    ]
    assert not export.blocked


def test_anticapture_warns_near_its_limit_and_blocks_beyond():
    near, over = a_draft(TEXT + "x" * 95_000), a_draft(TEXT + "x" * 100_000)
    template = a_template()
    exports = [to_anticapture(draft, a_review(draft), template=template)
               for draft in (near, over)]  # fmt: skip
    assert [export.blocked for export in exports] == [False, True]
    assert "close to the limit (95,000)" in problems_of(exports[0], "warning")[0]


def discourse(draft=None, review=None, **options):
    draft, review = (draft, review) if draft else english()
    base = {"forum": "https://forum.example.org"}
    return to_discourse(draft, review, template=a_template(),
                        options=DiscourseOptions.model_validate({**base, **options}))  # fmt: skip


def test_the_new_topic_link_carries_the_text_unharmed():
    link = discourse(category="a/b", tags=["x", "y"]).files["discourse/new_topic_link.txt"]
    url = urlsplit(link.decode().strip())
    query = {key: value[0] for key, value in parse_qs(url.query, strict_parsing=True).items()}
    assert (url.netloc, url.path) == ("forum.example.org", "/new-topic")
    assert (query["title"], query["category"], query["tags"]) == (
        "Fund a creator rebate",
        "a/b",
        "x,y",
    )
    assert query["body"] + "\n" == discourse().files["discourse/body.md"].decode()


def test_a_text_too_long_for_a_link_is_left_out_of_it_whole():
    draft = a_draft(TEXT + "\nLong. " * 2_000)
    export = discourse(draft, a_review(draft))
    assert b"body=" not in export.files["discourse/new_topic_link.txt"]
    assert any("paste discourse/body.md" in message for message in problems_of(export, "info"))
    assert b"Long. " * 2 in export.files["discourse/body.md"].replace(b"\n", b"")


def test_site_settings_of_a_forum_warn_and_do_not_block():
    draft = a_draft(TEXT + "x" * 33_000)
    export = discourse(draft, a_review(draft))
    assert not export.blocked
    assert any("the limit is 32,000" in message for message in problems_of(export, "warning"))


def test_the_draft_is_a_json_string_in_the_forums_own_form():
    stored = json.loads(discourse(category_id=7).files["discourse/draft.json"])
    assert (stored["draft_key"], stored["sequence"]) == ("new_topic", 0)
    data = json.loads(stored["data"])
    assert set(data) == {"reply", "title", "categoryId", "tags", "action", "archetypeId"}
    assert (data["action"], data["categoryId"]) == ("createTopic", 7)


def test_the_payload_has_our_id_so_that_publishing_twice_is_refused_by_the_forum():
    payload = json.loads(discourse(category_id=7).files["discourse/post.json"])
    assert (payload["external_id"], payload["category"]) == ("d-1", 7)
    assert not {"api_key", "Api-Key", "username"} & set(payload)


@pytest.mark.parametrize("forum", ["forum.example.org", "javascript:alert(1)", "https://a b"])
def test_a_forum_that_is_no_plain_link_is_refused(forum):
    with pytest.raises(ValidationError, match="not a plain http"):
        DiscourseOptions(forum=forum)


def test_daoip_leaves_out_what_has_no_value():
    draft, review = english()
    export = to_daoip(draft, review, options=DaoipOptions(dao_uri="https://dao.example.org/d.json"))
    document = json.loads(export.files["daoip/proposal.json"])
    assert document == {
        "@context": "https://www.daostar.org/schemas",
        "type": "proposal",
        "id": "https://dao.example.org/d.json?proposalId=d-1",
        "name": "Fund a creator rebate",
        "contentURI": "https://forum.example.org/t/rebate/42",
        "status": "approved-for-publication",
    }


def test_daoip_calls_are_evm_call_data():
    draft, review = english(ACTIONS)
    options = DaoipOptions(dao_uri="https://dao.example.org/d.json", executor=SAFE)
    document = json.loads(to_daoip(draft, review, options=options).files["daoip/proposal.json"])
    assert document["calls"][1] == {
        "type": "CallDataEVM", "operation": "call", "from": SAFE, "to": SAFE,
        "value": "1500000000000000000", "data": "0x",
    }  # fmt: skip


def markdown(draft=None, *, front=FRONT_MATTER, **options):
    draft = draft or english()[0]
    template = a_template(front_matter=front)
    review = a_review(draft)
    return to_markdown(draft, review, template=template, options=MarkdownOptions(**options))


def test_the_front_matter_has_the_daos_fields_in_order():
    text = markdown(fields={"id": "17"}).files["proposal.md"].decode()
    assert text.split("---\n")[1].splitlines() == [
        "id: 17", "title: Fund a creator rebate", "author:", "- Ada", "created: 2026-11-02",
        "discussions-to: https://forum.example.org/t/rebate/42", "status: Draft",
    ]  # fmt: skip


def test_a_forum_gets_its_front_matter_as_a_yaml_block():
    text = markdown(fence="yaml-block").files["proposal.md"].decode()
    assert text.startswith("```yaml\ntitle: ")
    assert "\n```\n\n# Fund a creator rebate" in text


def test_a_required_field_that_nobody_knows_is_named_and_not_invented():
    export = markdown()
    assert problems_of(export, "warning") == ["'id' is required and unknown here: set it before publishing"]
    assert b"\nid:" not in export.files["proposal.md"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"id": "seventeen"}, "'id' is 'seventeen', not a whole number"),
        ({"status": "Done"}, "'status' is 'Done' (one of: Draft, Final)"),
        ({"title": "x" * 45}, "'title' has 45 characters (2 to 44 allowed)"),
        ({"created": "2 May"}, "'created' is '2 May', not a date (YYYY-MM-DD)"),
        ({"discussions-to": "forum"}, "'discussions-to' is 'forum', not a link"),
        ({"licence": "CC0"}, "'licence' is no field of this DAO's front matter"),
    ],
)
def test_front_matter_that_the_dao_would_refuse_blocks(fields, message):
    assert message in problems_of(markdown(fields=fields))


def test_front_matter_cannot_be_broken_by_a_value():
    draft = a_draft(brief=a_brief(authors=("Ada: *x* --- [y]", "Bob\n---\n# Title")))
    text = markdown(draft).files["proposal.md"].decode()
    assert text.count("\n---\n") == 2
    assert "'Ada: *x* --- [y]'" in text


def test_a_dao_without_front_matter_gets_none():
    export = markdown(front={})
    assert export.files["proposal.md"].startswith(b"# Fund a creator rebate\n")


def test_lengths_are_counted_as_the_venues_count_them():
    assert length_of("a😀中") == 4


# --- Aragon, Cosmos, Cardano, GitHub -------------------------------------------------------------


def in_parts():
    return a_template(sections=PARTS)


def test_cardano_hashes_the_bytes_of_its_file_and_loses_no_word():
    draft, review = english()
    export = to_cardano(draft, review, template=in_parts(), options=CardanoOptions())
    data = export.files["cardano/metadata.jsonld"]
    digest = hashlib.blake2b(data, digest_size=32).hexdigest()
    assert export.files["cardano/metadata.hash.txt"].decode() == digest + "\n"
    assert not export.blocked
    body = json.loads(data)["body"]
    printed = " ".join(body[name] for name in ("title", "abstract", "motivation", "rationale"))
    headings = {"##", "#", "Summary", "Motivation"}
    assert set(draft.text.split()) - headings <= set(printed.split())


def test_cardano_is_blocked_by_its_limits_and_by_a_missing_part():
    long = TEXT.replace("# Fund a creator rebate", "# " + "t" * 81).replace(
        "## Summary\n\n", "## Summary\n\n" + "a " * 1_300
    )
    draft = a_draft(long)
    problems = to_cardano(draft, a_review(draft), template=in_parts(), options=CardanoOptions()).problems
    assert {(one.limit, one.length) for one in problems if one.limit} >= {(80, 81)}
    assert any(one.limit == 2_500 and "abstract" in one.message for one in problems)
    draft = a_draft("# Title\n\n## Summary\n\nWords.\n")
    export = to_cardano(draft, a_review(draft), template=in_parts(), options=CardanoOptions())
    assert export.blocked
    assert {"'motivation'", "'rationale'"} == {
        one.message.split(" ")[0] for one in export.problems if one.severity == "error"
    }


def test_cosmos_names_what_only_the_proposer_knows():
    draft, review = english()
    export = to_cosmos(draft, review, template=in_parts(), options=CosmosOptions())
    assert {one.rule for one in export.problems} == {"EX-cosmos-metadata", "EX-cosmos-deposit"}
    document = json.loads(export.files["cosmos/draft_proposal.json"])
    assert (document["messages"], document["deposit"], document["metadata"]) == ([], "", "")
    long = CosmosOptions(metadata_uri="ipfs://" + "a" * 300, deposit="1uatom")
    assert [one.rule for one in to_cosmos(draft, review, template=in_parts(), options=long).problems] == [
        "ST-len-metadata"
    ]
    with pytest.raises(ValidationError):
        CosmosOptions(deposit="ten atoms")


def test_a_text_too_long_for_a_github_link_is_left_out_of_it_whole():
    draft = a_draft(TEXT + "\n" + "word " * 2_000)
    options = GithubOptions(
        repository="example-dao/proposals", branch="feature/x", path="proposals/ä b.md".replace(" ", "-")
    )
    export = to_github(draft, a_review(draft), template=in_parts(), options=options, markdown=MarkdownOptions())
    link = export.files["github/new_file_link.txt"].decode().strip()
    assert link == "https://github.com/example-dao/proposals/new/feature/x?filename=proposals%2F%C3%A4-b.md"
    assert [(one.rule, one.severity, one.limit) for one in export.problems] == [("EX-link-length", "info", 8_000)]


@pytest.mark.parametrize("path", ["../x.md", "/x.md", "a//b.md", "a b.md", "x.md&value=evil", ""])
def test_a_path_outside_the_repository_is_refused(path):
    with pytest.raises(ValidationError):
        GithubOptions(repository="example-dao/proposals", path=path)
