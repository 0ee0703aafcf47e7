"""What SageMaker says of a container's place in its job, as the five variables that ms-swift gives to torchrun.

    python -m recipes.elsewhere.container sft /opt/ml/input/data/recipe/train.yaml

SageMaker's own images set SM_HOSTS, SM_CURRENT_HOST and SM_NUM_GPUS. A container of one's own finds hosts in
`resourceconfig.json`, and counts its GPUs itself.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from proposal.errors import ConfigError
from recipes.elsewhere.job import MASTER_PORT

RESOURCE_CONFIG = Path("/opt/ml/input/config/resourceconfig.json")


def torchrun_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Map SageMaker's variables; the hosts are sorted, so that all of them agree on who is first.

    >>> says = {"SM_HOSTS": '["algo-2", "algo-1"]', "SM_CURRENT_HOST": "algo-2", "SM_NUM_GPUS": "8"}
    >>> found = torchrun_variables(says)
    >>> found["NNODES"], found["NODE_RANK"], found["MASTER_ADDR"], found["NPROC_PER_NODE"]
    ('2', '1', 'algo-1', '8')
    """
    try:
        hosts = sorted(json.loads(environment["SM_HOSTS"]), key=_number)
        current, gpus = environment["SM_CURRENT_HOST"], int(environment["SM_NUM_GPUS"])
        rank = hosts.index(current)
    except KeyError as error:
        raise ConfigError(f"{error} is not set", where="the container", expected="SageMaker's variables") from error
    except ValueError as error:
        raise ConfigError(f"SageMaker's variables do not fit together: {error}", where="the container") from error
    if gpus < 1:
        raise ConfigError("the instance has no GPU", where="SM_NUM_GPUS", fix="choose an instance with GPUs")
    return {
        "NNODES": str(len(hosts)),
        "NODE_RANK": str(rank),
        "NPROC_PER_NODE": str(gpus),
        "MASTER_ADDR": hosts[0],
        "MASTER_PORT": str(MASTER_PORT),
    }


def _number(host: str) -> tuple[str, int]:
    """Sort algo-10 behind algo-9."""
    head, _, tail = host.rpartition("-")
    return (head, int(tail)) if tail.isdigit() else (host, 0)


def with_resource_config(environment: Mapping[str, str], path: Path = RESOURCE_CONFIG) -> dict[str, str]:
    """Return the environment with what a container of one's own has to find out itself."""
    found = dict(environment)
    if "SM_HOSTS" not in found and path.is_file():
        config = json.loads(path.read_text(encoding="utf-8"))
        found["SM_HOSTS"] = json.dumps(config["hosts"])
        found["SM_CURRENT_HOST"] = config["current_host"]
    if "SM_NUM_GPUS" not in found:
        tool = shutil.which("nvidia-smi")
        listed = subprocess.run([tool, "-L"], capture_output=True, text=True, check=False).stdout if tool else ""
        found["SM_NUM_GPUS"] = str(sum(line.startswith("GPU ") for line in listed.splitlines()))
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Become the launcher of a method, with the variables set."""
    method, *words = sys.argv[1:] if argv is None else argv
    environment = with_resource_config(os.environ)
    script = Path(__file__).parents[1] / f"{method}.py"
    command = [sys.executable, str(script), *words]
    os.execve(sys.executable, command, {**environment, **torchrun_variables(environment)})


if __name__ == "__main__":
    main()
