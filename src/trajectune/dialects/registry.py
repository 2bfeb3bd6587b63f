"""Which dialect writes for which environment, by name.

The idea: `react` writes for any environment; `agentbench` is one grammar for each environment that
AgentBench has. Dialects hold no state, so one instance of each is shared.
"""

from __future__ import annotations

from difflib import get_close_matches

from trajectune.dialects.agentbench.database import AgentBenchDatabase
from trajectune.dialects.agentbench.household import AgentBenchHousehold
from trajectune.dialects.contract import Dialect
from trajectune.dialects.react import ReAct
from trajectune.errors import RecipeError

_REACT = ReAct()
_AGENTBENCH: dict[str, Dialect] = {"database": AgentBenchDatabase(), "household": AgentBenchHousehold()}
_NAMES = ("agentbench", "react")


def dialect_names() -> tuple[str, ...]:
    """The names that `get_dialect` knows."""
    return _NAMES


def get_dialect(name: str, environment: str) -> Dialect:
    """The dialect `name` as it is written in `environment`; raises `RecipeError` if there is none."""
    if name == "react":
        return _REACT
    if name != "agentbench":
        near = get_close_matches(name, _NAMES, n=1)
        remedy = f"did you mean {near[0]!r}?" if near else f"choose one of: {', '.join(_NAMES)}"
        raise RecipeError(f"there is no dialect {name!r}", remedy=remedy)
    if environment not in _AGENTBENCH:
        raise RecipeError(
            f"the dialect 'agentbench' has no grammar for the environment {environment!r}",
            remedy=f"use the dialect 'react'; agentbench writes for: {', '.join(_AGENTBENCH)}",
        )
    return _AGENTBENCH[environment]
