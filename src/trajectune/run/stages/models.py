"""The models that a recipe names, looked at before any stage."""

from __future__ import annotations

from collections.abc import Iterable

from transformers import PreTrainedConfig

from trajectune.composition.files import is_emulation, load_emulation
from trajectune.models.folder.check import check_model
from trajectune.models.shrink import check_layers, check_shrinkable, cut_config
from trajectune.run.recipe import Recipe
from trajectune.tune.model.early import check_tunable


def check_models(recipes: Iterable[Recipe]) -> None:
    """Raises ModelError or RecipeError for what loading, cutting or tuning would refuse hours later."""
    known: dict[str, PreTrainedConfig] = {}
    for recipe in recipes:
        for name, acts in _named(recipe).items():
            if name not in known:
                known[name] = check_model(name, template=acts)
        if recipe.source_model in known and not recipe.data_only:
            check_tunable(_to_tune(recipe, known[recipe.source_model]), recipe.tune)


def _named(recipe: Recipe) -> dict[str, bool]:
    """Each model that a recipe loads, and whether it is spoken to, and so needs a chat template."""
    acting = [recipe.agent.model] if recipe.agent.kind == "local" and recipe.agent.model else []
    found = {name: True for name in [recipe.source_model, *acting] if not is_emulation(name)}
    others = [recipe.tune.teacher] if recipe.tune.teacher else []
    for name in [recipe.source_model, *acting]:
        if is_emulation(name):
            emulation = load_emulation(name)
            others += [*emulation.models.values(), *filter(None, [emulation.draft.model])]
    return {**dict.fromkeys(others, False), **found}


def _to_tune(recipe: Recipe, config: PreTrainedConfig) -> PreTrainedConfig:
    """The configuration of what is tuned: of the recipe's model, or of what is left of it."""
    if isinstance(recipe.model, str):
        return config
    check_layers(config.get_text_config().num_hidden_layers, recipe.model.layers)
    check_shrinkable(config, recipe.model.shrink)
    return cut_config(config, range(recipe.model.layers))
