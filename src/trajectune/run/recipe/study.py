"""The section `study` of a recipe: arms, seeds, the systems measured, and what is compared with what.

The idea: an arm is the recipe with a few keys changed. A system is a model that an arm has (`ARM/base`,
`ARM/tuned`), or a composition of such models. Ablations and up-scaling are two studies, written down.

Invariant: a name in `systems` or `comparisons` that nothing bears is an error of the recipe.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from trajectune.composition.files import Emulation
from trajectune.run.recipe.sections import Section

BASE, TUNED = "base", "tuned"
"""The two models of an arm."""


class GapSpec(Section):
    """How far `system` gets from `floor` (0) to `ceiling` (1)."""

    floor: str
    """System that is 0."""
    system: str
    """System whose place is asked for."""
    ceiling: str
    """System that is 1."""


class ComparisonsSpec(Section):
    """What the page compares."""

    changes: list[tuple[str, str]] = Field(default_factory=list)
    """Pairs of systems, before and after, compared item by item."""
    gaps: list[GapSpec] = Field(default_factory=list)
    """Places of systems between two others."""
    curves: dict[str, dict[float, str]] = Field(default_factory=dict)
    """By the name of a weight: the system at each of its values."""

    def names(self) -> Iterator[str]:
        """Every system that is named."""
        for pair in self.changes:
            yield from pair
        for gap in self.gaps:
            yield from (gap.floor, gap.system, gap.ceiling)
        for curve in self.curves.values():
            yield from curve.values()


class StudySpec(Section):
    """Several arms of one recipe, measured and compared on one page."""

    seeds: Annotated[list[int], Field(min_length=1)] = Field(default=[0])
    """Seeds of the tuning of each arm."""
    arms: dict[str, dict[str, Any]]
    """Arm name to the recipe keys it changes, dotted: `{"curate.eta": 1.0}`."""
    systems: dict[str, str | Emulation] | None = None
    """What is measured: `ARM/base`, `ARM/tuned`, or a composition of these. Empty: the base model, and each
    arm's tuned model under the arm's name."""
    comparisons: ComparisonsSpec | None = None
    """Empty: each arm with its base model."""

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        if not self.arms:
            raise ValueError("a study needs at least one arm")
        _check_names("arms", self.arms)
        for system in (self.systems or {}).values():
            for model in [system] if isinstance(system, str) else system.models.values():
                self._check_model(model, anything=not isinstance(system, str))
        named = {*(self.comparisons.names() if self.comparisons else ())}
        bases = [BASE, *(base_of(arm) for arm in self.arms)]
        _check_names("systems", self.systems or ())
        unknown = named - {*([*self.arms, *bases] if self.systems is None else self.systems)}
        if unknown:
            raise ValueError(f"no system has the name {', '.join(sorted(unknown))}")
        return self

    def _check_model(self, model: str, anything: bool) -> None:
        arm, _, which = model.rpartition("/")
        if arm in self.arms and which in (BASE, TUNED):
            return
        if not anything or arm in self.arms:
            arms = ", ".join(self.arms)
            raise ValueError(f"`{model}` is no system: write ARM/base or ARM/tuned, with an ARM of {arms}")


def base_of(arm: str) -> str:
    """What the base model of an arm is called where the arms have different ones."""
    return f"{BASE} ({arm})"


def file_name(name: str) -> str:
    """A name as a part of a path: letters, digits and `.+-_` stay."""
    return re.sub(r"[^\w.+-]+", "-", name).strip("-.") or "_"


def _check_names(what: str, names: Any) -> None:
    files: dict[str, str] = {}
    for name in names:
        other = files.setdefault(file_name(name), name)
        if other != name:
            raise ValueError(f"{what}: the names {other!r} and {name!r} give the same file name")
