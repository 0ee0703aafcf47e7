"""Accounts of the chain: the one spelling of an address (EIP-55), and the types that fields use for it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated

from eth_hash.auto import keccak
from pydantic import AfterValidator

ZERO_ADDRESS = "0x" + "0" * 40
ADDRESS_PATTERN = re.compile(r"0x[0-9a-fA-F]{40}\Z")


@lru_cache(maxsize=4096)
def checksum(address: str) -> str:
    """Return the address with the capitals of its checksum (EIP-55).

    >>> checksum("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed")
    '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed'
    """
    digits = address[2:].lower()
    marks = keccak(digits.encode("ascii")).hex()
    return "0x" + "".join(d.upper() if int(m, 16) >= 8 else d for d, m in zip(digits, marks, strict=False))


def check_address(text: str) -> str:
    """Return an address in its one spelling; a wrong length or checksum is a `ValueError` that says so."""
    if not ADDRESS_PATTERN.match(text):
        raise ValueError(f"'{text[:80]}' is not an address (0x and 40 hexadecimal digits)")
    mixed = text[2:] not in {text[2:].lower(), text[2:].upper()}
    if mixed and text != checksum(text):
        raise ValueError(f"'{text}' fails its checksum (EIP-55): {checksum(text)} would be right")
    return checksum(text)


Address = Annotated[str, AfterValidator(check_address)]
