"""Generated tasks: many, different, held apart, and the same on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from trajectune.environments.play import Play
from trajectune.environments.web_navigation import WebNavigationEnvironment
from trajectune.environments.web_navigation.page.page import Page
from trajectune.environments.web_navigation.sites.frame import MIN_CANDIDATES
from trajectune.environments.web_navigation.sites.generated import KINDS, GeneratedSource, site
from trajectune.environments.web_navigation.sites.words import words

SIZES = {"train": 1000, "dev": 100, "test": 1000}


@pytest.fixture(scope="module")
def source() -> GeneratedSource:
    return GeneratedSource(0, {**SIZES})  # type: ignore[arg-type]


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_thousand_tasks_are_nearly_all_different(source: GeneratedSource, split: str) -> None:
    tasks = source.tasks(split)  # type: ignore[arg-type]
    goals = [source.walk(task).task for task in tasks]
    plans = {str(site(t.kind, str(t.data["seed"]), split == "test").goal.stages) for t in tasks}
    assert len({task.kind for task in tasks}) == len(KINDS) >= 8
    assert len(set(goals)) >= 950
    assert len(plans) >= 500
    assert max(map(len, goals)) < 400


def test_no_theme_no_name_and_no_sentence_of_the_test_split_is_trained_on() -> None:
    train, test = words(False), words(True)
    assert train.lists.keys() == test.lists.keys()
    assert train.frames.keys() == test.frames.keys()
    for section in train.lists:
        assert not set(train.lists[section]) & set(test.lists[section]), section
    for frame in train.frames:
        assert not set(train.frames[frame]) & set(test.frames[frame]), frame


def test_train_and_dev_have_hardly_a_task_in_common(source: GeneratedSource) -> None:
    train, dev = ({source.walk(t).task for t in source.tasks(split)} for split in ("train", "dev"))
    assert len(train & dev) <= 3


def test_a_shorter_list_begins_a_longer_one() -> None:
    sizes = {"train": 7, "dev": 0, "test": 0}
    assert GeneratedSource(0, {**sizes}).tasks("train") == GeneratedSource(0, {**SIZES}).tasks("train")[:7]  # type: ignore[arg-type]


def test_the_same_seed_gives_the_same_pages_on_every_machine() -> None:
    environment = WebNavigationEnvironment(train=12, dev=0, test=12)
    tasks = [*environment.tasks("train"), *environment.tasks("test")]
    seen = "".join(environment.open(task).observation for task in tasks)
    assert hashlib.sha256(seen.encode()).hexdigest()[:16] == DIGEST


DIGEST = "574f9b156c44bc48"
"""Of the first observations; changes with every change of words, sites or snippets, and says so."""


def test_every_page_on_the_way_has_enough_candidates(
    environment: WebNavigationEnvironment, expert_play: Callable[..., Play]
) -> None:
    fewest = [len(environment.open(t).walk.page.candidates) for t in environment.tasks("test")]
    assert min(fewest) >= MIN_CANDIDATES
    for task in range(12):
        play = expert_play(task, "train")
        page: Page = play.episode.walk.page  # type: ignore[attr-defined]
        assert len(page.candidates) >= MIN_CANDIDATES


def test_tasks_take_several_acts(expert_play: Callable[..., Play]) -> None:
    for task in range(24):
        play = expert_play(task, "test")
        assert len(play.episode.walk.previous) >= 3  # type: ignore[attr-defined]
