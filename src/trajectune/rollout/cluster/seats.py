"""Where on a cluster processes are started, and what each is given of its node.

The idea: an expert's moves are computed by the environment, so it gets a process for every core. A model
that is decoded there gets one for every GPU, or one with all the cores of a node that has none. An agent
that only waits (an endpoint) gets one for each node.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from trajectune.rollout.cluster.part import Part


@dataclass(frozen=True, slots=True)
class Seat:
    """A place for one process."""

    node: str
    """The node's id."""
    name: str
    """What messages call the node."""
    number: int
    """Among the seats of the node."""
    cpus: int
    gpus: int = 0


def seats(nodes: Iterable[Mapping[str, Any]], part: Part) -> list[Seat]:
    """The seats of the nodes that are alive (as `ray.nodes()` tells of them); none where no core is."""
    return [seat for node in nodes if node["Alive"] for seat in _seats(node, part)]


def _seats(node: Mapping[str, Any], part: Part) -> list[Seat]:
    resources = node["Resources"]
    cpus, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
    about = node["NodeID"], node["NodeManagerHostname"]
    if not cpus:
        return []
    if part.agent is None:
        return [Seat(*about, number, 1) for number in range(cpus)]
    if part.computes:
        return [Seat(*about, number, 1, 1) for number in range(min(gpus, cpus))] or [Seat(*about, 0, cpus)]
    return [Seat(*about, 0, 1)]
