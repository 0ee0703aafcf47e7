"""Signatures of decisions: what a reviewer's wallet signs (EIP-712), and who signed it.

The typed data are a pure function of the decision and of the terms it was asked under, so whoever holds both builds the
same 32 bytes again and recovers the account that signed them. Nothing here can sign: the only call into the curve takes
a finished signature and gives back a public key.

`policyHash` covers the context hash (brief with its actions, sections, manifest with the version of the rules, review
profile, waivers) and the committee, so that the gate and the people are signed with the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

from eth_hash.auto import keccak
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from proposal.addresses import Address
from proposal.hashing import sha256_data, sha256_text
from proposal.people import person_key

if TYPE_CHECKING:
    import datetime as dt

DOMAIN_NAME = "DAO Proposal Desk Review"
DOMAIN_VERSION = "1"
PRIMARY_TYPE = "ReviewDecision"
TYPES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "EIP712Domain": (("name", "string"), ("version", "string"), ("chainId", "uint256"), ("salt", "bytes32")),
    PRIMARY_TYPE: (
        ("statement", "string"),
        ("workspace", "bytes32"),
        ("draft", "bytes32"),
        ("version", "uint32"),
        ("contentHash", "bytes32"),
        ("evidenceRoot", "bytes32"),
        ("policyHash", "bytes32"),
        ("verdict", "uint8"),
        ("commentHash", "bytes32"),
        ("nonce", "uint64"),
        ("deadline", "uint64"),
    ),
}
"""The types in the form of wallets, field by field; a changed field needs a new `DOMAIN_VERSION`."""

VERDICTS = {"approve": 1, "request_changes": 2, "reject": 3}
_WORDS = {"approve": "Approve", "request_changes": "Ask for changes to", "reject": "Reject"}
_CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_SIGNATURE = re.compile(r"0x[0-9a-fA-F]{130}\Z")
_MAX_UINT64 = 2**64 - 1
UNVERIFIED = "a contract account (ERC-1271, such as a Safe) is unverified until a chain is configured"

FaultCode = Literal["signature-form", "signature-account", "signature-member", "signature-unverified",
                    "signature-expired"]  # fmt: skip


def _signature(text: str) -> str:
    """Return a signature in its one spelling: small letters, and 27 or 28 as its last byte."""
    if not _SIGNATURE.match(text):
        raise ValueError("not a signature of an account (0x and 130 hexadecimal digits)")
    data = bytes.fromhex(text[2:])
    r, s, v = int.from_bytes(data[:32], "big"), int.from_bytes(data[32:64], "big"), data[64]
    if v not in {0, 1, 27, 28} or not 0 < r < _CURVE_ORDER or not 0 < s < _CURVE_ORDER:
        raise ValueError("not a signature: a number is out of its range")
    if s > _CURVE_ORDER // 2:
        raise ValueError("the signature is malleable: its s is in the upper half of the curve's order")
    return "0x" + data[:64].hex() + bytes([v if v >= 27 else v + 27]).hex()


SignatureValue = Annotated[str, AfterValidator(_signature)]


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Member(_Closed):
    """A member of the committee who has a wallet; `contract` marks an account without a key of its own."""

    name: str = Field(min_length=1, max_length=120)
    account: Address
    contract: bool = False


class Terms(_Closed):
    """What a signature was asked under: which desk and chain, whose committee, once (`nonce`) and until when.

    `deadline` is in seconds since 1970 (UTC). The committee is in the order of its accounts, each account once.
    """

    instance: str = Field(pattern=r"^[0-9a-f]{32}$")
    chain_id: int = Field(ge=1, lt=2**53)
    committee: tuple[Member, ...] = Field(min_length=1, max_length=200)
    nonce: int = Field(ge=1, le=_MAX_UINT64)
    deadline: int = Field(ge=1, le=_MAX_UINT64)

    @model_validator(mode="after")
    def _each_once(self) -> Terms:
        accounts = [member.account for member in self.committee]
        if accounts != sorted(set(accounts)):
            raise ValueError("the committee is not in the order of its accounts, each once")
        return self


class Signature(Terms):
    """A decision's signature: the account that gave it, and its 65 bytes."""

    account: Address
    value: SignatureValue


def committee_of(members: Sequence[Member]) -> tuple[Member, ...]:
    """Return members in the order of a committee."""
    return tuple(sorted(members, key=lambda member: member.account))


