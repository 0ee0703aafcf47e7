"""Cardano governance actions: the metadata document of CIP-108 (a vocabulary of CIP-100) and the hash of its bytes.

Title, abstract, motivation and rationale are all there is, so whatever is neither abstract nor motivation stands in the
rationale, with its headings: nothing of the approved text is left out. Authors stay empty, because each would have to
sign; adding a witness changes the file, and with it the hash. Sources: CIP-0100, CIP-0108 and its common schema.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict

from proposal.decisions import Review
from proposal.draft import Draft
from proposal.exports.aragon import resources
from proposal.exports.result import Export, ExportProblem, check_limits, json_file, limits_for
from proposal.exports.sections import rest_of, section_texts
from proposal.exports.text import RULE, statement, title_of
from proposal.template import Template

_FILE, _HASH = "cardano/metadata.jsonld", "cardano/metadata.hash.txt"
_PARTS = {"abstract": "summary", "motivation": "motivation"}
_CIP = "https://github.com/cardano-foundation/CIPs/blob/master/CIP-0{}/README.md#"
_LANGUAGES = {"en": "en-us", "zh": "zh-cn"}


class CardanoOptions(BaseModel):
    """This venue has no settings: `cardano: {}` asks for its files."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def to_cardano(draft: Draft, review: Review, *, template: Template, options: CardanoOptions) -> Export:
    """Return the JSON-LD document, the blake2b-256 of its bytes, and what stands against it."""
    del options
    texts = section_texts(draft, template)
    body: dict[str, Any] = {"title": title_of(draft)}
    body |= {field: texts.get(key, "") for field, key in _PARTS.items()}
    rest = rest_of(draft, template, frozenset(_PARTS.values()))
    body["rationale"] = rest + RULE + statement(draft, review) if rest else ""
    body["references"] = [{"@type": "Other", "label": label, "uri": uri} for label, uri in resources(draft)]
    document = {
        "@context": context(_LANGUAGES[draft.language]),
        "hashAlgorithm": "blake2b-256",
        "body": body,
        "authors": [],
    }
    data = json_file(document)
    digest = hashlib.blake2b(data, digest_size=32).hexdigest()
    return Export("cardano", {_FILE: data, _HASH: f"{digest}\n".encode()}, tuple(_problems(body, template)))


def context(language: str) -> dict[str, Any]:
    """Return the JSON-LD context: which term of CIP-100 or CIP-108 each key of the document stands for."""

    def terms(prefix: str, *names: str) -> dict[str, str]:
        return {name: f"{prefix}:{name}" for name in names}

    reference_hash = {"hashDigest": "CIP108:hashDigest", "hashAlgorithm": "CIP100:hashAlgorithm"}
    reference = {
        "GovernanceMetadata": "CIP100:GovernanceMetadataReference",
        "Other": "CIP100:OtherReference",
        "label": "CIP100:reference-label",
        "uri": "CIP100:reference-uri",
        "referenceHash": {"@id": "CIP108:referenceHash", "@context": reference_hash},
    }
    body: dict[str, Any] = {"references": {"@id": "CIP108:references", "@container": "@set", "@context": reference}}
    body |= terms("CIP108", "title", "abstract", "motivation", "rationale")
    witness = {"@id": "CIP100:witness", "@context": terms("CIP100", "witnessAlgorithm", "publicKey", "signature")}
    author = {"name": "http://xmlns.com/foaf/0.1/name", "witness": witness}
    return {
        "@language": language,
        "CIP100": _CIP.format(100),
        "CIP108": _CIP.format(108),
        **terms("CIP100", "hashAlgorithm"),
        "body": {"@id": "CIP108:body", "@context": body},
        "authors": {"@id": "CIP100:authors", "@container": "@set", "@context": author},
    }


def _problems(body: dict[str, Any], template: Template) -> Iterator[ExportProblem]:
    limits = limits_for(template, "cardano")
    for field in ("title", "abstract"):
        yield from check_limits(limits, field, body[field], where=_FILE)
    for field, key in {**_PARTS, "rationale": "specification"}.items():
        if not body[field]:
            yield ExportProblem(rule="EX-cardano-part", severity="error", where=_FILE, message=(
                f"'{field}' is required, and the text has no section '{key}' of the template"))  # fmt: skip
    yield ExportProblem(rule="EX-cardano-authors", severity="info", where=_FILE, message=(
        "no author: a witness is a signature; who adds one has to hash the file again"))  # fmt: skip
