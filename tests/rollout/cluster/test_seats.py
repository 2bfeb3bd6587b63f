"""Which processes a node gets."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

import trajectune as tt
from trajectune.agents.contract import Agent
from trajectune.rollout.cluster.part import Part
from trajectune.rollout.cluster.seats import Seat, seats

LOCAL: partial[Agent] = partial(tt.Local, "tiny")
ENDPOINT: partial[Agent] = partial(tt.Endpoint, "http://x/v1", "m")


def part(agent: partial[Agent] | None) -> Part:
    return Part("database", {}, agent, "react", 1, None, 3)


def node(resources: dict[str, float], alive: bool = True) -> dict[str, Any]:
    return {"NodeID": "n", "NodeManagerHostname": "host", "Alive": alive, "Resources": resources}


@pytest.mark.parametrize(
    ("agent", "resources", "given"),
    [
        (None, {"CPU": 3.0, "GPU": 1.0}, [(1, 0), (1, 0), (1, 0)]),
        (LOCAL, {"CPU": 8.0}, [(8, 0)]),
        (LOCAL, {"CPU": 8.0, "GPU": 2.0}, [(1, 1), (1, 1)]),
        (LOCAL, {"CPU": 1.0, "GPU": 4.0}, [(1, 1)]),
        (ENDPOINT, {"CPU": 8.0, "GPU": 2.0}, [(1, 0)]),
        (None, {"memory": 5.0}, []),
    ],
)
def test_a_node_gets_what_the_agent_can_use(
    agent: partial[Agent] | None, resources: dict[str, float], given: list[tuple[int, int]]
) -> None:
    found = seats([node(resources)], part(agent))
    assert [(seat.cpus, seat.gpus) for seat in found] == given
    assert len(set(found)) == len(found)


def test_the_dead_have_no_seats() -> None:
    alive = node({"CPU": 1.0})
    assert seats([node({"CPU": 4.0}, alive=False), alive], part(None)) == [Seat("n", "host", 0, 1)]