class Decided(Protocol):
    """The fields of a decision that are signed."""

    @property
    def draft_id(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def text_hash(self) -> str: ...
    @property
    def evidence_hash(self) -> str: ...
    @property
    def context_hash(self) -> str: ...
    @property
    def reviewer(self) -> str: ...
    @property
    def verdict(self) -> Literal["approve", "request_changes", "reject"]: ...
    @property
    def reason(self) -> str: ...


def typed_data(decided: Decided, terms: Terms) -> dict[str, Any]:
    """Return what the wallet shows and signs, as `eth_signTypedData_v4` takes it.

    `contentHash` is the SHA-256 of the text's UTF-8 bytes, so that a reader can compare it with the file.
    """
    workspace = "0x" + sha256_text(terms.instance)
    committee = [member.model_dump(mode="json") for member in terms.committee]
    policy = sha256_data({"context": decided.context_hash, "committee": committee})
    return {
        "types": {name: [{"name": n, "type": t} for n, t in fields] for name, fields in TYPES.items()},
        "primaryType": PRIMARY_TYPE,
        "domain": {"name": DOMAIN_NAME, "version": DOMAIN_VERSION, "chainId": terms.chain_id, "salt": workspace},
        "message": {
            "statement": f"{_WORDS[decided.verdict]} version {decided.version} of the draft {decided.draft_id}",
            "workspace": workspace,
            "draft": "0x" + sha256_text(decided.draft_id),
            "version": decided.version,
            "contentHash": "0x" + decided.text_hash,
            "evidenceRoot": "0x" + decided.evidence_hash,
            "policyHash": "0x" + policy,
            "verdict": VERDICTS[decided.verdict],
            "commentHash": "0x" + sha256_text(decided.reason),
            "nonce": terms.nonce,
            "deadline": terms.deadline,
        },
    }


def digest_of(data: Mapping[str, Any]) -> bytes:
    """Return the 32 bytes that a wallet signs for typed data of `TYPES` (EIP-712, version 1)."""
    domain = _struct_hash("EIP712Domain", data["domain"])
    return bytes(keccak(b"\x19\x01" + domain + _struct_hash(PRIMARY_TYPE, data["message"])))


def _struct_hash(name: str, values: Mapping[str, Any]) -> bytes:
    fields = TYPES[name]
    described = f"{name}({','.join(f'{kind} {field}' for field, kind in fields)})"
    words = [_word(kind, values[field]) for field, kind in fields]
    return bytes(keccak(keccak(described.encode("ascii")) + b"".join(words)))


def _word(kind: str, value: Any) -> bytes:
    if kind == "string":
        return bytes(keccak(str(value).encode("utf-8")))
    if kind == "bytes32":
        return bytes.fromhex(value[2:]).rjust(32, b"\0")
    return int(value).to_bytes(32, "big")


def recover(digest: bytes, value: str) -> str | None:
    """Return the account whose key made the signature of the digest, or None where no key can have."""
    from eth_keys.datatypes import Signature as CurveSignature
    from eth_keys.exceptions import BadSignature

    data = bytes.fromhex(value[2:])
    try:
        signed = CurveSignature(signature_bytes=data[:64] + bytes([data[64] - 27]))
        return str(signed.recover_public_key_from_msg_hash(digest).to_checksum_address())
    except BadSignature:
        return None


def fault_of(decided: Decided, signature: Signature, *, decided_at: dt.datetime) -> tuple[FaultCode, str] | None:
    """Tell what is wrong with a decision's signature, as code and words; None when it holds.

    A changed text, evidence, brief, gate, committee, verdict, reason, desk, chain, nonce or deadline all give another
    digest, so that another account, or none, comes out of it.
    """
    members = {member.account: member for member in signature.committee}
    member = members.get(signature.account)
    who = decided.reviewer
    if member is None:
        return "signature-member", f"{signature.account} is not an account of the committee"
    if person_key(member.name) != person_key(who):
        return "signature-member", f"{signature.account} is the account of {member.name}, not of {who}"
    if member.contract:
        return "signature-unverified", f"the signature of {who}: {UNVERIFIED}"
    if recover(digest_of(typed_data(decided, signature)), signature.value) != signature.account:
        return "signature-account", (
            f"{signature.account} did not sign this decision of {who}: text, evidence, gate, committee, decision or "
            "reason are not those that were signed, or another account signed"
        )
    if decided_at.timestamp() > signature.deadline:
        return "signature-expired", f"{who} decided after the signature's deadline"
    return None
