"""Which dialect writes for which environment, by name.

The idea: `react`, `json` and `native` write for any environment; `agentbench` is one grammar for each
environment that AgentBench has. All of them, and those of other packages, announce themselves through the
entry-point group `trajectune.dialects`: as `name`, or as `name.environment` for a grammar of one
environment. An environment may also bring its own (`Environment.dialects`), which goes first. Dialects hold
no state, so one instance of each is shared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import NoReturn

from trajectune.dialects.contract import Dialect
from trajectune.errors import RecipeError, suggestion
from trajectune.plugins import build, installed, is_dotted, load_class

GROUP = "trajectune.dialects"


def dialect_names() -> list[str]:
    """The names that `get_dialect` knows for some environment or for all, sorted."""
    return sorted({name.partition(".")[0] for name in installed(GROUP)})


def get_dialect(name: str, environment: str, own: Mapping[str, Dialect] | None = None) -> Dialect:
    """The dialect `name` as it is written in `environment`, whose `own` dialects go first.

    `name` may also be `package.module:Class`. Raises `RecipeError` where there is none.
    """
    if own and name in own:
        return own[name]
    known = installed(GROUP)
    found = next((key for key in (f"{name}.{environment}", name) if key in known or is_dotted(key)), None)
    return _instance(found) if found else _refuse(name, environment, [*known, *(own or ())])


@cache
def _instance(name: str) -> Dialect:
    return build(load_class(name, GROUP, Dialect, "dialect"), {}, name, "dialect")


def _refuse(name: str, environment: str, known: Sequence[str]) -> NoReturn:
    names = sorted({key.partition(".")[0] for key in known})
    if name not in names:
        raise RecipeError(
            f"there is no dialect {name!r}",
            remedy=f"{suggestion(name, names)}choose one of: {', '.join(names)}",
        )
    written = sorted(key.partition(".")[2] for key in known if key.startswith(f"{name}."))
    raise RecipeError(
        f"the dialect {name!r} has no grammar for the environment {environment!r}",
        remedy=f"use the dialect 'react'; {name} writes for: {', '.join(written)}",
    )
