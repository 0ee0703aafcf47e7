"""A recipe as a Kubeflow TrainJob; the runtime's torch policy tells each pod its place as PET_* variables."""

from __future__ import annotations

import yaml

from recipes.elsewhere.job import PROJECT_IN_IMAGE, RECIPE_FILE, Job, Places, heading, remote_recipe, start_command
from recipes.elsewhere.skypilot import Literal

RELEASE = "Trainer 2.3"
PLACES = Places(in_s3=False, data="", checkpoints="", recipe=f"/tmp/{RECIPE_FILE}")
RUNTIME = "torch-distributed"

_VARIABLES = """\
export NNODES=$PET_NNODES NODE_RANK=$PET_NODE_RANK NPROC_PER_NODE=$PET_NPROC_PER_NODE
export MASTER_ADDR=$PET_MASTER_ADDR MASTER_PORT=$PET_MASTER_PORT
"""


def render(job: Job) -> str:
    """Return the TrainJob; the recipe travels inside it, as a pod sees no file of ours."""
    recipe = yaml.safe_dump(remote_recipe(job, PLACES), sort_keys=False, allow_unicode=True)
    script = (
        f"set -e\n{_VARIABLES}cat > {PLACES.recipe} <<'RECIPE'\n{recipe}RECIPE\n"
        f"cd {PROJECT_IN_IMAGE}\n{start_command(job, PLACES.recipe)}\n"
    )
    gpus = str(job.gpu_count)
    train_job = {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {"name": job.name, "annotations": {"dao-agent/state": "not run here"}},
        "spec": {
            "runtimeRef": {"apiGroup": "trainer.kubeflow.org", "kind": "ClusterTrainingRuntime", "name": RUNTIME},
            "trainer": {
                "image": job.image,
                "numNodes": job.nodes,
                "numProcPerNode": job.gpu_count,
                "resourcesPerNode": {"limits": {"nvidia.com/gpu": gpus}, "requests": {"nvidia.com/gpu": gpus}},
                "command": ["bash", "-c"],
                "args": [script],
            },
        },
    }
    lines = [
        *heading("Kubeflow", RELEASE, job),
        f"# Needs a runtime '{RUNTIME}' whose pods mount a volume at {job.data},",
        f"# and one that all share at {job.checkpoints}.",
        f"# Which card a pod gets ({job.gpu_kind}) is for the runtime's node selector.",
        "",
    ]
    return "\n".join(lines) + yaml.dump(train_job, Dumper=Literal, sort_keys=False)
