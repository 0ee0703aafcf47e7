"""Write the page of documentation on the rules.

python -m proposal.checks --write-docs docs/checks.md
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from proposal.checks.catalogue import page


def main() -> int:
    """Write the page to the file that was named, or to standard output."""
    parser = argparse.ArgumentParser(prog="python -m proposal.checks", description=__doc__)
    parser.add_argument("--write-docs", metavar="FILE", type=Path, help="file to write; standard output without it")
    target: Path | None = parser.parse_args().write_docs
    if target is None:
        sys.stdout.write(page())
    else:
        target.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
