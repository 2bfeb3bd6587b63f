"""Sections that recipes had before: refused with words that show how to write them now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from trajectune.errors import RecipeError


def refuse_old_sections(data: Mapping[str, Any], where: str) -> None:
    """Raise `RecipeError` for a recipe with `ablation` or `upscale`, showing its section `study`."""
    for name, rewrite in (("ablation", _ablation), ("upscale", _upscale)):
        old = data.get(name)
        if old is None:
            continue
        spec = old if isinstance(old, dict) else {}
        text = yaml.safe_dump({"study": rewrite(spec, data)}, sort_keys=False, allow_unicode=True)
        shown = "".join(f"\n    {line}" for line in text.splitlines())
        raise RecipeError(
            f"the section `{name}` is now written as `study`",
            where=where,
            remedy=f"put this in place of `{name}`:{shown}",
        )


def _ablation(old: Mapping[str, Any], recipe: Mapping[str, Any]) -> dict[str, Any]:
    del recipe
    return {"seeds": old.get("seeds", [0]), "arms": old.get("arms", {})}


def _upscale(old: Mapping[str, Any], recipe: Mapping[str, Any]) -> dict[str, Any]:
    made = {key: old[key] for key in ("layers", "rows", "epochs") if key in old}
    small = old.get("small") or {"shrink": recipe.get("model", "embedded"), **made}
    alphas = sorted({*map(float, old.get("alphas", [0.25, 0.5, 0.75]))} - {0.0, 1.0})
    betas = sorted({*map(float, old.get("betas", [0.5, 1.5]))} - {0.0, 1.0})
    systems: dict[str, Any] = {
        "small base": "small/base",
        "small tuned": "small/tuned",
        "large base": "large/base",
        "emulated": _emulated("upscale", 1.0),
        "large tuned": "large/tuned",
    }
    systems |= {f"α = {alpha:g}": _emulated("upscale", alpha) for alpha in alphas}
    systems |= {f"β = {beta:g}": _emulated("amplify", beta) for beta in betas}
    gaps = [
        {"floor": floor, "system": "emulated", "ceiling": "large tuned"}
        for floor in ("large base", "small tuned")
    ]
    tuning = {0.0: "large base", **{alpha: f"α = {alpha:g}" for alpha in alphas}, 1.0: "emulated"}
    scale = {0.0: "small tuned", **{beta: f"β = {beta:g}" for beta in betas}, 1.0: "emulated"}
    return {
        "arms": {"large": {}, "small": {"model": small}},
        "systems": systems,
        "comparisons": {
            "changes": [["large base", "emulated"], ["large base", "large tuned"]],
            "gaps": gaps,
            "curves": {
                "α: share of the tuning": tuning,
                "β: share of the scale": dict(sorted(scale.items())),
            },
        },
    }


def _emulated(form: str, strength: float) -> dict[str, Any]:
    models = {"large": "large/base", "tuned": "small/tuned", "base": "small/base"}
    # Without drafts a reply does not depend on block lengths, which follow the clock.
    return {"form": form, "strength": strength, "models": models, "draft": {"proposer": "none"}}
