"""A recipe as a `create_training_job` request of SageMaker, and the calls that send, show and stop it.

    python -m recipes.elsewhere.sagemaker create out/job/create_training_job.json
    python -m recipes.elsewhere.sagemaker describe dao-sft
    python -m recipes.elsewhere.sagemaker stop dao-sft

The calls need boto3 (`pip install '.[elsewhere]'`) and AWS credentials of yours. They are tested against moto, which
checks shapes and keeps states; no job was ever run.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from proposal.errors import AgentError, ConfigError, InputError, UpstreamError
from proposal.inputs import read_structured
from recipes.elsewhere.job import NOT_RUN, RECIPE_FILE, Job, Places
from recipes.problems import Problem

_INPUT = "/opt/ml/input/data"
PLACES = Places(
    in_s3=True, data=f"{_INPUT}/data", checkpoints="/opt/ml/checkpoints", recipe=f"{_INPUT}/recipe/{RECIPE_FILE}"
)
VOLUME_GB = 500
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+\Z")
_INSTANCE = re.compile(r"ml\.[a-z0-9-]+\.[a-z0-9]+\Z")


def problems(job: Job) -> list[Problem]:
    """Return what a request would be refused for, beyond what concerns every launcher."""
    found = []
    if not _ROLE.match(job.role):
        found.append(Problem("--role", f"'{job.role}' is no role", "give arn:aws:iam::ACCOUNT:role/NAME"))
    if not _INSTANCE.match(job.instance):
        found.append(Problem("--instance", f"'{job.instance}' is no instance type", "such as ml.p5.48xlarge"))
    if not job.recipe_uri.startswith("s3://") or not job.recipe_uri.rstrip("/").count("/") >= 3:
        found.append(Problem("--recipe-uri", f"'{job.recipe_uri}' is no place in S3", "a folder for train.yaml"))
    return found


def request(job: Job) -> dict[str, Any]:
    """Return the request. A managed spot job may wait as long again as it may run."""
    seconds = math.ceil(job.hours * 3600)
    waiting = {"MaxWaitTimeInSeconds": 2 * seconds} if job.spot else {}
    command = ["python", "-m", "recipes.elsewhere.container", job.recipe.method.name, PLACES.recipe]
    return {
        "TrainingJobName": job.name,
        "RoleArn": job.role,
        "AlgorithmSpecification": {
            "TrainingImage": job.image,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": command[:3],
            "ContainerArguments": [*command[3:], "--resume", "auto", "--end-stalled"],
        },
        "InputDataConfig": [_channel("data", job.data), _channel("recipe", job.recipe_uri)],
        "OutputDataConfig": {"S3OutputPath": f"{job.checkpoints.rstrip('/')}/output"},
        "CheckpointConfig": {"S3Uri": job.checkpoints, "LocalPath": PLACES.checkpoints},
        "ResourceConfig": {
            "InstanceType": job.instance,
            "InstanceCount": job.nodes,
            "VolumeSizeInGB": VOLUME_GB,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": seconds, **waiting},
        "EnableManagedSpotTraining": job.spot,
        "Tags": [{"Key": "dao-agent", "Value": NOT_RUN}],
    }


def _channel(name: str, uri: str) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def render(job: Job) -> str:
    """Return the request as JSON; its tag says that it was not run."""
    return json.dumps(request(job), indent=2, ensure_ascii=True) + "\n"


def client() -> Any:
    """Return a SageMaker client with the user's own credentials and region."""
    try:
        import boto3
    except ImportError as error:
        raise ConfigError(
            "boto3 is not installed", where="this environment", fix="pip install '.[elsewhere]'"
        ) from error
    return boto3.client("sagemaker")


def create(sagemaker: Any, wanted: Mapping[str, Any]) -> str:
    """Send a request; return the job's ARN. From here on it costs money."""
    return str(sagemaker.create_training_job(**wanted)["TrainingJobArn"])


def describe(sagemaker: Any, name: str) -> dict[str, Any]:
    """Return the state of a job, and why it failed."""
    found = sagemaker.describe_training_job(TrainingJobName=name)
    kept = ("TrainingJobName", "TrainingJobStatus", "SecondaryStatus", "FailureReason", "BillableTimeInSeconds")
    return {name: found[name] for name in kept if name in found}


def stop(sagemaker: Any, name: str) -> None:
    """Ask a job to stop; its checkpoints stay."""
    sagemaker.stop_training_job(TrainingJobName=name)


def main(argv: Sequence[str] | None = None) -> int:
    """Send, show or stop a job."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("create", "describe", "stop"))
    parser.add_argument("target", help="the request's file, or the job's name")
    found = parser.parse_args(argv)
    try:
        sys.stdout.write(json.dumps(_do(found.what, found.target), indent=2) + "\n")
    except AgentError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _do(what: str, target: str) -> dict[str, Any]:
    sagemaker = client()
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        if what == "create":
            wanted = read_structured(Path(target))
            if not isinstance(wanted, dict):
                raise InputError("is no request", where=target, expected="a JSON object")
            return {"TrainingJobArn": create(sagemaker, wanted)}
        if what == "stop":
            stop(sagemaker, target)
        return describe(sagemaker, target)
    except (BotoCoreError, ClientError) as error:
        raise UpstreamError(str(error), where="SageMaker", fix="check credentials, region, role and quotas") from error


if __name__ == "__main__":
    sys.exit(main())
