"""A gateway process with the scripted drafter, for tests that kill it.

    python -m tests.serve.scripted_gateway DATA_DIR SECONDS_PER_WORD [REVIEWER …]

Prints one line of JSON when it listens: address, API token and sign-in links.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from serve.app import Gateway
from tests.serve.builders import ScriptedDrafter, settings_in


def main() -> None:
    folder, pause, *reviewers = sys.argv[1:]
    drafter = ScriptedDrafter(between=lambda: time.sleep(float(pause)))
    gateway = Gateway(settings_in(Path(folder)), drafter=drafter, reviewers=reviewers, port=0)
    told = {
        "url": gateway.url,
        "api_token": gateway.api_token,
        "sign_in_links": dict(gateway.sign_in_links),
    }
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    gateway.run()


if __name__ == "__main__":
    main()
