"""The expert: every way that it plays ends well, its words vary, and it knows nothing beforehand."""

from __future__ import annotations

from dataclasses import replace

from trajectune.environments.contract import Move, Task
from trajectune.environments.play import start
from trajectune.environments.web_shop import WebShopEnvironment
from trajectune.environments.web_shop.expert.routes import expert, opened
from trajectune.environments.web_shop.shop.catalogue import Catalogue
from trajectune.environments.web_shop.shop.goal import Goal


def route(environment: WebShopEnvironment, task: Task, seed: int) -> tuple[list[Move], list[str]]:
    """The moves of the expert, and what stood on the page before each of them."""
    play = start(environment, task, seed)
    assert play is not None
    moves, seen = [], [play.episode.observation]
    while (moved := play.advance()) is not None:
        moves.append(moved[0])
        seen.append(moved[1].observation)
    assert play.last is not None
    assert play.last.reward == 1
    return moves, seen


def test_it_wins_with_any_seed_in_words_of_its_own(environment: WebShopEnvironment) -> None:
    for task in environment.tasks("test")[:15]:
        routes = [route(environment, task, seed)[0] for seed in range(6)]
        assert all(len(moves) <= environment.max_steps for moves in routes)
        assert len({moves[0].thought for moves in routes}) > 1
        assert all(move.trained for moves in routes for move in moves)


def test_a_thought_names_nothing_that_was_not_seen(environment: WebShopEnvironment) -> None:
    for task in environment.tasks("train")[:60]:
        moves, seen = route(environment, task, 3)
        for number, move in enumerate(moves):
            read = " ".join(seen[: number + 1]).lower()
            words = [word.strip(".,;'$") for word in move.thought.split()]
            named = [word for word in words if word.startswith("B0") or word[:1].isdigit()]
            assert all(word.lower() in read for word in named), move.thought
            assert len(move.thought.split()) <= 40
            assert "{" not in move.thought


def test_thoughts_are_seldom_the_same(environment: WebShopEnvironment) -> None:
    thoughts = [
        move.thought for task in environment.tasks("train") for move in route(environment, task, 0)[0]
    ]
    assert len(set(thoughts)) >= 0.4 * len(thoughts)


def test_there_is_no_expert_where_no_way_ends_well(small_shop: Catalogue, wished: Goal) -> None:
    assert expert(small_shop, wished, 10, "k") is not None
    assert expert(small_shop, replace(wished, attributes=("heated",)), 10, "k") is None
    assert expert(small_shop, replace(wished, limit=10.0), 10, "k") is None
    assert expert(small_shop, wished, 2, "k") is None
    assert expert(small_shop, replace(wished, instruction="!!!"), 10, "k") is None


def test_no_task_of_the_built_shop_needs_luck(environment: WebShopEnvironment) -> None:
    for split in ("train", "test"):
        for task in environment.tasks(split)[:40]:
            for seed in range(3):
                last = route(environment, task, seed)[0][-1].thought
                assert "too few rounds" not in last
                assert "no time" not in last


def test_where_only_luck_helps_luck_is_taken(small_shop: Catalogue, wished: Goal) -> None:
    assert opened(small_shop, wished, 10) == 1
    assert opened(small_shop, wished, 4) == 0
    assert expert(small_shop, wished, 4, "k") is not None
