"""A wallet for tests: eth_account, without what importing it does to the interpreter.

py_ecc, which comes with it, raises the recursion limit to 100,000. Then `json.loads` on hostile nesting no longer gives
a `RecursionError` but overflows the stack, and the tests of hostile input would die instead of passing or failing.
"""

from __future__ import annotations

import sys

_LIMIT = sys.getrecursionlimit()

from eth_account import Account  # noqa: E402
from eth_account.messages import _hash_eip191_message, encode_typed_data  # noqa: E402

sys.setrecursionlimit(_LIMIT)

__all__ = ["Account", "encode_typed_data", "hash_message"]

hash_message = _hash_eip191_message
