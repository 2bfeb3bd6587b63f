"""What every process of a cluster is told: how environment, agent and rules are built there.

The idea: an environment or an agent does not travel; names and options do, and each process builds its own
as one machine would. What is secret (an endpoint's key, a server's password) is named by its environment
variable, and is read on the node.

Invariant: a part holds plain data and the names of classes, nothing that was loaded.
"""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from trajectune.agents.contract import Agent
from trajectune.agents.expert import ExpertAgent
from trajectune.dialects.registry import get_dialect
from trajectune.environments.contract import Environment
from trajectune.environments.registry import load_environment
from trajectune.errors import RecipeError, UnavailableError
from trajectune.rollout.jobs import Rules


def _version() -> str:
    return importlib.metadata.version("trajectune")


UnbuiltAgent = partial[Agent]
"""An agent's class with its arguments: `partial(Local, "embedded", temperature=0.7)`."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a process of the cluster plays."""

    environment: str
    """Name of the environment, as `load_environment` takes it."""
    options: Mapping[str, Any]
    """Its options."""
    agent: UnbuiltAgent | None
    """`None` for the environment's own expert."""
    dialect: str
    bad_format_limit: int
    repetition_limit: int | None
    tries: int
    """How often an episode is run when the infrastructure fails, counting nodes that die."""
    history_limit: int | None = None
    folder: str = field(default_factory=os.getcwd)
    """Working directory; relative paths mean the same there, where the node has such a folder."""
    version: str = field(default_factory=_version)

    @property
    def computes(self) -> bool:
        """Whether the agent computes its replies, and so takes a GPU or all cores of its node."""
        return self.agent is not None and agent_class(self.agent).computes

    def build(self) -> tuple[Agent, Rules]:
        """The agent and the rules, built here. Raises what a user must mend on this machine."""
        if self.version != (here := _version()):
            raise UnavailableError(
                f"this node has trajectune {here}, and {self.version} is where it was called",
                remedy="install the same version on every node",
            )
        if Path(self.folder).is_dir():
            os.chdir(self.folder)
        environment = load_environment(self.environment, self.options)
        agent = ExpertAgent(environment) if self.agent is None else self.agent()
        return agent, self.rules(environment, agent.name, agent.template)

    def rules(self, environment: Environment, agent: str, template: str = "") -> Rules:
        """The rules under which an agent of this name plays."""
        dialect = get_dialect(self.dialect, environment.name, environment.dialects)
        limits = self.bad_format_limit, self.repetition_limit, self.history_limit
        return Rules(environment, dialect, agent, template, environment.max_steps, *limits)


def agent_class(agent: UnbuiltAgent) -> type[Agent]:
    """The class that a partial builds. Raises `RecipeError` where it is no agent's."""
    kind = agent.func
    if isinstance(kind, type) and issubclass(kind, Agent):
        return kind
    raise RecipeError(
        f"{getattr(kind, '__name__', kind)!r} is no class of agents",
        remedy='give an agent to a cluster unbuilt: partial(Local, "embedded")',
    )
