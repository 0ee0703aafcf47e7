"""No code path of the product signs, holds a key or calls a submission endpoint.

The source of every room is read as a syntax tree, so the proof covers code that no test runs.
Checking a signature that a person made is allowed; making one, or holding what makes one, is not.
"""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("proposal", "rewards", "data_prep", "recipes", "serve")
OFFLINE_ROOMS = ("proposal", "rewards")

SIGNING_NAME = re.compile(
    r"(?i)(?:unsafe_?)?sign_?(?:message|transaction|typed_?data|hash|text|raw|and_send|defunct|_?712)"
    r"|(?i:local_?signer|local_?account|hd_?account)"
    r"|(?i:send_?raw_?transaction|send_?transaction|build_?transaction)"
    r"|(?i:eth_send(?:Raw)?Transaction|eth_sign(?:TypedData(?:_v4)?)?|personal_sign)"
)
KEY_NAME = re.compile(
    r"(?i)private_?key|secret_?key_?hex|mnemonic|seed_?phrase|key_?store|key_?file_?json|from_?key(?!s)"
)
SIGNING_MODULES = ("eth_account.account", "eth_account.signers", "eth_account.hdaccount",
                   "eth_keys", "eth_keyfile", "coincurve", "ecdsa", "secp256k1", "web3.middleware",
                   "eth_account.local")  # fmt: skip
SUBMISSION = re.compile(
    r"(?i)seq\.snapshot\.org|relayer\.snapshot|testnet\.seq\.snapshot|/api/msg\b"
    r"|eth_sendRawTransaction|eth_sendTransaction|/relay/|api-username|user-api-key"
    r"|relay\.safe\.global|safe-transaction-[a-z]{1,20}\.safe\.global"
)
NETWORK_MODULES = ("socket", "ssl", "http", "urllib.request", "urllib3", "requests", "httpx",
                   "httpx2", "aiohttp", "websockets", "websocket", "ftplib", "smtplib", "telnetlib",
                   "xmlrpc", "subprocess", "multiprocessing", "asyncio", "web3", "grpc",
                   "ctypes")  # fmt: skip
VERIFYING_IMPORT = re.compile(
    r"imports eth_keys\.(?:datatypes(?:\.Signature)?|exceptions(?:\.BadSignature)?), which signs"
)
DYNAMIC_CALLS = ("__import__", "eval", "exec", "compile", "import_module")


def names_in(node: ast.AST) -> Iterator[str]:
    """Yield every name that a node binds, reads or passes."""
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.arg) or (isinstance(node, ast.keyword) and node.arg):
        yield node.arg or ""
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.alias):
        yield from (node.name.split(".")[-1], node.asname or "")


def modules_in(node: ast.AST) -> Iterator[str]:
    """Yield every module that a node imports, and module.name of what is taken from it."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_module(module: str, listed: tuple[str, ...]) -> bool:
    return any(module == one or module.startswith(one + ".") for one in listed)


@functools.cache
def faults_of(name: str) -> tuple[str, ...]:
    """Say what a name tells by itself; the same names stand in many files."""
    signs = (f"the name {name} signs or sends",) if SIGNING_NAME.search(name) else ()
    return (*signs, f"the name {name} holds a key") if KEY_NAME.search(name) else signs


def violations(source: str, *, offline: bool) -> list[str]:
    """List what the source must not hold."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        line = getattr(node, "lineno", 0)
        for module in modules_in(node):
            if is_module(module, SIGNING_MODULES):
                found.append(f"{line}: imports {module}, which signs")
            if offline and is_module(module, NETWORK_MODULES):
                found.append(f"{line}: imports {module} in a room that stays offline")
        for name in names_in(node):
            found += [f"{line}: {fault}" for fault in faults_of(name)]
            if offline and name in DYNAMIC_CALLS and not isinstance(node, ast.Attribute):
                found.append(f"{line}: {name} could reach anything")
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if SUBMISSION.search(node.value):
                found.append(f"{line}: names a submission endpoint")
            if KEY_NAME.fullmatch(node.value):
                found.append(f"{line}: names a key")
    return found


