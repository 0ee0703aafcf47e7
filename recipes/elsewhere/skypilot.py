"""A recipe as a SkyPilot task; a managed job starts again where its machine was taken away."""

from __future__ import annotations

import yaml

from recipes.elsewhere.job import MASTER_PORT, PROJECT_IN_IMAGE, RECIPE_FILE, Job, Places, heading, start_command

RELEASE = "0.14.1"
PLACES = Places(in_s3=True, data="/data", checkpoints="/checkpoints", recipe=f"/job/{RECIPE_FILE}")

_VARIABLES = f"""\
export NNODES=$SKYPILOT_NUM_NODES NODE_RANK=$SKYPILOT_NODE_RANK NPROC_PER_NODE=$SKYPILOT_NUM_GPUS_PER_NODE
export MASTER_ADDR=$(echo "$SKYPILOT_NODE_IPS" | head -n 1) MASTER_PORT={MASTER_PORT}
"""


def render(job: Job) -> str:
    """Return the task; `sky jobs launch FILE` starts it."""
    task = {
        "name": job.name,
        "num_nodes": job.nodes,
        "resources": {
            "accelerators": job.gpus,
            "use_spot": job.spot,
            "image_id": f"docker:{job.image}",
        },
        "file_mounts": {
            PLACES.recipe: f"./{RECIPE_FILE}",
            PLACES.data: {"source": job.data, "mode": "COPY"},
            PLACES.checkpoints: {"source": job.checkpoints, "mode": "MOUNT_CACHED"},
        },
        "run": f"set -e\n{_VARIABLES}cd {PROJECT_IN_IMAGE}\n{start_command(job, PLACES.recipe)}\n",
    }
    lines = [*heading("SkyPilot", RELEASE, job), "# sky jobs launch skypilot.yaml, from the folder of this file", ""]
    return "\n".join(lines) + yaml.dump(task, Dumper=Literal, sort_keys=False)


class Literal(yaml.SafeDumper):
    """Writes texts of several lines as such."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


Literal.add_representer(str, _text)
