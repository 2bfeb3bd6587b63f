"""The expert solves every kind by many routes, says why, and teaches no mistake."""

from __future__ import annotations

import re
from collections import Counter
from random import Random

import pytest

from trajectune.environments.contract import Move, StepResult, Task
from trajectune.environments.operating_system import OperatingSystemEnvironment
from trajectune.environments.operating_system.expert.expert import Routes, answer_in, committing, expert
from trajectune.environments.operating_system.expert.mistakes import mistake
from trajectune.environments.operating_system.expert.reading import PLAIN, thoughts
from trajectune.environments.operating_system.generator.generated import KINDS, make
from trajectune.environments.operating_system.observation import SENTENCE
from trajectune.environments.operating_system.tasks.problem import Problem
from trajectune.environments.play import start

COUNT = len(KINDS)


def played(environment: OperatingSystemEnvironment, task: Task, seed: int) -> list[tuple[Move, StepResult]]:
    play, moves = start(environment, task, seed), []
    assert play is not None
    while (move := play.advance()) is not None:
        moves.append(move)
    play.episode.close()
    return moves


@pytest.mark.usefixtures("bubblewrap")
@pytest.mark.parametrize(
    ("split", "routes"), [("train", {"look": 1.0}), ("test", {"look": 0.0}), ("dev", {"repair": 1.0})]
)
def test_every_kind_is_solved(split: str, routes: dict[str, float]) -> None:
    sizes = {"train": COUNT, "dev": COUNT, "test": COUNT}
    environment = OperatingSystemEnvironment(seed=5, limits={"seconds": 30}, **sizes, **routes)  # type: ignore[arg-type]
    repaired = 0
    for task in environment.tasks(split):  # type: ignore[arg-type]
        moves = played(environment, task, seed=1)
        assert moves[-1][1].done
        assert moves[-1][1].reward == 1, (task, moves)
        assert 2 <= len(moves) <= environment.max_steps
        for move, result in moves:
            assert result.fault is None or not move.trained, (task, move, result)
            assert 2 <= len(move.thought.split()) <= 45
            assert "\n" not in move.thought
        wrong = [number for number, (move, _) in enumerate(moves) if not move.trained]
        repaired += bool(wrong)
        assert all(moves[number + 1][0].trained for number in wrong)
        assert len(wrong) <= 1
    assert (repaired > COUNT // 2) if routes.get("repair") else repaired < COUNT // 2


@pytest.mark.usefixtures("bubblewrap")
def test_nobody_earns_by_the_commands_or_the_answer_of_another_task() -> None:
    environment = OperatingSystemEnvironment(seed=2, train=3 * COUNT, limits={"seconds": 30})
    tasks = environment.tasks("train")[::2]
    paid = []
    for task, other in zip(tasks, [*tasks[1:], tasks[0]], strict=True):
        problem, foreign = environment.source.problem(task), environment.source.problem(other)
        episode = environment.open(task)
        solver = expert(foreign, "0", Routes(0, 0))
        assert solver is not None
        move = next(solver)
        while True:
            call = move.call
            if getattr(call, "name", "") == "answer_action":
                call = call.model_copy(update={"arguments": {"answer": foreign.answer}})  # type: ignore[union-attr]
            result = episode.step(call)  # type: ignore[arg-type]
            if result.done:
                break
            move = solver.send(SENTENCE + foreign.answer)
        episode.close()
        if result.reward:
            paid.append((problem.question, foreign.question))
    assert paid == []


@pytest.mark.usefixtures("bubblewrap")
def test_the_answer_cannot_be_read_on_the_machine() -> None:
    """Neither the gold commands nor the facts are anywhere in the box's processes, variables or shell."""
    environment = OperatingSystemEnvironment(train=COUNT, limits={"seconds": 30})
    for task in environment.tasks("train")[::5]:
        episode = environment.open(task)
        script = (
            "cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr '\\0' '\\n'; set; history; trap; jobs; "
            "ls -A /tmp /run"
        )
        seen = episode.box.run(script).data.decode("utf-8", "replace")
        for stage in environment.source.problem(task).stages:
            assert len(stage.script) < 25 or stage.script not in seen
        assert "Fact(" not in seen
        episode.close()


def test_seeds_choose_routes_and_words() -> None:
    problem = make("s", "rename_files", False)
    episodes = {tuple((m.thought, str(m.call)) for m in _moves(problem, str(seed))) for seed in range(60)}
    assert len(episodes) > 20
    lengths = Counter(len(episode) for episode in episodes)
    assert len(lengths) >= 3
    assert tuple((m.thought, str(m.call)) for m in _moves(problem, "7")) in episodes


def _moves(problem: Problem, seed: str) -> list[Move]:
    solver = expert(problem, seed, Routes())
    assert solver is not None
    moves = [next(solver)]
    try:
        while True:
            moves.append(solver.send(f"{SENTENCE}x"))
    except StopIteration:
        return moves


def test_a_problem_without_a_solution_has_no_expert() -> None:
    assert expert(Problem("What?", "x", check="match", answer="y"), "0", Routes()) is None


def test_an_answer_is_read_from_the_observation() -> None:
    assert answer_in(f"{SENTENCE}42") == "42"
    assert answer_in(f"{SENTENCE}a\nb") == "a\nb"
    rng = Random(0)
    assert "42" in "".join(committing(rng, "42") for _ in range(5))
    assert "x" * 50 not in committing(rng, "x" * 50)


def test_mistakes_change_nothing_and_can_be_seen() -> None:
    rng, found = Random(0), 0
    for kind in KINDS:
        for seed in range(6):
            wrong = mistake(rng, make(f"{seed}", kind, False).stages)
            if wrong is None:
                continue
            found += 1
            assert wrong.script != wrong.stage.script
            assert not re.search(r"\brm\b|\bmv\b|>|-delete|-exec|chmod|useradd|pkill|sed -i", wrong.script)
            assert all(len(said) < 150 for said in wrong.said)
    assert found > 60


@pytest.mark.parametrize(
    ("script", "names"),
    [
        ("find ~ -type f -name '*.txt' | wc -l", ["find picks", "wc counts"]),
        (
            "# find nothing\ncat a | sort | uniq -c | sort -rn | head -n 1",
            ["cat prints", "sort puts", "uniq drops"],
        ),
        ("echo $(ls /tmp | wc -l)", ["ls lists", "wc counts"]),
        ("for f in *; do stat $f; done", ["stat shows"]),
    ],
)
def test_scripts_are_put_into_words(script: str, names: list[str]) -> None:
    for thought in thoughts(script):
        places = [thought.index(name) for name in names]
        assert places == sorted(places)
        assert thought.endswith(".")


def test_a_script_of_unknown_programs_has_words_too() -> None:
    assert thoughts("frobnicate --all") == PLAIN
    assert thoughts("") == PLAIN
