"""The stages `evaluate/<system>`: a base model, a tuned one or a composition, measured with every suite.

Leaves one folder for each suite (`trajectune.evaluate.run`). General examples are held out of the stage
`general` and not of `curate`, so that what is measured of a base model depends on nothing that only tuning
reads: the arms of a study share it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import yaml
from pydantic import JsonValue

from trajectune.composition.files import Emulation
from trajectune.evaluate.contract import Group, Suite
from trajectune.evaluate.registry import load_suite
from trajectune.evaluate.suites.choices import Choices
from trajectune.evaluate.suites.environment import EnvironmentSuite
from trajectune.evaluate.suites.general_loss import GeneralLoss
from trajectune.evaluate.systems import load_system
from trajectune.models.loading import LoadedModel, load_model
from trajectune.run.api.measuring import evaluate
from trajectune.run.recipe import Recipe
from trajectune.run.recipe.study import BASE, TUNED, file_name
from trajectune.run.stage import Stage, Work
from trajectune.run.stages.agents import acting_base, reply_values
from trajectune.run.stages.curate import general_examples, mixture_of, step_values
from trajectune.run.stages.environments import bound_environments, environment_values, limit_values
from trajectune.run.stages.values import model_values, option_values
from trajectune.storage import write_atomic


def measures_loss(recipe: Recipe) -> bool:
    """Whether there are general examples to measure the loss on."""
    return bool(recipe.evaluate.general and recipe.curate.general and recipe.curate.validation)


def needs(recipe: Recipe, *models: str) -> tuple[str, ...]:
    """The results that measuring a recipe's models needs: theirs, and the general examples."""
    made = () if isinstance(recipe.model, str) else ("base",)
    return (*models, *made, *(("general",) if measures_loss(recipe) else ()))


def base_stage(recipe: Recipe, name: str = BASE) -> Stage:
    """Measure the base model of a recipe under a name."""

    def run(work: Work) -> None:
        _measure(work, name, work.base_model, _shown(work.recipe), base=None)

    return Stage(f"evaluate/{file_name(name)}", reads, run, needs(recipe))


def tuned_stage(recipe: Recipe) -> Stage:
    """Measure the tuned model of a recipe, and how far it is from the base model."""

    def run(work: Work) -> None:
        _measure(work, TUNED, str(work.input("tune") / "model"), "tune/model", base=_base(work))

    return Stage(f"evaluate/{TUNED}", reads, run, needs(recipe, "tune"))


def composed_stage(recipe: Recipe, composition: Emulation, roles: dict[str, str], shown: str) -> Stage:
    """Measure a composition, called `shown` in records.

    `roles` names the needed result that holds the model of a role; other roles name their models. Leaves
    `composition.yaml` too, which may be chatted with and served as it is.
    """

    def composed_reads(recipe: Recipe) -> JsonValue:
        spec = composition.model_dump(mode="json", exclude={"models"})
        named = {role: name for role, name in composition.models.items() if role not in roles}
        models = {role: model_values(name) for role, name in named.items()}
        return {"composition": spec, "models": models, "made": dict(roles), "measured": reads(recipe)}

    def run(work: Work) -> None:
        made = {role: str(work.input(need) / "model") for role, need in roles.items()}
        data = composition.model_dump(mode="json") | {"models": composition.models | made}
        path = work.folder / "composition.yaml"
        write_atomic(path, yaml.safe_dump(data, sort_keys=False, allow_unicode=True))
        _measure(work, "composition", str(path), shown, base=_base(work))

    made = tuple(dict.fromkeys(roles.values()))
    return Stage("evaluate/composition", composed_reads, run, (*made, *needs(recipe)))


def reads(recipe: Recipe) -> JsonValue:
    """What the result depends on."""
    environments: dict[str, JsonValue] = {
        key: {
            **environment_values(key, spec),
            "tasks": spec.evaluate,
            "split": spec.split,
            "threshold": spec.threshold,
            "group": _group(spec.collect),
        }
        for key, spec in recipe.environments.items()
        if spec.evaluate
    }
    own = {name: [spec.suite, option_values(spec.options)] for name, spec in recipe.suites.items()}
    acts = bool(environments or own)
    return {
        "model": acting_base(recipe),
        "environments": environments,
        "suites": dict(own),
        "dialect": recipe.dialect if acts else None,
        "limits": {**limit_values(recipe.evaluate), **reply_values(recipe.evaluate)} if acts else None,
        "general": _general_values(recipe),
        "seed": recipe.seed,
    }


def _general_values(recipe: Recipe) -> JsonValue:
    if not recipe.evaluate.general:
        return None
    if not measures_loss(recipe):
        return {"held out": 0}
    weights: dict[str, JsonValue] = {name: spec.weight for name, spec in recipe.curate.general.items()}
    return {
        "held out": recipe.curate.validation,
        "weights": weights,
        "steps": step_values(recipe, "examples"),
    }


def _measure(work: Work, name: str, model: str, shown: str, base: LoadedModel | None) -> None:
    """`shown` is what the record calls the model, in place of a path that would change with the folder."""
    limits = work.recipe.evaluate
    system = load_system(
        name,
        model,
        base="" if base is None else base.name,
        dtype=limits.precision,
        batch_size=limits.batch_size,
        max_new_tokens=limits.max_new_tokens,
        max_context=limits.max_context,
        allow_other_template=limits.allow_other_template,
    )
    if limits.precision == "int8":
        shown = f"{shown} (int8)"
    system = replace(system, identity=system.identity.model_copy(update={"model": shown}))
    suites = suites_of(work.recipe, _held_out(work), base)
    evaluate(system, suites, to=work.folder, seed=work.recipe.seed, on_progress=work.on_progress)


def suites_of(recipe: Recipe, held_out: Path | None, base: LoadedModel | None) -> list[Suite]:
    """The suites that a recipe asks for; `held_out` is the folder of general rows, if they are measured."""
    suites: list[Suite] = [
        EnvironmentSuite(
            bound.environment,
            key=bound.key,
            tasks=bound.spec.evaluate,
            split=bound.spec.split,
            dialect=recipe.dialect,
            threshold=bound.spec.threshold,
            bad_format_limit=recipe.evaluate.bad_format_limit,
            repetition_limit=recipe.evaluate.repetition_limit,
            history_limit=recipe.evaluate.history_limit,
            group=_group(bound.spec.collect),
        )
        for bound in bound_environments(recipe)
        if bound.spec.evaluate
    ]
    if held_out is not None:
        general = general_examples(recipe, held_out)
        suites.append(GeneralLoss(mixture_of(recipe, {}, general, eta=0.0).held_out, base=base))
    if recipe.evaluate.general:
        suites.append(Choices())
    for name, spec in recipe.suites.items():
        suites.append(load_suite(spec.suite, spec.options))
        suites[-1].name = name
    return suites


def _held_out(work: Work) -> Path | None:
    return work.input("general") if measures_loss(work.recipe) else None


def _base(work: Work) -> LoadedModel:
    return replace(load_model(work.base_model), name=_shown(work.recipe))


def _shown(recipe: Recipe) -> str:
    """How records name the base model."""
    if isinstance(recipe.model, str):
        return recipe.model
    return f"{recipe.model.shrink}, {recipe.model.layers} layers"


def _group(collected: int) -> Group:
    return "held-in" if collected else "held-out"
