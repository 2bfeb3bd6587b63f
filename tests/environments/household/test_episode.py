"""An episode over an engine that the test holds in its hand: what is asked of it, and what comes back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.contract import MAX_OBSERVATION_CHARS, StepResult
from trajectune.environments.household.engine.pool import Pool
from trajectune.environments.household.episode import HouseholdEpisode, normal, opening, spellings, tidy
from trajectune.errors import EpisodeError
from trajectune.trajectory import Fault, ToolCall

COMMANDS = ["go to desk 1", "look", "move mug 1 to desk 1", "inventory"]


class Engine:
    """Answers as a worker does; moving the mug wins."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.commands = COMMANDS

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        self.asked.append((do, arguments))
        if do == "load":
            said = "-= Welcome =-\n\nYou see a desk 1.\n\nYour task is to: put a mug in desk."
            return {"observation": said, "won": False, "commands": self.commands}
        command = arguments["command"]
        return {
            "observation": f"You arrive at desk 1. {command}!",
            "won": command.startswith("move"),
            "commands": self.commands,
        }


class Lender(Pool):
    """Lends the one engine."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = Engine()
        self.given: list[object] = []

    def take(self) -> Any:
        return self.engine

    def give(self, worker: Any) -> None:
        self.given.append(worker)


@pytest.fixture
def lender() -> Lender:
    return Lender()


def started(lender: Lender, snap: bool = False) -> HouseholdEpisode:
    return HouseholdEpisode(lender, {"grammar": "g"}, snap=snap)


def act(episode: HouseholdEpisode, command: str) -> StepResult:
    return episode.step(ToolCall(name="act", arguments={"command": command}))


def test_a_game_is_loaded_and_its_greeting_cut(lender: Lender) -> None:
    episode = started(lender)
    assert lender.engine.asked == [("load", {"game": {"grammar": "g"}})]
    assert episode.observation == "You see a desk 1.\nYour task is to: put a mug in desk."


@pytest.mark.parametrize(
    ("command", "sent"),
    [
        ("go to desk 1", "go to desk 1"),
        ("  GO  to\tDesk 1 \nand then look", "go to desk 1"),
        ("put mug 1 in/on desk 1", "move mug 1 to desk 1"),
        ("place mug 1 onto desk 1", "move mug 1 to desk 1"),
    ],
)
def test_a_command_is_sent_in_the_engines_words(lender: Lender, command: str, sent: str) -> None:
    result = act(started(lender), command)
    assert lender.engine.asked[-1] == ("step", {"command": sent})
    assert result.observation == f"{sent}!"
    assert result.done == (result.reward == 1.0) == sent.startswith("move")


@pytest.mark.parametrize("command", ["", "fly", "go to desk 2", "go to desk 1 now"])
def test_what_cannot_be_done_never_reaches_the_engine(lender: Lender, command: str) -> None:
    episode = started(lender)
    assert act(episode, command) == StepResult("Nothing happens.", fault=Fault.BAD_ARGUMENTS)
    assert len(lender.engine.asked) == 1


def test_only_what_is_admissible_now_can_be_done(lender: Lender) -> None:
    episode = started(lender)
    lender.engine.commands = ["look"]
    assert act(episode, "inventory").fault is None
    assert act(episode, "inventory").fault is Fault.BAD_ARGUMENTS
    assert act(episode, "look").fault is None


def test_snapping_takes_the_nearest_and_nothing_when_none_is_like_it(lender: Lender) -> None:
    episode = started(lender, snap=True)
    assert act(episode, "please go to desk").observation == "go to desk 1!"
    assert act(episode, "qqq").observation == "Nothing happens."


def test_the_game_is_over_once_it_is_won(lender: Lender) -> None:
    episode = started(lender)
    assert act(episode, "move mug 1 to desk 1").reward == 1.0
    again = act(episode, "move mug 1 to desk 1")
    assert (again.done, again.reward, again.fault) == (True, 0.0, Fault.BAD_ARGUMENTS)
    assert len(lender.engine.asked) == 2


@pytest.mark.parametrize(
    ("commands", "ends"),
    [
        (["look"] * 4, 4),
        (["look", "inventory", "look", "look", "look"], 5),
        (["fly", "look", "fly", "fly", "fly"], 5),
        (["look", "look", "inventory", "look", "look"], None),
    ],
)
def test_three_times_the_same_is_lost_after_the_third_move(
    lender: Lender, commands: list[str], ends: int | None
) -> None:
    episode = started(lender)
    results = [act(episode, command) for command in commands]
    done = [number for number, result in enumerate(results, 1) if result.done]
    assert done == ([ends] if ends else [])
    if ends:
        assert (results[-1].fault, results[-1].reward) == (Fault.REPETITION, 0.0)
        assert results[-1].observation != "The game is over."


def test_winning_with_the_third_equal_command_is_won(lender: Lender) -> None:
    episode = started(lender)
    lender.engine.commands = []
    act(episode, "look")
    for _ in range(2):
        assert not act(episode, "move mug 1 to desk 1").done
    episode._admissible = COMMANDS
    won = act(episode, "move mug 1 to desk 1")
    assert (won.done, won.reward, won.fault) == (True, 1.0, None)


def test_closing_gives_the_process_back_once(lender: Lender) -> None:
    episode = started(lender)
    episode.close()
    episode.close()
    assert lender.given == [lender.engine]
    assert act(episode, "look").done
    with pytest.raises(EpisodeError, match="closed"):
        episode._ask("step", command="look")


@given(st.text(max_size=500))
def test_a_command_is_one_line_in_lower_case(text: str) -> None:
    command = normal(text)
    assert normal(command) == command or len(command) == 200
    assert command == " ".join(command.split()) or len(command) == 200
    assert command == normal(f"  {text}\nmore") or not text.strip()


@given(
    st.from_regex(r"[a-z]{1,8} [0-9]{1,2}", fullmatch=True),
    st.from_regex(r"[a-z]{1,8} [0-9]", fullmatch=True),
)
def test_every_way_to_put_a_thing_down_means_the_same(thing: str, place: str) -> None:
    for verb in ("put", "move", "place"):
        for word in ("in/on", "into", "onto", "inside", "in", "on", "to"):
            forms = spellings(f"{verb} {thing} {word} {place}")
            assert f"move {thing} to {place}" in forms
            assert f"put {thing} in/on {place}" in forms


@given(st.text(max_size=6_000))
def test_observations_are_bounded_and_never_empty(text: str) -> None:
    assert 0 < len(tidy(text)) <= MAX_OBSERVATION_CHARS
    assert len(tidy("y" * 4_000)) == 4_000
    assert tidy("y" * 4_001).endswith(" ... (cut)")
    assert len(opening("hello\n\n" + text)) <= MAX_OBSERVATION_CHARS


def test_an_unknown_tool_with_a_long_name_is_answered_briefly(lender: Lender) -> None:
    result = started(lender).step(ToolCall.model_construct(name="\U000e0001" * 100_000, arguments={}))
    assert result.fault is Fault.UNKNOWN_TOOL
    assert len(result.observation) < MAX_OBSERVATION_CHARS
