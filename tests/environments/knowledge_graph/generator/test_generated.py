"""Generated tasks: stable, varied, with test apart from train, and each solved by the expert."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.steps import check_read_back, moved
from trajectune.dialects.conversation import same_move
from trajectune.dialects.registry import get_dialect
from trajectune.environments.check import check_environment
from trajectune.environments.contract import Split
from trajectune.environments.knowledge_graph import KnowledgeGraphEnvironment
from trajectune.environments.knowledge_graph.facts.schema import BY_NAME
from trajectune.environments.knowledge_graph.generator.atlas import atlas, world
from trajectune.environments.knowledge_graph.generator.generated import MAX_WORDS, make
from trajectune.environments.knowledge_graph.generator.kinds import KINDS
from trajectune.environments.knowledge_graph.sources.problem import Problem
from trajectune.environments.knowledge_graph.sources.replay import answers_of
from trajectune.environments.play import start
from trajectune.errors import RecipeError

pytest.importorskip("pycountry")

ENVIRONMENT = KnowledgeGraphEnvironment(train=1_000, dev=200, test=1_000)


@pytest.fixture(scope="module")
def problems() -> dict[Split, list[Problem]]:
    return {
        split: [ENVIRONMENT.source.problem(task) for task in ENVIRONMENT.tasks(split)]
        for split in get_args(Split)
    }


def test_the_environment_keeps_the_contract():
    assert check_environment(ENVIRONMENT) == []


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_thousand_tasks_are_as_varied_as_promised(problems: dict[Split, list[Problem]], split: Split):
    questions = {problem.question for problem in problems[split]}
    golds = {tuple((call.tool, call.arguments) for call in problem.gold) for problem in problems[split]}
    assert len(questions) >= 950
    assert len(golds) >= 500
    assert len({problem.kind for problem in problems[split]}) == len(KINDS) >= 8


def test_other_seeds_are_as_varied():
    environment = KnowledgeGraphEnvironment(seed=5, train=0, dev=0, test=400)
    questions = {environment.source.problem(task).question for task in environment.tasks("test")}
    assert len(questions) >= 380


def test_test_questions_start_from_what_no_other_question_starts_from(problems: dict[Split, list[Problem]]):
    started = {
        split: {iri for p in found for iri in p.entities.values()} for split, found in problems.items()
    }
    assert not (started["train"] | started["dev"]) & started["test"]
    assert len(started["test"]) > 200


def test_no_test_question_was_seen_in_training(problems: dict[Split, list[Problem]]):
    seen = {problem.question for split in ("train", "dev") for problem in problems[split]}
    assert not seen & {problem.question for problem in problems["test"]}


def test_questions_read_as_sentences(problems: dict[Split, list[Problem]]):
    for found in problems.values():
        for problem in found:
            assert len(problem.question.split()) <= MAX_WORDS
            assert problem.question[0].isupper()
            assert problem.question[-1] in ".?"
            assert not re.search(r"[{}<>|\[\]]|  | ,|\bthe the\b|\bThe\b", problem.question), (
                problem.question
            )
            assert all(name in problem.question for name in problem.entities)


def test_answers_are_few_enough_and_never_what_a_question_starts_from(problems: dict[Split, list[Problem]]):
    for found in problems.values():
        for problem in found:
            assert 1 <= len(problem.answers) <= 300
            starts = {iri.rpartition("geography/")[2] for iri in problem.entities.values()}
            assert not starts & problem.answers
            if problem.kind.startswith("count"):
                (number,) = problem.answers
                assert int(number) >= 1
            elif problem.kind in ("largest", "smallest", "ranked_intersection"):
                assert len(problem.answers) == 1


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(sorted(KINDS)), st.booleans())
def test_the_gold_gives_the_answer(number: int, kind: str, unseen: bool):
    problem = make(str(number), kind, unseen)
    assert answers_of(world(), problem.entities, problem.gold) == problem.answers
    assert problem.kind == kind


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999), st.sampled_from(["train", "test"]), st.integers(0, 5))
def test_every_expert_earns_the_reward_and_is_read_back(number: int, split: Split, seed: int):
    task = ENVIRONMENT.tasks(split)[number]
    play = start(ENVIRONMENT, task, seed)
    assert play is not None
    dialects = [get_dialect(name, "knowledge_graph") for name in ("agentbench", "react", "json", "native")]
    while (made := play.advance()) is not None:
        move, result = made
        assert (result.fault is None) is move.trained
        step = moved(move.thought, *move.calls)
        for dialect in dialects:
            assert same_move(check_read_back(dialect, step), step)
    assert play.last is not None
    assert play.last.reward == 1
    assert len(play.observations) <= ENVIRONMENT.max_steps


def test_a_problem_depends_on_its_seed_alone():
    assert make("3/train/7", "two_hop", unseen=False) == make("3/train/7", "two_hop", unseen=False)
    assert make("3/train/7", "two_hop", unseen=False) != make("3/train/8", "two_hop", unseen=False)


def test_a_shorter_list_is_a_prefix_of_a_longer():
    few, many = KnowledgeGraphEnvironment(train=5), KnowledgeGraphEnvironment(train=50)
    assert list(many.tasks("train"))[:5] == list(few.tasks("train"))


def test_kinds_come_evenly_and_can_be_chosen():
    assert Counter(task.kind for task in ENVIRONMENT.tasks("test")[:110]) == dict.fromkeys(KINDS, 10)
    environment = KnowledgeGraphEnvironment(kinds=["count", "one_hop"])
    assert {task.kind for task in environment.tasks("train")} == {"count", "one_hop"}
    with pytest.raises(RecipeError, match=r"cuont(.|\n)*option kinds(.|\n)*one_hop"):
        KnowledgeGraphEnvironment(kinds=["cuont"])


@pytest.mark.parametrize(
    ("kind", "tools"),
    [
        ("one_hop", {"get_neighbors": {1}}),
        ("three_hop", {"get_neighbors": {3}}),
        ("intersection", {"get_neighbors": {2}, "intersection": {1}}),
        ("deep_intersection", {"get_neighbors": {3}, "intersection": {1}}),
        ("count", {"get_neighbors": {1, 2}, "count": {1}}),
        ("count_intersection", {"intersection": {1}, "count": {1}}),
        ("largest", {"argmax": {1}, "argmin": {0}}),
        ("smallest", {"argmax": {0}, "argmin": {1}}),
        ("ranked_intersection", {"intersection": {1}, "get_attributes": {1}}),
        ("ranked_hop", {"get_neighbors": {2}, "get_attributes": {1}}),
    ],
)
def test_kinds_are_what_they_say(
    problems: dict[Split, list[Problem]], kind: str, tools: dict[str, set[int]]
):
    for problem in problems["train"]:
        if problem.kind == kind:
            used = Counter(call.tool for call in problem.gold)
            assert all(used[tool] in counts for tool, counts in tools.items()), problem.gold


def test_no_hop_goes_straight_back(problems: dict[Split, list[Problem]]):
    for problem in problems["train"]:
        made: list[tuple[str, ...]] = [call.arguments for call in problem.gold if call.purpose]
        for source, *relation in made:
            if source.startswith("#") and relation and relation[0] in BY_NAME:
                before = made[int(source[1:])]
                assert BY_NAME[relation[0]].inverse != before[-1]


def test_the_first_problems_are_those_that_were_measured():
    """Another digest means other tasks: numbers in the documents were measured on these."""
    texts = "\n".join(
        make(f"0/{split}/{number}", kind, split == "test").question
        for split in ("train", "test")
        for number, kind in enumerate(KINDS)
    )
    assert hashlib.sha256(texts.encode()).hexdigest()[:16] == "4613db7d589fd730"
    assert atlas().labels["country/FR"] == "France"
