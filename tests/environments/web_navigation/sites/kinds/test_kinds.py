"""Every kind of site: drawn the same each time, solvable from anywhere, and forgiving until it commits."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.environments.web_navigation.page.page import Page
from trajectune.environments.web_navigation.sites.frame import MIN_CANDIDATES
from trajectune.environments.web_navigation.sites.generated import KINDS, site
from trajectune.environments.web_navigation.sites.live import LiveWalk
from trajectune.environments.web_navigation.sites.site import Control, Screen, Site, State, after
from trajectune.environments.web_navigation.walk import Act

kinds = st.sampled_from(KINDS)
seeds = st.integers(0, 40).map(str)


def finished(site: Site, walk: LiveWalk) -> float:
    """Does what is right until the end."""
    for _ in range(40):
        turn = walk.take(walk.wanted[0])
        if turn.done:
            return turn.reward
    raise AssertionError(f"{site.goal} is never reached")


def value_for(control: Control, rng: Random) -> str:
    return "" if control.operation == "CLICK" else rng.choice(control.options or ("something", "else"))


def drawn(screen: Screen) -> list[tuple[str, str, str]]:
    return [(element.tag, element.words, element.key) for element in screen.tree.walk()]


@pytest.mark.parametrize("unseen", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_right_leads_to_the_goal(kind: str, unseen: bool) -> None:
    for seed in range(6):
        place = site(kind, str(seed), unseen)
        assert finished(place, LiveWalk(place)) == 1.0


@settings(deadline=None, max_examples=60)
@given(kind=kinds, seed=seeds, wandering=st.randoms(use_true_random=False), acts=st.integers(0, 12))
def test_from_wherever_an_agent_has_strayed_the_goal_can_still_be_reached(
    kind: str, seed: str, wandering: Random, acts: int
) -> None:
    place = site(kind, seed, False)
    walk = LiveWalk(place)
    state = place.start
    for _ in range(acts):
        controls = {k: c for k, c in place.draw(state).controls.items() if not c.commits}
        key = wandering.choice(sorted(controls))
        value = value_for(controls[key], wandering)
        assert walk.impossible(Act(key, controls[key].operation, value)) == ""
        assert not walk.take(Act(key, controls[key].operation, value)).done
        state = after(state, controls[key], value)
        assert len(walk.page.candidates) >= MIN_CANDIDATES
    assert finished(place, walk) == 1.0


@settings(deadline=None, max_examples=40)
@given(kind=kinds, seed=seeds, rng=st.randoms(use_true_random=False))
def test_to_commit_too_early_earns_nothing(kind: str, seed: str, rng: Random) -> None:
    place = site(kind, seed, True)
    walk = LiveWalk(place)
    steps = rng.randrange(6)
    for _ in range(steps):
        screen = place.draw(walk._state)  # pyright: ignore[reportPrivateUsage]
        right = {act.key for act in walk.wanted}
        commits = [k for k, c in screen.controls.items() if c.commits and k not in right]
        if commits:
            turn = walk.take(Act(rng.choice(commits), "CLICK"))
            assert (turn.done, turn.reward) == (True, 0.0)
            return
        if screen.controls[walk.wanted[0].key].commits:
            return
        walk.take(walk.wanted[0])


@given(kind=kinds, seed=seeds)
@settings(deadline=None, max_examples=30)
def test_a_state_is_drawn_the_same_each_time_with_every_control_on_the_page(kind: str, seed: str) -> None:
    place = site(kind, seed, False)
    first, second = place.draw(place.start), place.draw(place.start)
    assert drawn(first) == drawn(second)
    keys = [element.key for element in first.tree.walk() if element.key]
    assert len(set(keys)) == len(keys)
    assert set(keys) == set(first.controls)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_task_says_is_what_its_goal_asks(kind: str) -> None:
    place = site(kind, "3", False)
    for stage in place.goal.stages[:-1]:
        for name, value in stage.items():
            said = {"on": name.rpartition("/")[2], "yes": name.partition("/")[0]}.get(value, value)
            bare = said.lower() in place.goal.task.lower()
            assert bare or not value or "tick" in name or "star" in name or "reminder" in name


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_reached_at_the_start(kind: str) -> None:
    place = site(kind, "1", False)
    assert not place.reached(place.start.values)


def test_labels_can_be_read_in_every_style() -> None:
    for seed in range(30):
        place = site("form", str(seed), False)
        title = str(place.goal.stages[-1]["sent"])
        screen = place.draw(State(title, place.start.values))
        page = Page(screen.tree, [each for each in screen.tree.walk() if each.key in screen.controls])
        for key, control in screen.controls.items():
            if control.name.startswith(f"{title}/") and control.operation != "CLICK":
                label = control.name.partition("/")[2]
                assert label in page.name(page.candidates[key])
