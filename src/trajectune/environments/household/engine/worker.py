"""One game in a process of its own: run as a program, it serves the engine over a pipe.

The idea: ALFWorld's planner is a C++ library with global state, and its translator swaps `sys.argv` and
`sys.stdout` while it works, so two games in one process (let alone two threads) may disturb each other.
Each open episode has this process to itself; `trajectune.environments.household.engine.pool` keeps them.

The pipe carries JSON: `{"do": "load", "game": …}`, `{"do": "step", "command": …}`, `{"do": "plan"}`;
the answer is `{"observation", "won", "commands"}`, `{"plan"}` or `{"error"}`. The end of the pipe
ends the process.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import traceback
from multiprocessing.connection import Connection
from typing import Any

Answer = dict[str, Any]


class Engine:
    """TextWorld's PDDL engine with ALFWorld's names; one game at a time."""

    def __init__(self) -> None:
        import fast_downward
        import textworld
        from alfworld.agents.environment.alfred_tw_env import AlfredDemangler
        from textworld.envs import PddlEnv

        # A game is translated when it is loaded and again when it starts: remember the two forms.
        fast_downward.pddl2sas = functools.lru_cache(maxsize=2)(fast_downward.pddl2sas)
        self._pddl: Any = PddlEnv(textworld.EnvInfos(admissible_commands=True, won=True))
        self._env: Any = AlfredDemangler(self._pddl, shuffle=False)

    def load(self, game: dict[str, Any]) -> Answer:
        self._env.load(game)
        return self._answer(self._env.reset())

    def step(self, command: str) -> Answer:
        state, _, _ = self._env.step(command)
        return self._answer(state)

    def plan(self) -> Answer:
        """Commands from here to the goal, by the engine's planner; empty when it finds none."""
        return {"plan": self._pddl._pddl_state.replan(self._pddl._entity_infos)}

    def _answer(self, state: Any) -> Answer:
        return {
            "observation": state.feedback,
            "won": bool(state["won"]),
            "commands": state["admissible_commands"],
        }


def serve(pipe: Connection) -> None:
    """Answer requests until the other end is gone."""
    engine = Engine()
    doing = {"load": engine.load, "step": engine.step, "plan": engine.plan}
    while True:
        try:
            request = json.loads(pipe.recv_bytes())
        except EOFError:
            return
        try:
            answer = doing[request.pop("do")](**request)
        except Exception:
            answer = {"error": traceback.format_exc(limit=-3)}
        pipe.send_bytes(json.dumps(answer).encode())


if __name__ == "__main__":
    try:
        serve(Connection(int(sys.argv[1])))
    except (BrokenPipeError, KeyboardInterrupt):
        os._exit(1)
