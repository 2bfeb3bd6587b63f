"""A round of `environments.py`: one version of the code answers an instant agent, in a process of its own.

The idea: the expert's moves are recorded first, and then repeated in fresh episodes, so that what is timed
is the environment alone. Imports only what every version has.
"""

from __future__ import annotations

import time
from typing import Any

from harness.child import serve

WARM = 3
"""Episodes played before the clock starts."""


def main() -> None:
    serve({"play": lambda asked: {"rates": measured(asked["environment"], asked["episodes"])}})


def measured(name: str, episodes: int) -> dict[str, float]:
    """Steps per second of whole episodes (opened, played, closed), and of their steps alone."""
    from trajectune.environments.registry import load_environment

    environment = load_environment(name, {"train": WARM + episodes})
    tasks = environment.tasks("train")[: WARM + episodes]
    recorded = [(task, moves_of(environment, task)) for task in tasks]
    for task, moves in recorded[:WARM]:
        replayed(environment, task, moves)
    start, steps, inside = time.perf_counter(), 0, 0.0
    for task, moves in recorded[WARM:]:
        steps += len(moves)
        inside += replayed(environment, task, moves)
    return {"steps": steps / (time.perf_counter() - start), "steps in open episodes": steps / inside}


def moves_of(environment: Any, task: Any) -> list[Any]:
    """What the expert does in a task."""
    from trajectune.environments.play import start

    moves, play = [], start(environment, task, 0)
    if play is not None:
        while (moved := play.advance()) is not None:
            moves.append(moved[0])
        play.episode.close()
    return moves


def replayed(environment: Any, task: Any, moves: list[Any]) -> float:
    """Seconds in which a fresh episode answers these moves."""
    episode = environment.open(task, 0)
    start = time.perf_counter()
    for move in moves:
        if move.message is not None:
            episode.reply(move.message)
        else:
            episode.steps(move.calls)
    seconds = time.perf_counter() - start
    episode.close()
    return seconds


if __name__ == "__main__":
    main()
