"""Pages, sites and players that many of these tests share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from trajectune.environments.contract import StepResult
from trajectune.environments.play import Play, start
from trajectune.environments.web_navigation import WebNavigationEnvironment
from trajectune.environments.web_navigation.episode import WebNavigationEpisode
from trajectune.environments.web_navigation.tournament import LETTERS
from trajectune.environments.web_navigation.walk import Act
from trajectune.trajectory import ToolCall

Choose = Callable[..., StepResult]


@pytest.fixture(scope="session")
def environment() -> WebNavigationEnvironment:
    return WebNavigationEnvironment(train=24, dev=12, test=24)


@pytest.fixture
def choose() -> Choose:
    def said(episode: WebNavigationEpisode, choice: object, **rest: object) -> StepResult:
        return episode.step(
            ToolCall.model_validate({"name": "choose", "arguments": {"choice": choice, **rest}})
        )

    return said


@pytest.fixture
def act() -> Callable[[WebNavigationEpisode, Act], StepResult]:
    """Carries out an act, whatever is asked in between."""

    def carried(episode: WebNavigationEpisode, act: Act) -> StepResult:
        done = len(episode.judged)
        result = StepResult("")
        while len(episode.judged) == done and not result.done:
            arguments: dict[str, str] = {"choice": "A"}
            if act.key in episode.choices:
                letter = LETTERS[list(episode.choices).index(act.key) + 1]
                arguments = {"choice": letter, "action": act.operation}
                arguments |= {"value": act.value} if act.value else {}
            result = episode.step(ToolCall(name="choose", arguments={**arguments}))
            assert result.fault is None, result.observation
        return result

    return carried


@pytest.fixture
def expert_play(environment: WebNavigationEnvironment) -> Callable[..., Play]:
    """Plays an expert to the end."""

    def played(
        task: int, split: str = "train", seed: int = 0, other: WebNavigationEnvironment | None = None
    ):
        home = other or environment
        play = start(home, home.tasks(split)[task], seed)  # type: ignore[arg-type]
        assert play is not None
        while play.advance() is not None:
            pass
        return play

    return played
