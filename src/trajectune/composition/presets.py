"""Ready-made compositions: emulated fine-tuning and its relatives.

The idea: fine-tuning adds log π_tuned − log π_base to a model, at whatever scale it was done. That change,
the *behaviour delta*, can be added to another model of the family; equally, the step from a small base
model to a large one is a *scale delta* that can be added to a small tuned model. With weight 1 the two are
the same distribution, with other weights they are not: `upscale` weighs the behaviour, `amplify` the scale.

Sources: emulated fine-tuning (Mitchell et al. 2023, arXiv 2310.12962), proxy-tuning (Liu et al. 2024,
arXiv 2401.08565), contrastive decoding (Li et al. 2022, arXiv 2210.15097).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from trajectune.composition.composition import Composition, Term, WeightFilter
from trajectune.errors import ModelError
from trajectune.models.loading import LoadedModel

LARGE, TUNED, BASE = "large", "tuned", "base"
"""Names of the three terms: the large base model, the small tuned and the small base one."""


def upscale(
    large: LoadedModel,
    tuned: LoadedModel,
    base: LoadedModel,
    alpha: float = 1.0,
    top_p: float | None = None,
) -> Composition:
    """ℓ_large + α·(ℓ_tuned − ℓ_base): the large model as if it had been tuned like the small one.

    `alpha` weighs the behaviour delta (proxy-tuning's α). `top_p` adds the conservative filter on the
    up-scaling weights. The small tuned model drafts.
    """
    return _three(large, tuned, base, (1.0, alpha, -alpha), top_p)


def amplify(
    large: LoadedModel, tuned: LoadedModel, base: LoadedModel, beta: float = 1.0, top_p: float | None = None
) -> Composition:
    """ℓ_tuned + β·(ℓ_large − ℓ_base): the scale delta with weight β (EFT's amplification, β > 1)."""
    return _three(large, tuned, base, (beta, 1.0, -beta), top_p)


def downscale(small: LoadedModel, large_tuned: LoadedModel, large_base: LoadedModel) -> Composition:
    """ℓ_small + ℓ_large_tuned − ℓ_large_base: tuning done at large scale, on a small model's knowledge."""
    terms = (
        Term(large_tuned, 1.0, "large_tuned"),
        Term(small, 1.0, "small"),
        Term(large_base, -1.0, "large_base"),
    )
    return Composition(terms, draft="small")


def interpolate(
    large: LoadedModel, base: LoadedModel, behaviours: Mapping[str, tuple[LoadedModel, float]]
) -> Composition:
    """ℓ_large + Σ λ·(ℓ_behaviour − ℓ_base): several small tuned models' changes, each with its own λ.

    With `large` the small base model itself this is interpolation at one scale. The behaviour with the
    largest λ drafts and lends its chat template.
    """
    if not behaviours:
        raise ModelError("interpolation needs at least one tuned model")
    ranked = sorted(behaviours.items(), key=lambda item: -item[1][1])
    total = sum(share for _, share in behaviours.values())
    terms = [Term(model, share, name) for name, (model, share) in ranked]
    return Composition((*terms, Term(large, 1.0, LARGE), Term(base, -total, BASE)), draft=ranked[0][0])


def contrast(expert: LoadedModel, amateur: LoadedModel, alpha: float = 0.5) -> Composition:
    """(1 + α)·ℓ_expert − α·ℓ_amateur: what the expert knows and the amateur does not."""
    terms = (Term(expert, 1 + alpha, "expert"), Term(amateur, -alpha, "amateur"))
    return Composition(terms, draft="amateur")


def _three(
    large: LoadedModel,
    tuned: LoadedModel,
    base: LoadedModel,
    weights: tuple[float, float, float],
    top_p: float | None,
) -> Composition:
    """The tuned model comes first: its chat template and end tokens are those of the behaviour."""
    of_large, of_tuned, of_base = weights
    terms = (Term(tuned, of_tuned, TUNED), Term(large, of_large, LARGE), Term(base, of_base, BASE))
    composition = Composition(terms, draft=TUNED)
    return replace(composition, weight_filter=WeightFilter(TUNED, top_p)) if top_p else composition
