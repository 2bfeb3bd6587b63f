"""Which dialect writes for which environment, by name.

The idea: `react`, `json` and `native` write for any environment; `agentbench` is one grammar for each
environment that AgentBench has. All of them, and those of other packages, announce themselves through the
entry-point group `trajectune.dialects`: as `name`, or as `name.environment` for a grammar of one
environment. An environment may also bring its own (`Environment.dialects`), which goes first. Dialects hold
no state, so one instance of each is shared.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points

from trajectune.dialects.contract import Dialect
from trajectune.errors import RecipeError, suggestion

GROUP = "trajectune.dialects"


def dialect_names() -> list[str]:
    """The names that `get_dialect` knows for some environment or for all, sorted."""
    return sorted({name.partition(".")[0] for name in _installed()})


def get_dialect(name: str, environment: str, own: Mapping[str, Dialect] | None = None) -> Dialect:
    """The dialect `name` as it is written in `environment`, whose `own` dialects go first.

    Raises `RecipeError` where there is none.
    """
    if own and name in own:
        return own[name]
    installed = _installed()
    for key in (f"{name}.{environment}", name):
        if key in installed:
            return _instance(key)
    known = sorted({*dialect_names(), *(own or ())})
    if name not in known:
        raise RecipeError(
            f"there is no dialect {name!r}",
            remedy=f"{suggestion(name, known)}choose one of: {', '.join(known)}",
        )
    written = [key.partition(".")[2] for key in installed if key.startswith(f"{name}.")]
    raise RecipeError(
        f"the dialect {name!r} has no grammar for the environment {environment!r}",
        remedy=f"use the dialect 'react'; {name} writes for: {', '.join(sorted(written))}",
    )


@cache
def _installed() -> dict[str, str]:
    return {entry.name: entry.value for entry in entry_points(group=GROUP)}


@cache
def _instance(key: str) -> Dialect:
    (entry,) = entry_points(group=GROUP, name=key)
    return entry.load()()
