"""What a job is, whatever machine it runs on: recipe, image, machines, and where data and checkpoints lie."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipes.problems import Problem
from recipes.recipe import Recipe, file_part, is_hub_id

RECIPE_FILE = "train.yaml"
PROJECT_IN_IMAGE = "/opt/dao-proposal-agent"
NOT_RUN = "not run here: written from the documented shape without a cluster to try it on"
MASTER_PORT = 29500
ADAPTER_KEYS = ("adapters", "ref_adapters")

_S3 = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/[A-Za-z0-9!_.*'()-]+)+/?\Z")
_IMAGE = re.compile(r"[a-z0-9][a-z0-9./_:-]*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|@sha256:[0-9a-f]{64})\Z")
_GPUS = re.compile(r"(?P<kind>[A-Za-z][A-Za-z0-9-]*):(?P<count>[1-9][0-9]?)\Z")
_NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,50}[a-z0-9])?\Z")


@dataclass(frozen=True, slots=True)
class Places:
    """Where data, checkpoints and the recipe lie inside a job; without S3 they are paths that every node sees."""

    in_s3: bool
    data: str
    checkpoints: str
    recipe: str


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a recipe on other machines."""

    recipe: Recipe
    name: str
    image: str
    gpus: str
    nodes: int
    data: str
    checkpoints: str
    hours: float
    spot: bool = False
    price: float | None = None
    role: str = ""
    instance: str = ""
    recipe_uri: str = ""

    @property
    def gpu_kind(self) -> str:
        match = _GPUS.match(self.gpus)
        return match["kind"] if match else ""

    @property
    def gpu_count(self) -> int:
        """GPUs of one node."""
        match = _GPUS.match(self.gpus)
        return int(match["count"]) if match else 0

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong with the inputs, whatever the launcher."""
        if not _NAME.match(self.name):
            yield Problem("--job-name", f"'{self.name}' is no name for a job", "a-z, 0-9 and '-', 52 at most")
        if not _IMAGE.match(self.image) or self.image.endswith(":latest"):
            yield Problem("--image", f"'{self.image}' names no fixed image", "give NAME:VERSION or NAME@sha256:…")
        if not self.gpu_count:
            yield Problem("--gpus", f"'{self.gpus}' is no kind and count of a node's GPUs", "such as H100:8")
        if self.nodes < 1:
            yield Problem("--nodes", f"{self.nodes} nodes", "give 1 or more")
        if self.hours <= 0:
            yield Problem("--hours", f"{self.hours} hours", "give the longest time that the job may take")
        for option, value in (("--data", self.data), ("--checkpoints", self.checkpoints)):
            if value.startswith("s3://") and not _S3.match(value):
                yield Problem(option, f"'{value}' is no place in S3", "give s3://BUCKET/FOLDER")
        if self.data.rstrip("/") == self.checkpoints.rstrip("/"):
            yield Problem("--checkpoints", "is the place of the data", "give a folder of its own")
        for key in ADAPTER_KEYS:
            for text in self.recipe.listed(key):
                if _inside(self.recipe, text) is None:
                    fix = "put it among the run folders, and copy it to --checkpoints"
                    yield Problem(self.recipe.where(key), f"'{text}' is not beside the run folder", fix)
        model = str(self.recipe.values.get("model", ""))
        if not is_hub_id(model) and Path(model).exists():
            yield Problem(
                self.recipe.where("model"),
                f"'{model}' lies on this machine, which the job does not see",
                "set model=OWNER/NAME, or the folder it has in the image",
            )


def remote_recipe(job: Job, places: Places) -> dict[str, Any]:
    """Return the recipe as the job reads it: its data and run folder are where the job has them."""
    values = dict(job.recipe.values)
    for key in ("dataset", "val_dataset"):
        if key in values:
            data = job.data if not places.in_s3 else places.data
            values[key] = [_moved(text, data) for text in job.recipe.listed(key)]
    runs = job.checkpoints.rstrip("/") if not places.in_s3 else places.checkpoints
    for key in ADAPTER_KEYS:
        if key in values:
            values[key] = [f"{runs}/{_inside(job.recipe, text)}" for text in job.recipe.listed(key)]
    values["output_dir"] = f"{runs}/{job.name}"
    values["add_version"] = False
    return {**values, **({"ENV": dict(_environment(job.recipe.env))} if _environment(job.recipe.env) else {})}


def _inside(recipe: Recipe, adapter: str) -> Path | None:
    """Return the place of an adapter among the run folders, which the job finds beside its own."""
    runs = Path(str(recipe.values.get("output_dir", ""))).parent
    return Path(adapter).relative_to(runs) if Path(adapter).is_relative_to(runs) else None


def _moved(text: str, data: str) -> str:
    name = Path(file_part(text)).name
    return f"{data.rstrip('/')}/{name}{text.removeprefix(file_part(text))}"


def _environment(env: Mapping[str, str]) -> Mapping[str, str]:
    """Leave out what the machines decide themselves."""
    decided = {"NPROC_PER_NODE", "NNODES", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT", "CUDA_VISIBLE_DEVICES"}
    return {name: value for name, value in env.items() if name not in decided}


def start_command(job: Job, recipe: str) -> str:
    """Return the command that every node runs: it goes on where there is a checkpoint, and begins otherwise."""
    words = ["python", f"recipes/{job.recipe.method.name}.py", recipe, "--resume", "auto", "--end-stalled"]
    return shlex.join(words)


def heading(launcher: str, release: str, job: Job) -> list[str]:
    """Return the comment that stands first in a specification."""
    return [
        f"# {job.name}: {job.recipe.method.name} by {job.recipe.path.name} on {job.nodes} × {job.gpus}, "
        f"for {launcher} {release}".rstrip(),
        f"# {NOT_RUN}.",
    ]
