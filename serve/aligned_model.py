"""The model that drafts by default: the embedded model with the adapter that our own recipes trained, merged once.

    python -m serve.aligned_model [--python PYTHON] [--verify]

The adapter lies beside this file with its record and card (`serve/adapters/`). On a CPU merged weights answer two to
four times faster than an adapter beside its base, so serving merges them into a folder of the cache whose name changes
with the adapter's bytes. The weights are kept in float32: rounded to bfloat16 a small change of a weight is lost.
"""

from __future__ import annotations

import json
from pathlib import Path

from proposal.errors import IntegrityError
from serve.model_files import (
    Report,
    ensure_embedded_model,
    make_once,
    print_folder,
    run_script,
    sha256_file,
    write_manifest,
)

ADAPTER = Path(__file__).with_name("adapters") / "smollm2-135m-dao"
WEIGHTS = "adapter_model.safetensors"
HASHES = "manifest.json"
"""What `recipes/export.py layout` wrote beside the weights: the SHA-256 of every file."""

MERGER = Path(__file__).with_name("merge_adapter.py")


def ensure_aligned_model(cache_dir: Path, *, python: Path, report: Report, adapter: Path = ADAPTER) -> Path:
    """Return the checkpoint folder of the embedded model with its adapter, fetching and merging what is not there.

    Raises `IntegrityError` where the adapter's weights are not those of its manifest, `UpstreamError` or `ConfigError`
    as `ensure_embedded_model` does.
    """
    digest = adapter_digest(adapter)
    base = ensure_embedded_model(cache_dir, python=python, report=report)

    def merged(work: Path) -> Path:
        report("  merging the adapter into the model (about half a minute)")
        checkpoint = work / "checkpoint"
        run_script(MERGER, [base, adapter, checkpoint], python=python, doing="merging", report=report)
        write_manifest(checkpoint, adapter.name, {"base": base.name, "adapter": adapter.name, "sha256": digest})
        return checkpoint

    return make_once(cache_dir / "models", f"{adapter.name}-{digest[:12]}", merged, report=report)


def adapter_digest(adapter: Path) -> str:
    """Return the SHA-256 of the adapter's weights, which must be the one that its manifest states."""
    weights, manifest = adapter / WEIGHTS, adapter / HASHES
    fix = "take the folder from the repository again (git checkout)"
    try:
        digest = sha256_file(weights)
        stated = json.loads(manifest.read_text(encoding="utf-8"))["sha256"][WEIGHTS]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"the adapter cannot be read: {error}", where=str(adapter), fix=fix) from None
    if digest != stated:
        raise IntegrityError(f"the adapter's SHA-256 is {digest}", where=str(weights), expected=str(stated), fix=fix)
    return digest


if __name__ == "__main__":
    print_folder(__doc__, ensure_aligned_model)
