"""One way to hash text and structured data, so that two places never disagree about what was hashed.

Structured data is hashed as JSON with sorted keys, no spaces and UTF-8 text, which Python writes identically
everywhere; text is hashed as its UTF-8 bytes.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel


def sha256_text(text: str) -> str:
    """Return the SHA-256 of the UTF-8 bytes of `text` in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()


def sha256_bytes(data: bytes) -> str:
    """Return the SHA-256 of bytes in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def canonical_json(data: Any) -> str:
    """Serialise JSON-compatible data or a pydantic model to its one canonical form."""
    if isinstance(data, BaseModel):
        data = data.model_dump(mode="json")
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sha256_data(data: Any) -> str:
    """Return the SHA-256 of the canonical form of `data`."""
    return sha256_text(canonical_json(data))


def leave_out(data: dict[str, Any], **defaults: Any) -> dict[str, Any]:
    """Return the written form of a model without the named fields that stand at their defaults.

    For fields that are younger than stored data: what was hashed before they existed keeps its hash.
    """
    return {name: value for name, value in data.items() if name not in defaults or value != defaults[name]}
