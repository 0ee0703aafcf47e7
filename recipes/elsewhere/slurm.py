"""A recipe as a Slurm batch script: one task a node, which starts that node's processes through ms-swift's torchrun."""

from __future__ import annotations

import math
import shlex

from recipes.elsewhere.job import MASTER_PORT, PROJECT_IN_IMAGE, RECIPE_FILE, Job, Places, heading, start_command

PLACES = Places(in_s3=False, data="", checkpoints="", recipe=RECIPE_FILE)


def render(job: Job) -> str:
    """Return the script; `sbatch job.sbatch` in the folder of this file starts it. The image runs by Pyxis."""
    recipe = f"$SLURM_SUBMIT_DIR/{RECIPE_FILE}"
    mounts = ",".join(f"{path}:{path}" for path in (job.data, job.checkpoints))
    node = (
        "export NODE_RANK=$SLURM_NODEID; "
        f"cd {PROJECT_IN_IMAGE} && {start_command(job, 'RECIPE').replace('RECIPE', '$RECIPE')}"
    )
    minutes = math.ceil(job.hours * 60)
    lines = [
        "#!/bin/bash",
        *heading("Slurm", "", job),
        f"#SBATCH --job-name={job.name}",
        f"#SBATCH --nodes={job.nodes}",
        "#SBATCH --ntasks-per-node=1",
        f"#SBATCH --gres=gpu:{job.gpu_kind.lower()}:{job.gpu_count}",
        f"#SBATCH --time={minutes // 60:02d}:{minutes % 60:02d}:00",
        "#SBATCH --requeue",
        "#SBATCH --open-mode=append",
        f"#SBATCH --output={job.name}-%j.out",
        "set -euo pipefail",
        f"export RECIPE={recipe}",
        f"export NNODES=$SLURM_NNODES NPROC_PER_NODE={job.gpu_count} MASTER_PORT={MASTER_PORT}",
        'export MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)',
        f"srun --kill-on-bad-exit=1 --container-image={shlex.quote(job.image)} "
        f'--container-mounts={shlex.quote(mounts)},"$SLURM_SUBMIT_DIR" \\',
        f"  bash -c {shlex.quote(node)}",
    ]
    return "\n".join(lines) + "\n"
