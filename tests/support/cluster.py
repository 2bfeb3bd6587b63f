"""A Ray cluster of two nodes on this machine, in a process of its own that can kill one of them.

Invariants: the cluster dies with the test process, however that ends (its input is closed then); ports and
names are free ones, so that clusters of several test processes do not meet.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",  # else a node's processes wait for whatever else the machine does
    "RAY_AUTH_MODE": "disabled",
    "RAY_DISABLE_IMPORT_WARNING": "1",
    "RAY_health_check_period_ms": "500",  # a node that is dead is known to be after two seconds
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "4",
}
HOST = """
import json, os, sys
from ray.cluster_utils import Cluster

SMALL = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False}
asked = json.loads(sys.argv[1])
cluster = Cluster(initialize_head=True, head_node_args=SMALL | {"num_cpus": asked["head"]})
if asked["second"] is not None:
    second = cluster.add_node(**SMALL, env_vars=asked["second"])
print(cluster.address, flush=True)
for line in sys.stdin:
    cluster.remove_node(second, allow_graceful=False)
    print("killed", flush=True)
cluster.shutdown()
"""


class TwoNodes:
    """Two nodes of one core each; use as a context manager. `address` is the cluster's."""

    def __init__(self, *, head: int = 1, second: dict[str, str] | None = None) -> None:
        """`head`: cores of the first node; `second`: environment variables of the other."""
        asked = json.dumps({"head": head, "second": second or {}})
        self._host = subprocess.Popen(
            [sys.executable, "-c", HOST, asked],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment(),
        )
        self.address = self._line()

    def kill_one(self) -> None:
        """The second node dies at once, as by a cut cable."""
        assert self._host.stdin is not None
        self._host.stdin.write("kill\n")
        self._host.stdin.flush()
        assert self._line() == "killed"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._host.communicate("", timeout=30)
        finally:
            self._host.kill()

    def _line(self) -> str:
        assert self._host.stdout is not None
        line = self._host.stdout.readline().strip()
        assert line, "the cluster did not start"
        return line


def environment(**more: str) -> dict[str, str]:
    """Environment variables of a process that uses a cluster."""
    return {**os.environ, **QUIET, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **more}


def rows(path: Path) -> list[Any]:
    """The trajectories of a file, sorted, without what the clock decides; none stands there twice."""
    found = [_timeless(json.loads(line)) for line in path.read_text("utf-8").splitlines()]
    assert len({row["id"] for row in found}) == len(found), "a trajectory is doubled"
    return sorted(found, key=lambda row: row["id"])


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(each) for key, each in value.items() if key != "seconds"}
    return [_timeless(each) for each in value] if isinstance(value, list) else value
