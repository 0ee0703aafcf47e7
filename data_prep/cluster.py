"""The same pure row function on a cluster: Ray Data reads Parquet shards, makes rows, writes Parquet.

    python -m data_prep.cluster 'corpus/*.parquet' --out rows [--address ray://HOST:10001]

Without an address Ray runs here. Each worker gets batches of records and the plan, nothing else, so what a row is does
not depend on where it was made; a stream over the same shards gives the same rows.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_prep.lake import missing_package
from data_prep.split import load_split
from data_prep.streaming import StreamPlan, batch_lines, check_columns, parser, shards_of
from data_prep.units import UNIT, row_schema
from proposal.errors import AgentError


def lines_table(batch: Any, plan: StreamPlan) -> Any:
    """Turn an Arrow table of records into an Arrow table of rows and drops."""
    import pyarrow as pa

    return pa.Table.from_pylist(list(batch_lines(batch.to_pylist(), plan)), row_schema())


def cluster_rows(shards: Sequence[Path], plan: StreamPlan) -> Any:
    """Return the Ray data set of the rows of the shards; nothing is computed before it is read or written."""
    import pyarrow.parquet as pq
    import ray.data

    for path in shards:
        check_columns(pq.read_schema(path).names, str(path))
    records = ray.data.read_parquet([str(path) for path in shards])
    return records.map_batches(lines_table, batch_format="pyarrow", batch_size=UNIT, fn_kwargs={"plan": plan})


def main(argv: Sequence[str] | None = None) -> int:
    """Make rows on a cluster as the command line asks; return the exit code."""
    made = parser("cluster")
    made.add_argument("--address", help="a running Ray cluster (default: Ray on this machine)")
    made.add_argument("--workers", type=int, default=2, help="processors that Ray on this machine may use")
    arguments = made.parse_args(argv)
    try:
        import ray

        shards, plan = shards_of(arguments.shards), StreamPlan(load_split(arguments.split))
        where = {"address": arguments.address} if arguments.address else {"num_cpus": arguments.workers}
        ray.init(**where, include_dashboard=False, log_to_driver=False)
        rows = cluster_rows(shards, plan)
        rows.write_parquet(str(arguments.out.resolve()))
    except ModuleNotFoundError as error:
        sys.stderr.write(f"{missing_package(error)}\n")
        return 6
    except AgentError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(f"{arguments.out}: rows and drops as Parquet, a file for each block\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
