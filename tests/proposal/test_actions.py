"""Actions of the brief: exact, complete, readable, and part of everything that is approved."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from proposal.actions import CustomCall, base_units, decode, encode, plain, selector
from proposal.brief import Brief, load_brief
from proposal.checks import run_checks
from proposal.decisions import context_hash
from proposal.errors import InputError
from proposal.hashing import sha256_data
from proposal.prompt import section_messages
from proposal.sections import Material, server_text
from proposal.slots import fill, vocabulary
from proposal.template import ReviewProfile, builtin_template
from tests.proposal.builders import a_brief, a_draft

SAFE = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
OTHER = "0x8ba1f109551bD432803012645Ac136ddd64DBA72"
TOKEN = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
SEND = {
    "type": "erc20-transfer",
    "token": TOKEN,
    "symbol": "USDC",
    "decimals": 6,
    "recipient": SAFE,
    "amount": "45000.50",
}
PAY = {"type": "eth-transfer", "recipient": OTHER, "amount": "1.5"}
CALL = {"type": "custom", "contract": SAFE, "function": "setFee(uint256,address[],bool)", "args": ["30", [OTHER], True]}
RAW = {"type": "custom", "contract": OTHER, "calldata": "0xf27a0c92"}


def with_actions(*actions, **fields):
    return a_brief(actions=actions, **fields)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recipient": "0x1234"}, "is not an address"),
        ({"recipient": "dao.eth"}, "is not an address"),
        ({"recipient": "0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"}, "fails its checksum"),
        ({"recipient": TOKEN}, "the token's own contract"),
        ({"amount": "1e6"}, "is not an amount"),
        ({"amount": "-5"}, "is not an amount"),
        ({"amount": "0.0"}, "is not an amount"),
        ({"amount": "１"}, "is not an amount"),
        ({"amount": 5}, "valid string"),
        ({"amount": "0.0000001"}, "does not fit 6 decimals"),
        ({"amount": "9" * 60, "decimals": 36}, "does not fit 36 decimals"),
        ({"decimals": None}, "valid integer"),
        ({"symbol": "US DC"}, "match pattern"),
        ({"nonce": 1}, "Extra inputs"),
    ],
)
def test_a_transfer_that_could_lose_money_is_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        with_actions({**SEND, **change})


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ({"calldata": "0xf27a0c92", "value": "5"}, "'value' is refused"),
        ({}, "give 'function' with 'args', or 'calldata'"),
        ({"calldata": "0xf27a0c9"}, "not hexadecimal bytes"),
        ({"function": "pause"}, "not a function with its types"),
        ({"function": "f((uint256))"}, "structs: give 'calldata' alone"),
        ({"function": "f(uint256)", "args": [5]}, "must be quoted"),
        ({"function": "f(uint256[])", "args": [["5", 1.5]]}, "must be quoted"),
        ({"function": "f(uint256)", "args": ["5.5"]}, "is not a whole number"),
        ({"function": "f(uint8)", "args": ["256"]}, "Value `256`"),
        ({"function": "f(uint256)"}, "takes 1 arguments, 0 are given"),
        ({"function": "f(address)", "args": ["nobody.eth"]}, "Value `'nobody.eth'`"),
        ({"function": "f(bool)", "args": ["true"]}, "true or false, without quotation marks"),
        ({"function": "f()", "calldata": "0xf27a0c92"}, "the calldata do not call f()"),
        ({"function": "pause()", "calldata": "0x8456cb5900"}, "hold more than the arguments"),
        ({"function": "f(uint256)", "args": ["1"], "calldata": "0xf27a0c92"}, "and not both"),
    ],
)
def test_a_call_that_is_not_exact_is_refused(action, message):
    with pytest.raises(ValidationError) as caught:
        with_actions({"type": "custom", "contract": SAFE, **action})
    assert message in str(caught.value)


def test_calls_are_encoded_as_contracts_read_them():
    send, pay, call, raw = (encode(action) for action in with_actions(SEND, PAY, CALL, RAW).actions)
    assert send.calldata.hex() == "a9059cbb" + SAFE[2:].lower().rjust(64, "0") + f"{45_000_500_000:064x}"
    assert (send.target, send.value, pay.target, pay.value) == (TOKEN, 0, OTHER, 15 * 10**17)
    assert call.calldata[:4] == selector("setFee(uint256,address[],bool)")
    assert decode("setFee(uint256,address[],bool)", "0x" + call.calldata.hex()) == (30, (OTHER.lower(),), True)
    assert raw.calldata.hex() == "f27a0c92"
    assert base_units("0.1", 18) == 10**17


def test_ready_calldata_are_read_by_the_function_that_is_named():
    calldata = "0x" + encode(with_actions(CALL).actions[0]).calldata.hex()
    named = CustomCall(type="custom", contract=SAFE, function=CALL["function"], calldata=calldata)
    assert plain(named) == f"call setFee(30, [{OTHER}], true) of {SAFE}"


def test_actions_are_read_from_the_brief_file_and_mistakes_name_the_field(tmp_path):
    file = tmp_path / "brief.yaml"
    brief = "topic: Pay it\nask: Pay it\ntype: signal\ndao: D\nactions:\n"
    file.write_text(brief + f"  - {{type: eth-transfer, recipient: '{SAFE}', amount: '1.5'}}\n")
    assert load_brief(file).actions[0].amount == "1.5"
    file.write_text(brief + f"  - {{type: eth-transfer, recipient: '{SAFE}', amont: '1.5'}}\n")
    with pytest.raises(InputError, match="amont"):
        load_brief(file)


def test_a_parameter_cannot_take_the_name_of_an_action():
    with pytest.raises(ValidationError, match="has the name of an action"):
        with_actions(PAY, parameters={"action_1": {"value": 1, "unit": "ETH"}})


def test_a_brief_without_actions_is_written_as_before_actions_existed():
    assert "actions" not in a_brief().model_dump(mode="json")
    again = Brief.model_validate_json(with_actions(SEND, CALL).model_dump_json())
    assert sha256_data(again) == sha256_data(with_actions(SEND, CALL))


def test_what_is_approved_covers_every_action():
    profile = ReviewProfile()
    hashes = {context_hash(a_draft(brief=brief), profile) for brief in (
        a_brief(), with_actions(SEND), with_actions({**SEND, "amount": "45000.51"}),
        with_actions({**SEND, "decimals": 18}), with_actions(SEND, PAY), with_actions(PAY, SEND), with_actions(CALL),
        with_actions({**CALL, "args": ["31", [OTHER], True]}),
    )}  # fmt: skip
    assert len(hashes) == 8


@pytest.mark.parametrize(
    ("language", "line"),
    [("en", f"- Send 45,000.50 USDC to `{SAFE}` (token contract `{TOKEN}`)."),
     ("zh", f"- 向 `{SAFE}` 发送 45,000.50 USDC（代币合约 `{TOKEN}`）。")],
)  # fmt: skip
def test_the_server_lists_the_actions_and_the_model_gets_their_slots(language, line):
    brief = with_actions(SEND, PAY, CALL, language=language)
    material = Material(brief, {}, builtin_template("generic"))
    text = fill(server_text("parameters", material), evidence={}, brief=brief, language=language).text
    assert line in text.split("\n")
    assert f"`setFee(30, [{OTHER}], true)`" in text
    assert {"P.action_1", "P.action_2"} <= set(vocabulary({}, brief).parameters)
    spec = material.template.section("specification")
    prompt = section_messages(spec, (), brief=brief, evidence={}, template=material.template)[1]["content"]
    assert f"{{{{P.action_2}}}}: send 1.5 ETH to {OTHER}" in prompt


def test_text_of_a_call_opens_no_slot_and_no_markup():
    call = {"type": "custom", "contract": SAFE, "function": "name(string)", "args": ["`{{E1.x}}`\n# Title"]}
    brief = with_actions(call)
    material = Material(brief, {}, builtin_template("generic"))
    text = fill(server_text("parameters", material), evidence={}, brief=brief, language="en").text
    assert "`name('{ {E1.x} }' # Title)`" in text
    findings = run_checks(f"# T\n\n{text}\n", template=material.template, brief=brief)
    assert "AC-text-match" not in {finding.rule for finding in findings}
