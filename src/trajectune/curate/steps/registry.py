"""Which curate steps there are, and those that a recipe names, with their options checked.

The idea: a recipe lists steps in order, `[{filter: {per_task: 2}}, deduplicate]`. A package of one's own
adds a step by the entry-point group `trajectune.curate_steps`: its name, and the class; a class of one's
own is also named as `package.module:Class`.

Invariants: an unknown name or option is an error that suggests the nearest known one; steps on trajectories
come before steps on examples, as the recipe's dialect stands between them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from pydantic import ValidationError

from trajectune.curate.steps.contract import CurateStep, StepOptions
from trajectune.curate.steps.decontaminate import Decontaminate
from trajectune.curate.steps.deduplicate import Deduplicate
from trajectune.curate.steps.faults import Faults
from trajectune.curate.steps.filter import Filter
from trajectune.curate.steps.language import Language
from trajectune.curate.steps.length import Length
from trajectune.curate.steps.lint import Lint
from trajectune.curate.steps.pass_rate import PassRate
from trajectune.errors import RecipeError, suggestion
from trajectune.example import Example
from trajectune.plugins import installed, is_dotted, load_class
from trajectune.storage import explain
from trajectune.trajectory import Trajectory

GROUP = "trajectune.curate_steps"
BUILT_IN: dict[str, type[CurateStep[Any]]] = {
    step.name: step
    for step in (PassRate, Faults, Length, Language, Filter, Deduplicate, Decontaminate, Lint)
}

StepSpec = str | Mapping[str, Mapping[str, Any] | None]
"""A step as a recipe names it: `deduplicate`, or `{filter: {per_task: 2}}`."""


def step_names() -> list[str]:
    """The names that a recipe may use, sorted."""
    return sorted({*BUILT_IN, *installed(GROUP)})


def default_steps() -> list[str | dict[str, dict[str, Any] | None]]:
    """What a recipe does that names no steps: successes, one of each task."""
    return [{"filter": {"per_task": 1}}]


def build_steps(specs: Sequence[StepSpec]) -> list[CurateStep[Any]]:
    """The steps that are named, with their options. Raises `RecipeError` that names the wrong entry."""
    steps = [_build(spec, where=f"curate.steps.{number}") for number, spec in enumerate(specs)]
    for number, (before, step) in enumerate(pairwise(steps), 1):
        if (before.level, step.level) == ("examples", "trajectories"):
            raise RecipeError(
                f"the curate step {step.name!r} works on trajectories, and {before.name!r} before it works "
                "on the examples made of them",
                where=f"curate.steps.{number}",
                remedy=f"name {step.name!r} before {before.name!r}",
            )
    return steps


def on_trajectories(steps: Sequence[CurateStep[Any]]) -> list[CurateStep[Trajectory]]:
    """Those of the steps that come before a dialect renders the trajectories."""
    return [step for step in steps if step.level == "trajectories"]


def on_examples(steps: Sequence[CurateStep[Any]]) -> list[CurateStep[Example]]:
    """Those of the steps that come after it."""
    return [step for step in steps if step.level == "examples"]


def _build(spec: StepSpec, where: str) -> CurateStep[Any]:
    name, values = _named(spec, where)
    kind = _step_class(name, where)
    try:
        return kind(kind.Options.model_validate(values))
    except ValidationError as error:
        raise RecipeError(
            f"the options of the curate step {name!r} are not valid: {explain(error)}",
            where=where,
            remedy=_known_options(kind.Options, error),
        ) from None


def _named(spec: StepSpec, where: str) -> tuple[str, Mapping[str, Any]]:
    if isinstance(spec, str):
        return spec, {}
    if isinstance(spec, Mapping) and len(spec) == 1:
        ((name, values),) = spec.items()
        if isinstance(name, str) and isinstance(values, Mapping | None):
            return name, values or {}
    raise RecipeError(
        f"a curate step is a name, or one name with its options, not {spec!r}",
        where=where,
        remedy="write `- deduplicate` or `- filter: {per_task: 1}`",
    )


def _step_class(name: str, where: str) -> type[CurateStep[Any]]:
    if name in BUILT_IN:
        return BUILT_IN[name]
    known = installed(GROUP)
    if name not in known and not is_dotted(name):
        names = step_names()
        raise RecipeError(
            f"there is no curate step {name!r}",
            where=where,
            remedy=f"{suggestion(name, names)}choose among: {', '.join(names)}",
        )
    return load_class(name, GROUP, CurateStep, "curate step")


def _known_options(options: type[StepOptions], error: ValidationError) -> str:
    known = list(options.model_fields)
    unknown = [str(each["loc"][-1]) for each in error.errors() if each["type"] == "extra_forbidden"]
    hint = suggestion(unknown[0], known) if unknown else ""
    return f"{hint}its options are: {', '.join(known) or 'none'}"
