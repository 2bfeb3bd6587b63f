"""An episode answers whatever it is told, and shows a question that fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.pages import tag
from support.steps import hostile_text, json_values
from trajectune.environments.contract import MAX_OBSERVATION_CHARS, StepResult
from trajectune.environments.web_navigation import WebNavigationEnvironment
from trajectune.environments.web_navigation.episode import MAX_TASK, WebNavigationEpisode, ranked
from trajectune.environments.web_navigation.page.page import Page
from trajectune.environments.web_navigation.ranking.lexical import LexicalRanker
from trajectune.environments.web_navigation.recorded.walk import RecordedStep, RecordedWalk
from trajectune.environments.web_navigation.tournament import LETTERS
from trajectune.environments.web_navigation.walk import Act
from trajectune.trajectory import Fault, ToolCall

Choose = Callable[..., StepResult]


def recorded(steps: int = 1, links: int = 12, words: str = "link") -> WebNavigationEpisode:
    """An episode over pages of links, on which the first link is right."""
    page = Page(tag("html", *(tag("a", f"{words} {n}", key=f"l{n}", href="#") for n in range(links))))
    record = [RecordedStep(lambda: page, (Act("l0", "CLICK"),), f"did {n}") for n in range(steps)]
    return WebNavigationEpisode(RecordedWalk("Follow link 0.", record), LexicalRanker(), 10, "seed")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "a letter from A to F"),
        ({"choice": "G"}, "a letter from A to F"),
        ({"choice": ""}, "a letter from A to F"),
        ({"choice": "BC"}, "a letter from A to F"),
        ({"choice": ["B"]}, "a letter from A to F"),
        ({"choice": "B"}, "CLICK, SELECT, TYPE"),
        ({"choice": "B", "action": "click"}, "CLICK, SELECT, TYPE"),
        ({"choice": "B", "action": ["CLICK"]}, "CLICK, SELECT, TYPE"),
        ({"choice": "B", "action": "CLICK", "value": "x"}, "a CLICK has none"),
        ({"choice": "B", "action": "TYPE", "value": 3}, "value must be"),
    ],
)
def test_a_wrong_answer_is_told_and_the_question_stays(arguments: dict[str, Any], said: str) -> None:
    episode = recorded()
    before = list(episode.choices)
    result = episode.step(ToolCall(name="choose", arguments=arguments))
    assert (result.fault, result.done) == (Fault.BAD_ARGUMENTS, False)
    assert said in result.observation
    assert list(episode.choices) == before


def test_an_unknown_tool_is_told_briefly() -> None:
    result = recorded().step(ToolCall(name="x" * 5000))
    assert result.fault is Fault.UNKNOWN_TOOL
    assert len(result.observation) < 200


def test_a_question_has_task_history_snippet_and_lettered_choices(choose: Choose) -> None:
    episode, text = recorded(steps=8), ""
    while len(episode.judged) < 7:
        text = choose(episode, "A").observation
    assert text.startswith("'''\n<html>")
    assert "Task: Follow link 0.\n" in text
    assert text.count("did ") == 5
    assert "did 6" in text
    lines = text.split("\n\n")[-1].splitlines()
    assert lines[0] == "A. None of the above"
    for n, (line, key) in enumerate(zip(lines[1:], episode.choices, strict=True)):
        assert line == f"{LETTERS[n + 1]}. <a id={n}> link {key[1:]} </a>"
        assert f"id={n}>" in text.split("'''")[1]


def test_refusing_all_candidates_of_a_recorded_page_is_a_wrong_step(choose: Choose) -> None:
    episode, result = recorded(steps=2), StepResult("")
    for _ in range(4):  # two questions for each of two pages
        result = choose(episode, "A")
    assert (result.done, result.reward) == (True, 0.0)
    assert [judged.step for judged in episode.judged] == [False, False]


def test_a_finished_episode_stays_as_it_ended(choose: Choose, act: Callable[..., StepResult]) -> None:
    episode = recorded()
    last = act(episode, Act("l0", "CLICK"))
    assert (last.done, last.reward) == (True, 1.0)
    assert choose(episode, "A") == last
    assert episode.step(ToolCall(name="nonsense")) == last
    episode.close()
    episode.close()


def test_the_share_of_right_steps_is_the_reward(act: Callable[..., StepResult]) -> None:
    episode, result = recorded(steps=3), StepResult("")
    for key in ("l0", "l3", "l0"):
        result = act(episode, Act(key, "CLICK"))
    assert result.reward == pytest.approx(2 / 3)


def test_nothing_makes_a_question_too_long() -> None:
    episode = recorded(words="word " * 200)
    assert len(episode.observation) < MAX_OBSERVATION_CHARS
    wide = Page(
        tag(
            "html",
            *(tag("a", f"{n} {'x' * 3000}", key=str(n), href="#", title="y" * 900) for n in range(9)),
        )
    )
    steps = [RecordedStep(lambda: wide, (Act("0", "CLICK"),), "z" * 100) for _ in range(7)]
    walk = RecordedWalk("t" * 5000, steps)
    walk.previous = ["z" * 100] * 9
    shown = WebNavigationEpisode(walk, LexicalRanker(), 10, "s").observation
    assert len(shown) < MAX_OBSERVATION_CHARS
    assert "t" * (MAX_TASK - 10) in shown
    assert "t" * (MAX_TASK + 1) not in shown
    assert "\nF. " in shown


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    moves=st.lists(
        st.one_of(
            st.fixed_dictionaries(
                {"choice": st.sampled_from(LETTERS)},
                optional={"action": st.sampled_from(["CLICK", "TYPE", "SELECT"]), "value": hostile_text},
            ),
            st.dictionaries(st.sampled_from(["choice", "action", "value", "x"]), json_values, max_size=3),
        ),
        max_size=25,
    ),
    task=st.integers(0, 11),
)
def test_hostile_answers_never_raise_and_earn_nothing(
    environment: WebNavigationEnvironment, moves: Sequence[dict[str, Any]], task: int
) -> None:
    episode = environment.open(environment.tasks("test")[task])
    for arguments in moves:
        result = episode.step(ToolCall(name="choose", arguments=arguments))
        assert len(result.observation) <= MAX_OBSERVATION_CHARS
        assert result.reward == 0
        assert result.fault is None or result.observation
    episode.close()


def test_what_must_be_asked_about_is_among_the_first() -> None:
    page = Page(tag("html", *(tag("a", f"link {n}", key=f"l{n}", href="#") for n in range(20))))
    step = RecordedStep(lambda: page, (Act("l7", "CLICK"),), "")
    free, forced = (RecordedWalk("Follow link 3.", [step], forced=force) for force in (False, True))
    assert "l7" not in ranked(free, LexicalRanker(), 5)[:5]
    kept = ranked(forced, LexicalRanker(), 5)
    assert kept[4] == "l7"
    assert sorted(kept) == sorted(page.candidates)
    assert kept[0] == "l3"
