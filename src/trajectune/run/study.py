"""What is to be made of a recipe: its arms, the systems that its page shows, and how results are called.

The idea: a plain recipe is a study of one arm without a name, with its base and its tuned model. An arm is
a recipe of its own and knows nothing of the others; what it shares with them follows from
fingerprints alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from trajectune.composition.files import Emulation
from trajectune.errors import RecipeError
from trajectune.run.recipe import Recipe, check_tunes, override
from trajectune.run.recipe.study import BASE, TUNED, ComparisonsSpec, base_of, file_name
from trajectune.run.stage import Result, Stage, Work, bind, in_order
from trajectune.run.stages import base, collect, curate, evaluate, general, instructions, tune
from trajectune.run.stages.agents import needs_base

REPORT = "report"


def stages_of(recipe: Recipe) -> list[Stage]:
    """The stages of one recipe, in the order in which they are told."""
    small = not isinstance(recipe.model, str)
    needed = ("base",) if small else ()
    made = [Stage("base", base.reads, base.run, ("general",))] if small else []
    acting = ("base",) if needs_base(recipe) else ()
    writing = ("base",) if instructions.needs_base(recipe) else ()
    first: list[Stage] = []
    if instructions.asked(recipe):
        first = [Stage(instructions.NAME, instructions.reads, instructions.run, writing)]
        acting = (*acting, instructions.NAME)
    data = [
        *first,
        Stage("collect", collect.reads, collect.run, acting),
        Stage("general", general.reads, general.run),
        *made,
        Stage("curate", curate.reads, curate.run, ("collect", "general")),
    ]
    if recipe.data_only:
        return data
    return [
        *data,
        Stage("tune", tune.reads, tune.run, ("curate", *needed)),
        evaluate.base_stage(recipe),
        evaluate.tuned_stage(recipe),
    ]


@dataclass(frozen=True)
class Arm:
    """A recipe with a few keys changed, tuned with one seed."""

    name: str
    """Empty for the only arm of a plain recipe."""
    seed: int
    recipe: Recipe
    results: Mapping[str, Result]
    """By name of stage."""

    @property
    def folder(self) -> str:
        """What its links are below, in a run directory."""
        return f"arms/{file_name(self.name)}-{self.seed}/" if self.name else ""


@dataclass(frozen=True)
class Row:
    """A system on the page."""

    system: str
    seed: int
    result: Result


@dataclass(frozen=True)
class Study:
    """Arms, systems and comparisons of a recipe."""

    recipe: Recipe
    write_report: Callable[[Work, Study], None]

    @cached_property
    def arms(self) -> list[Arm]:
        """Every arm with every seed."""
        spec = self.recipe.study
        if spec is None:
            return [_arm("", self.recipe.tune_seed, self.recipe)]
        plain = override(self.recipe, {"study": None})
        return [
            _arm(name, seed, override(plain, {"tune.seed": seed, **changes}))
            for seed in spec.seeds
            for name, changes in spec.arms.items()
        ]

    @cached_property
    def rows(self) -> list[Row]:
        """The systems of the page, each fingerprint once under each name."""
        found: dict[tuple[str, str], Row] = {}
        for row in self._all_rows():
            found.setdefault((row.system, row.result.fingerprint), row)
        return list(found.values())

    @cached_property
    def comparisons(self) -> ComparisonsSpec:
        """What the page compares: what the recipe says, else each arm's two models.

        Raises `RecipeError` for the name of a base model that the arms turn out not to have.
        """
        spec = self.recipe.study
        if self.recipe.data_only:
            return ComparisonsSpec()
        if spec is None:
            return ComparisonsSpec(changes=[(BASE, TUNED)])
        if spec.comparisons is None and spec.systems is None:
            return ComparisonsSpec(changes=[(self._base_name(name), name) for name in spec.arms])
        found = spec.comparisons or ComparisonsSpec()
        names = {row.system for row in self.rows}
        if unknown := {*found.names()} - names:
            raise RecipeError(
                f"no system has the name {', '.join(sorted(unknown))}",
                where="study.comparisons",
                remedy=f"the systems are: {', '.join(sorted(names))}",
            )
        return found

    @cached_property
    def report(self) -> Result:
        """The page over everything."""
        needs = {f"{arm.folder}{name}": each for arm in self.arms for name, each in arm.results.items()}
        needs |= {name: row.result for row, name in self.row_links()}
        stage = Stage(
            REPORT,
            lambda recipe: recipe.model_dump(mode="json"),
            lambda work: self.write_report(work, self),
            tuple(needs),
        )
        return Result(stage, self.recipe, needs)

    def links(self) -> dict[str, Result]:
        """What each name in a run directory stands for."""
        names = {f"{arm.folder}{name}": each for arm in self.arms for name, each in arm.results.items()}
        if self.recipe.study:
            names |= {name: row.result for row, name in self.row_links()}
        return names | {REPORT: self.report}

    def row_links(self) -> list[tuple[Row, str]]:
        """Where each system of the page is, in a run directory."""
        if self.recipe.study is None:
            return [(row, row.result.stage.name) for row in self.rows]
        return [(row, f"systems/{file_name(row.system)}-{row.seed}") for row in self.rows]

    def until(self, stage: str) -> list[Result]:
        """What has to be there for a stage of all arms (`evaluate`: of all systems), in order.

        Raises `RecipeError` for a stage that a recipe for data alone does not have.
        """
        if stage in ("tune", "evaluate"):
            check_tunes(self.recipe)
        if stage == REPORT:
            return in_order([self.report])
        if stage == "evaluate":
            return in_order([row.result for row in self.rows])
        return in_order([arm.results[stage] for arm in self.arms if stage in arm.results])

    def rows_of(self, system: str) -> list[Row]:
        """A system with every seed."""
        return [row for row in self.rows if row.system == system]

    def names(self, result: Result) -> list[str]:
        """The names that stand for a result."""
        links = self.links().items()
        return [name for name, each in links if each.fingerprint == result.fingerprint]

    def _all_rows(self) -> list[Row]:
        spec = self.recipe.study
        if self.recipe.data_only:
            return []
        if spec is None:
            (arm,) = self.arms
            return [_row(name, arm, name) for name in (BASE, TUNED)]
        if spec.systems is None:
            bases = [_row(self._base_name(arm.name), arm, BASE) for arm in self.arms]
            return bases + [_row(arm.name, arm, TUNED) for arm in self.arms]
        return [
            self._system(name, system, seed) for name, system in spec.systems.items() for seed in spec.seeds
        ]

    def _system(self, name: str, system: str | Emulation, seed: int) -> Row:
        if isinstance(system, str):
            arm, _, which = system.rpartition("/")
            return _row(name, self._arm(arm, seed), which)
        return Row(name, seed, self._composed(system, seed))

    def _composed(self, written: Emulation, seed: int) -> Result:
        """A composition, measured as the recipe without any arm's changes says."""
        models, roles, needs = dict(written.models), {}, {}
        for role, model in written.models.items():
            found = self._model(model, seed)
            if isinstance(found, str):
                models[role] = found
            else:
                roles[role], needs[model] = model, found
        named = ", ".join(f"{role}={model}" for role, model in written.models.items())
        shown = f"{written.form}({named}, strength={written.strength:g})"
        plain = self._plain
        composition = written.model_copy(update={"models": models})
        stage = evaluate.composed_stage(plain.recipe, composition, roles, shown)
        others = {need: plain.results[need] for need in stage.needs if need not in needs}
        return Result(stage, plain.recipe, needs | others)

    def _model(self, model: str, seed: int) -> Result | str:
        """What `ARM/base` or `ARM/tuned` is: a result that has to be made, or a model's name."""
        name, _, which = model.rpartition("/")
        if self.recipe.study is None or name not in self.recipe.study.arms:
            return model
        arm = self._arm(name, seed)
        if which == BASE and isinstance(arm.recipe.model, str):
            return arm.recipe.model
        return arm.results["base" if which == BASE else "tune"]

    @cached_property
    def _plain(self) -> Arm:
        return _arm("", self.recipe.tune_seed, override(self.recipe, {"study": None}))

    def _arm(self, name: str, seed: int) -> Arm:
        return next(arm for arm in self.arms if (arm.name, arm.seed) == (name, seed))

    def _base_name(self, arm: str) -> str:
        """`base`, or `base (arm)` where the arms have different ones."""
        bases = {each.name: each.results[f"evaluate/{BASE}"].fingerprint for each in self.arms}
        if len(set(bases.values())) == 1:
            return BASE
        first = next(name for name, fingerprint in bases.items() if fingerprint == bases[arm])
        return base_of(first)


def _arm(name: str, seed: int, recipe: Recipe) -> Arm:
    return Arm(name, seed, recipe, bind(stages_of(recipe), recipe))


def _row(system: str, arm: Arm, which: str) -> Row:
    return Row(system, arm.seed, arm.results[f"evaluate/{which}"])