def sources() -> list[Path]:
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def test_no_code_of_the_product_signs_holds_a_key_or_submits():
    found = [
        f"{path.relative_to(ROOT)}:{violation}"
        for path in sources()
        for violation in violations(
            path.read_text(encoding="utf-8"),
            offline=path.relative_to(ROOT).parts[0] in OFFLINE_ROOMS,
        )
        # The rule that finds leaked keys in a proposal has to say what they are called.
        if not (path == ROOT / "proposal" / "checks" / "policy.py" and violation.endswith("names a key"))
        # The one place that checks signatures: it takes the finished signature from the library, and nothing else.
        if not (path == ROOT / "proposal" / "signatures.py" and VERIFYING_IMPORT.search(violation))
        # `reward lint` imports the plugin that its user names, as ms-swift would; `reward` is no part of drafting.
        if not (path == ROOT / "rewards" / "linting.py" and violation.endswith("could reach anything"))
    ]
    assert found == []


def test_what_is_taken_from_the_library_of_signatures_only_recovers_an_account():
    source = (ROOT / "proposal" / "signatures.py").read_text(encoding="utf-8")
    taken = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)]
    names = {(node.module, alias.name) for node in taken for alias in node.names if "eth_keys" in str(node.module)}
    assert names == {("eth_keys.datatypes", "Signature"), ("eth_keys.exceptions", "BadSignature")}
    assert set(re.findall(r"\bsigned\.(\w+)", source)) == {"recover_public_key_from_msg_hash"}


def test_pages_ask_the_wallet_for_one_kind_of_signature_and_for_no_transaction():
    asked: dict[str, set[str]] = {}
    for script in (ROOT / "serve" / "static").glob("*.js"):
        source = script.read_text(encoding="utf-8")
        assert not KEY_NAME.search(source), script.name
        asked[script.name] = set(re.findall(r"(?:eth|personal|wallet)_[A-Za-z_0-9]+", source))
    assert asked.pop("wallet.js") == {"eth_requestAccounts", "eth_chainId", "eth_signTypedData_v4"}
    assert not any(asked.values())


def test_every_room_is_read():
    rooms = {path.relative_to(ROOT).parts[0] for path in sources()}
    assert {"proposal", "serve"} <= rooms


@pytest.mark.parametrize(
    "source",
    [
        "from eth_account.signers.local import LocalAccount",
        "import eth_keys",
        "from eth_account import Account\nAccount.sign_message(m, k)",
        "account.signTypedData(d)",
        "w3.eth.send_raw_transaction(raw)",
        "w3.eth.sendTransaction(tx)",
        "Account.from_key(k)",
        "def f(private_key): ...",
        "f(privateKey=1)",
        "d['private_key']",
        "MNEMONIC = 'a b c'",
        "post('https://seq.snapshot.org')",
        "rpc('eth_sendRawTransaction', [raw])",
        "headers = {'User-Api-Key': k}",
        "url = f'{host}/api/msg'",
    ],
)
def test_the_proof_would_see_signing_keys_and_submission(source):
    assert violations(source, offline=False)


@pytest.mark.parametrize(
    "source",
    ["import socket", "from urllib import request", "import httpx2", "import subprocess",
     "import http.client as c", "exec('import socket')", "__import__('socket')"],
)  # fmt: skip
def test_the_proof_would_see_the_network_in_an_offline_room(source):
    assert violations(source, offline=True)


def test_plain_code_passes_the_proof():
    source = "from urllib.parse import quote\nimport re\nX = re.compile('a')\ndesign = sign = 1"
    assert violations(source, offline=True) == []


OFFLINE_RUN = """
import sys
def refuse(event, args):
    if event.startswith(("socket.", "subprocess.", "os.system", "os.exec", "urllib.", "http.")):
        raise RuntimeError(event)
sys.path.insert(0, sys.argv[1])
from proposal.exports import VenueOptions, to_bundle
from proposal.verify import verify_files
from tests.proposal.builders import a_draft, a_review, a_template
sys.addaudithook(refuse)
draft = a_draft()
venues = {"snapshot": {"space": "example.eth"}, "governor": {"signal": True}, "anticapture": {},
          "discourse": {"forum": "https://forum.example.org"},
          "daoip": {"dao_uri": "https://dao.example.org/dao.json"}}
files = to_bundle(draft, a_review(draft), template=a_template(),
                  options=VenueOptions.model_validate(venues)).files
report = verify_files(files)
assert report.ok, report.problems
loaded = {"ssl", "httpx2", "torch", "sqlalchemy", "fastapi", "eth_account", "web3"}
print(sorted(loaded & set(sys.modules)))
"""


def test_export_and_verification_open_no_connection_and_start_no_program():
    run = subprocess.run([sys.executable, "-c", OFFLINE_RUN, str(ROOT)], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr[-600:]) == (0, "[]\n", "")
