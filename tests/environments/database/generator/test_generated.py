"""Generated tasks: stable, varied, with test apart from train, and each solved by the expert."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.steps import check_read_back
from support.steps import moved as moved_step
from trajectune.dialects.conversation import same_move
from trajectune.dialects.registry import get_dialect
from trajectune.environments import unearned
from trajectune.environments.check import check_environment
from trajectune.environments.database import DatabaseEnvironment
from trajectune.environments.database.engine.problem import CHANGES
from trajectune.environments.database.engine.sandbox import Sandbox
from trajectune.environments.database.generator import wordings
from trajectune.environments.database.generator.generated import KINDS, TRAIN_MIX, Level, make
from trajectune.environments.database.generator.themes import test_themes as unseen_themes
from trajectune.environments.database.generator.themes import train_themes
from trajectune.environments.play import start
from trajectune.errors import RecipeError

ENVIRONMENT = DatabaseEnvironment(train=240, dev=24, test=120)


def test_the_environment_keeps_the_contract():
    assert check_environment(ENVIRONMENT) == []


@pytest.mark.parametrize("level", ["plain", "varied"])
def test_no_task_pays_for_nothing(level: Level):
    environment = DatabaseEnvironment(level=level, train=96, dev=24, test=48)
    for split in ("train", "dev", "test"):
        for task in environment.tasks(split):
            for agent in (unearned.nothing, unearned.at_once, unearned.echo):
                assert list(agent(environment, task, task)) == []


def test_a_problem_depends_on_its_seed_alone():
    assert make("3/train/7", "join", unseen=False) == make("3/train/7", "join", unseen=False)
    assert make("3/train/7", "join", unseen=False) != make("3/train/8", "join", unseen=False)


def test_problems_are_the_same_on_every_machine():
    problem = make("0/train/0", "ranking", unseen=False)
    assert problem.gold.startswith("SELECT ")
    again = DatabaseEnvironment(train=1, kinds=["ranking"])
    assert again.source.problem(again.tasks("train")[0]) == problem


def test_a_shorter_list_is_a_prefix_of_a_longer():
    few, many = DatabaseEnvironment(train=5), DatabaseEnvironment(train=50)
    assert list(many.tasks("train"))[:5] == list(few.tasks("train"))


def test_sixty_test_tasks_have_five_of_each_kind():
    assert Counter(task.kind for task in ENVIRONMENT.tasks("test")[:60]) == dict.fromkeys(KINDS, 5)


def test_kinds_can_be_chosen():
    environment = DatabaseEnvironment(kinds=["insert", "delete"])
    assert {task.kind for task in environment.tasks("train")} == {"insert", "delete"}


def test_test_tables_are_unseen():
    train, test = train_themes(), unseen_themes()
    assert len(train) >= 30
    for parts in (
        lambda theme: {theme.one, theme.many},
        lambda theme: {name.lower() for name in theme.names},
        lambda theme: {theme.fields[0].header.lower()},
    ):
        assert not set().union(*map(parts, train)) & set().union(*map(parts, test))


def test_test_wordings_are_unseen():
    train, test = wordings.TRAIN, wordings.TEST
    assert set(train.frames) == set(test.frames)
    for kind, frames in train.frames.items():
        assert not set(frames) & set(test.frames[kind])
        assert len(set(frames)) == len(frames)
    for part in ("where", "having", "where_than", "having_than", "pair", "assign"):
        assert not set(getattr(train, part)) & set(getattr(test, part))


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_dozens_of_wordings(kind: str):
    """Questions with names and values taken out: how many forms are left."""
    forms = set()
    for number in range(150):
        problem = make(f"w/{number}", kind, unseen=False)
        question = problem.question.split("\n", 1)[0].lower()
        words = re.findall(r"`([^`]+)`|'([^']+)'|(\d+)", problem.gold)
        for part in sorted({p.lower() for group in words for p in group if p}, key=len, reverse=True):
            question = question.replace(part, "_")
        forms.add(question)
    assert len(forms) >= 60


def test_no_test_question_was_seen_in_training():
    seen = {ENVIRONMENT.open(task).observation for task in ENVIRONMENT.tasks("train")}
    assert len(seen) == 240
    assert not seen & {ENVIRONMENT.open(task).observation for task in ENVIRONMENT.tasks("test")}


def test_questions_have_the_benchmark_s_shape():
    problem = make("shape", "select", unseen=False)
    last = problem.question.split("\n")[-1]
    name, headers = problem.tables[0].name, ",".join(c.name for c in problem.tables[0].columns)
    assert last == f"The name of this table is {name}, and the headers of this table are {headers}."


def test_changes_have_no_answers_and_questions_do():
    for kind in KINDS:
        problem = make("a/1", kind, unseen=True)
        assert (problem.answers is None) == (kind in CHANGES)
        assert 5 <= max(len(table.rows) for table in problem.tables) <= 30 or kind == "join"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(KINDS), st.booleans())
def test_a_problem_knows_what_its_statement_shows(number: int, kind: str, unseen: bool):
    problem = make(str(number), kind, unseen)
    box = Sandbox(image=problem.image)
    assert problem.shows == box.run(problem.gold).text
    box.close()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(KINDS), st.booleans(), st.integers(0, 5))
def test_every_expert_earns_the_reward(number: int, kind: str, unseen: bool, seed: int):
    environment = DatabaseEnvironment(seed=number, train=24, test=24, kinds=[kind])
    task = environment.tasks("test" if unseen else "train")[number % 24]
    dialect = get_dialect("agentbench", "database")
    play = start(environment, task, seed)
    assert play is not None
    while (moved := play.advance()) is not None:
        move, result = moved
        assert result.fault is None or not move.trained
        step = moved_step(move.thought, *move.calls)
        assert same_move(check_read_back(dialect, step), step)
    assert play.last is not None
    assert play.last.reward == 1
    play.episode.close()


def test_routes_have_the_promised_shares():
    repaired = looked = short = 0
    tasks = [*ENVIRONMENT.tasks("train"), *ENVIRONMENT.tasks("test")]
    words = []
    for task in tasks:
        play = start(ENVIRONMENT, task, 1)
        assert play is not None
        moves = []
        while (moved := play.advance()) is not None:
            moves.append(moved[0])
        repaired += not moves[0].trained
        looked += (
            "SELECT DISTINCT" in str(moves[0].calls[0].arguments) and len(moves) > 2 and moves[0].trained
        )
        short += len(moves) == 2
        words += [len(move.thought.split()) for move in moves]
        play.episode.close()
    assert 0.10 < repaired / len(tasks) < 0.2
    assert 0.05 < looked / len(tasks) < 0.25
    assert short / len(tasks) > 0.5
    assert sum(words) / len(words) < 14
    assert sum(count > 30 for count in words) / len(words) < 0.03


@pytest.mark.parametrize("level", ["plain", "varied"])
def test_the_train_split_is_mixed_as_promised_and_the_others_evenly(level: Level):
    size = 2 * len(TRAIN_MIX)
    environment = DatabaseEnvironment(level=level, train=size, dev=24, test=24)
    assert Counter(t.kind for t in environment.tasks("train")) == {k: 2 * TRAIN_MIX.count(k) for k in KINDS}
    for split in ("dev", "test"):
        assert Counter(task.kind for task in environment.tasks(split)) == dict.fromkeys(KINDS, 2)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(KINDS), min_size=1, unique=True), st.integers(0, 99))
def test_only_the_kinds_asked_for_come_and_each_of_them(kinds: list[str], seed: int):
    environment = DatabaseEnvironment(seed=seed, kinds=kinds, train=44, dev=24, test=24)
    for split in ("train", "dev", "test"):
        assert {task.kind for task in environment.tasks(split)} == set(kinds)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["plain", "varied"]))
def test_splits_share_no_task_and_no_table_with_test(seed: int, level: Level):
    environment = DatabaseEnvironment(seed=seed, level=level, train=12, dev=12, test=12)
    tasks = {split: environment.tasks(split) for split in ("train", "dev", "test")}
    ids = [task.id for listed in tasks.values() for task in listed]
    assert len(set(ids)) == len(ids) == 36
    problems = {s: [environment.source.problem(task) for task in listed] for s, listed in tasks.items()}
    rows = {s: {str(table.rows) for p in listed for table in p.tables} for s, listed in problems.items()}
    assert not rows["train"] & rows["dev"]
    names = {s: {p.tables[0].columns[0].name.lower() for p in listed} for s, listed in problems.items()}
    known = {re.sub(r"\W|_", "", theme.fields[0].header.lower()) for theme in unseen_themes()}
    keys = {s: {re.sub(r"\W|_", "", name) for name in found} for s, found in names.items()}
    assert keys["test"] <= known
    assert not (keys["train"] | keys["dev"]) & known


def test_the_first_problems_are_those_that_were_measured():
    """Numbers in the documents were measured on these tasks; another digest means other tasks."""
    golds = "\n".join(
        make(f"0/{split}/{number}", kind, split == "test", level).gold
        for level in ("plain", "varied")
        for split in ("train", "test")
        for number, kind in enumerate(KINDS)
    )
    assert hashlib.sha256(golds.encode()).hexdigest()[:16] == "9fea14439b32d9ff"


@pytest.mark.parametrize(
    ("options", "said"),
    [({"kinds": ["select", "selekt"]}, "selekt"), ({"level": "hard"}, "plain or varied")],
)
def test_wrong_options_name_the_right_ones(options: dict[str, Any], said: str):
    with pytest.raises(RecipeError) as caught:
        DatabaseEnvironment(**options)
    assert said in f"{caught.value.what} {caught.value.remedy}"
