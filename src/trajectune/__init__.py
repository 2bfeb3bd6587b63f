"""Trajectune: teach an open language model to act, keep what it already knows, and prove both.

    import trajectune as tt

    db = tt.environment("database", train=900, test=84)
    played = tt.rollout(db, tt.Expert(), to="played.jsonl")

Everything a notebook needs is here; each name is imported when it is first used, so that
`import trajectune` is quick. `examples/agenttuning.py` goes from an environment to a measured model.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trajectune.agents.endpoint import EndpointAgent as Endpoint
    from trajectune.agents.local import LocalAgent as Local
    from trajectune.curate.contamination.analysis import contamination
    from trajectune.curate.contamination.sources import evaluation_file, evaluation_tasks
    from trajectune.curate.lint.report import lint
    from trajectune.dialects.contract import Dialect
    from trajectune.environments.check import check_environment
    from trajectune.environments.contract import Environment, Episode, Move, StepResult, Task
    from trajectune.errors import TrajectuneError
    from trajectune.evaluate.contract import Item, Measurement, Suite, System
    from trajectune.evaluate.suites.choices import Choices
    from trajectune.evaluate.suites.environment import EnvironmentSuite
    from trajectune.evaluate.suites.general_loss import GeneralLoss
    from trajectune.example import Example
    from trajectune.run.api.acting import Expert, Guided, Played, environment, rollout
    from trajectune.run.api.data import Mixed, mix, self_distil
    from trajectune.run.api.instructions import derive, invent
    from trajectune.run.api.measuring import Evaluated, compare, compose, evaluate, report
    from trajectune.run.api.tuning import Tuned, tune
    from trajectune.trajectory import Tool, ToolCall, Trajectory
    from trajectune.tune.settings import TuneSettings

__version__ = "0.1.0"

_PLACES = {
    "agents.endpoint:EndpointAgent": ("Endpoint",),
    "agents.local:LocalAgent": ("Local",),
    "curate.lint.report": ("lint",),
    "curate.contamination.analysis": ("contamination",),
    "curate.contamination.sources": ("evaluation_file", "evaluation_tasks"),
    "dialects.contract": ("Dialect",),
    "environments.check": ("check_environment",),
    "environments.contract": ("Environment", "Episode", "Move", "StepResult", "Task"),
    "errors": ("TrajectuneError",),
    "evaluate.contract": ("Item", "Measurement", "Suite", "System"),
    "evaluate.suites.choices": ("Choices",),
    "evaluate.suites.environment": ("EnvironmentSuite",),
    "evaluate.suites.general_loss": ("GeneralLoss",),
    "example": ("Example",),
    "run.api.acting": ("Expert", "Guided", "Played", "environment", "rollout"),
    "run.api.data": ("Mixed", "mix", "self_distil"),
    "run.api.instructions": ("derive", "invent"),
    "run.api.measuring": ("Evaluated", "compare", "compose", "evaluate", "report"),
    "run.api.tuning": ("Tuned", "tune"),
    "trajectory": ("Tool", "ToolCall", "Trajectory"),
    "tune.settings": ("TuneSettings",),
}
"""Where each public name is; after a colon, what it is called there."""
_WHERE = {name: place for place, names in _PLACES.items() for name in names}

__all__ = [
    "Choices",
    "Dialect",
    "Endpoint",
    "Environment",
    "EnvironmentSuite",
    "Episode",
    "Evaluated",
    "Example",
    "Expert",
    "GeneralLoss",
    "Guided",
    "Item",
    "Local",
    "Measurement",
    "Mixed",
    "Move",
    "Played",
    "StepResult",
    "Suite",
    "System",
    "Task",
    "Tool",
    "ToolCall",
    "Trajectory",
    "TrajectuneError",
    "TuneSettings",
    "Tuned",
    "__version__",
    "check_environment",
    "compare",
    "compose",
    "contamination",
    "derive",
    "environment",
    "evaluate",
    "evaluation_file",
    "evaluation_tasks",
    "invent",
    "lint",
    "mix",
    "report",
    "rollout",
    "self_distil",
    "tune",
]


def __getattr__(name: str) -> Any:
    place = _WHERE.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _PACKAGES:
        return importlib.import_module(f"{__name__}.{name}")
    value = globals()[name] = _found(name)
    return value


def __dir__() -> list[str]:
    return __all__


def _found(name: str) -> Any:
    module, _, attribute = _WHERE[name].partition(":")
    return getattr(importlib.import_module(f"{__name__}.{module}"), attribute or name)


_PACKAGES = ("evaluate", "report", "rollout", "tune")
"""Functions that are called like the package of the stage: the package itself can be called."""


class _Callable(ModuleType):
    # A package that stands for the function of its name too.

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self._function(*arguments, **options)

    @property
    def _function(self) -> Any:
        return _found(self.__name__.rpartition(".")[2])

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self._function)

    @property
    def __doc__(self) -> str | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._function.__doc__


class _Package(ModuleType):
    """This package. Importing a sub-package sets it here, and so it becomes callable in time."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _PACKAGES and isinstance(value, ModuleType):
            value.__class__ = _Callable
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
