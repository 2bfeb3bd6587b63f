"""A cluster that cannot be used is told within seconds, with what to do."""

from __future__ import annotations

import socket
import sys
from functools import partial
from pathlib import Path

import pytest

import trajectune as tt
from support.guess import Guess
from trajectune.agents.contract import Agent, AgentReply
from trajectune.errors import RecipeError, UnavailableError
from trajectune.rollout.cluster.connection import connected


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_an_address_at_which_nobody_answers(scheme: str, closed_port: int) -> None:
    address = f"{scheme}127.0.0.1:{closed_port}"
    with pytest.raises(UnavailableError, match="no Ray cluster answers") as caught, connected(address):
        pass
    assert caught.value.where == address
    assert "--ray local" in caught.value.remedy


def test_no_cluster_on_this_machine(closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{closed_port}")
    with pytest.raises(UnavailableError, match="no Ray cluster answers"), connected("auto"):
        pass


@pytest.mark.parametrize("address", ["here", "host:", ":6379", "host:port", "ray://host"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(RecipeError, match="no address of a Ray cluster"), connected(address):
        pass


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UnavailableError, match="'ray'") as caught, connected("auto"):
        pass
    assert "[ray]" in caught.value.remedy


def test_what_cannot_travel_is_refused_before_any_cluster_is_asked(tmp_path: Path) -> None:
    db, to = tt.environment("database"), tmp_path / "t.jsonl"
    built = tt.Endpoint("http://x/v1", "m")
    with pytest.raises(RecipeError, match="is built already"):
        tt.rollout(db, built, to=to, ray="127.0.0.1:1")
    with pytest.raises(RecipeError, match="a guided agent plays on one machine"):
        tt.rollout(db, tt.Guided(built), to=to, ray="127.0.0.1:1")
    built.close()
    with pytest.raises(RecipeError, match="built by hand"):
        tt.rollout(Guess(), tt.Expert(), to=to, dialect="react", ray="127.0.0.1:1")
    with pytest.raises(RecipeError, match="is no class of agents"):
        tt.rollout(db, partial(lambda: built), to=to, ray="127.0.0.1:1")
    assert not to.exists()


def test_an_agent_that_is_unbuilt_plays_here_too(tmp_path: Path) -> None:
    played = tt.rollout(
        tt.environment("support.guess:Guess", size=3),
        partial(Silent),
        to=tmp_path / "t.jsonl",
        dialect="react",
    )
    assert {row.agent for row in played.trajectories()} == {"silent"}
    assert Silent.closed == 1


class Silent(Agent):
    name = "silent"
    closed = 0

    def reply(self, conversations: object) -> list[AgentReply]:
        del conversations
        return [AgentReply("")]

    def close(self) -> None:
        Silent.closed += 1
