"""The models that a recipe names, looked at before any stage."""

from __future__ import annotations

from collections.abc import Iterable

from trajectune.composition.files import is_emulation, load_emulation
from trajectune.models.check import check_model
from trajectune.models.loading import layer_count
from trajectune.models.shrink import check_layers
from trajectune.run.recipe import Recipe


def check_models(recipes: Iterable[Recipe]) -> None:
    """Raises ModelError for a model that loading would refuse hours later; each is looked at once."""
    spoken: set[str] = set()
    others: set[str] = set()
    for recipe in recipes:
        if not isinstance(recipe.model, str):
            check_layers(layer_count(recipe.model.shrink), recipe.model.layers)
        acting = [recipe.agent.model] if recipe.agent.kind == "local" and recipe.agent.model else []
        for name in [recipe.source_model, *acting]:
            if is_emulation(name):
                others |= set(load_emulation(name).models.values())
            else:
                spoken.add(name)
        if recipe.tune.teacher:
            others.add(recipe.tune.teacher)
    for name in sorted(spoken):
        check_model(name)
    for name in sorted(others - spoken):
        check_model(name, template=False)
