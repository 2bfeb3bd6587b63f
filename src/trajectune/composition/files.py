"""A composition written down: a small YAML file that is as good as a model's name.

    form: upscale          # ℓ_large + strength·(ℓ_tuned − ℓ_base)
    models: {large: my/large, tuned: runs/quickstart/tune/model, base: embedded}

The idea: wherever a model can be named (evaluation, chat, serving, a recipe's agent), the path of such a
file can stand in its place. Models that are named twice are loaded once, and LoRA adapters over one base
share its weights.

Invariants: unknown keys, forms and roles are errors that say what is known; a model's name that is no
file of this kind is a composition of one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from trajectune.composition import presets
from trajectune.composition.composition import Composition, Term, WeightFilter
from trajectune.composition.drafting import Speculation
from trajectune.errors import ModelError
from trajectune.models.adapters import load_sharing
from trajectune.models.loading import LoadedModel, load_model
from trajectune.storage.yaml import read_yaml

ROLES = {
    "upscale": ("large", "tuned", "base"),
    "amplify": ("large", "tuned", "base"),
    "downscale": ("small", "large_tuned", "large_base"),
    "contrast": ("expert", "amateur"),
    "interpolate": ("large", "base"),
    "sum": (),
}
"""The models that each form needs; `interpolate` and `sum` take any others besides, with their weights."""


class Drafting(BaseModel):
    """Who drafts tokens for speculative decoding (`trajectune.engine.speculation.speculation`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    proposer: Literal["model", "lookup", "none"] = "model"
    """`model`: the small tuned one; `lookup`: what followed the last words before; `none`: nobody."""
    block: Annotated[int, Field(ge=1)] | None = None
    """Most tokens that a round gives; empty adapts it to what is measured, down to no drafts at all."""
    model: str | None = None
    """A model of its own that drafts, such as the small tuned one with fewer layers: it has no say in the
    sum, and must have the same vocabulary. Empty: the small tuned one itself."""
    dtype: Literal["float32", "bfloat16", "int8"] | None = None
    """Number format of that model; empty: that of the others."""

    @model_validator(mode="after")
    def _of_the_drafting_model(self) -> Self:
        if self.model is not None and self.proposer != "model":
            raise ValueError(f"where {self.proposer} drafts, no `model` does")
        if self.dtype is not None and self.model is None:
            raise ValueError("`dtype` is that of `model`, and there is none")
        return self


class Emulation(BaseModel):
    """What a composition file says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    form: Literal["upscale", "amplify", "downscale", "interpolate", "contrast", "sum"] = "upscale"
    """Which formula (`trajectune.composition.presets`); `sum` is Σ weight·ℓ as it stands."""
    models: dict[str, str]
    """Model of each role: `embedded`, a folder, or a hub name."""
    strength: float = 1.0
    """α of `upscale` and `contrast`, β of `amplify`."""
    weights: dict[str, float] = Field(default_factory=dict)
    """λ of each behaviour of `interpolate`, weight of each model of `sum`."""
    top_p: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Conservative filter on the weights, by what the tuned model thinks likely."""
    draft: Drafting = Field(default_factory=Drafting)
    """Speculative decoding."""

    def compose(
        self, device: str = "auto", dtype: str = "auto", *, allow_other_template: bool = False
    ) -> Composition:
        """Loads the models (as `load_model` does) and puts them together. Raises ModelError."""
        self.check_roles()
        names, drafter = list(self.models.values()), self.draft.model
        if drafter is not None and self.draft.dtype is None:
            names.append(drafter)
        loaded = load_sharing(names, dtype, device, allow_other_template=allow_other_template)
        composition = self._form({role: loaded[name] for role, name in self.models.items()})
        if drafter is None:
            return composition
        if self.draft.dtype is None:
            return replace(composition, drafter=loaded[drafter])
        alone = load_model(drafter, self.draft.dtype, device, allow_other_template=allow_other_template)
        return replace(composition, drafter=alone)

    @property
    def speculation(self) -> Speculation | None:
        """How the engine is to draft."""
        if self.draft.proposer == "none":
            return None
        return Speculation(self.draft.proposer, self.draft.block)

    def _form(self, models: dict[str, LoadedModel]) -> Composition:
        roles = [models[role] for role in ROLES[self.form]]
        if self.form == "upscale":
            return presets.upscale(*roles, alpha=self.strength, top_p=self.top_p)
        if self.form == "amplify":
            return presets.amplify(*roles, beta=self.strength, top_p=self.top_p)
        if self.form == "downscale":
            return presets.downscale(*roles)
        if self.form == "contrast":
            return presets.contrast(*roles, alpha=self.strength)
        if self.form == "interpolate":
            behaviours = {name: (models[name], share) for name, share in self.weights.items()}
            return presets.interpolate(models["large"], models["base"], behaviours)
        terms = tuple(Term(model, self.weights[name], name) for name, model in models.items())
        return Composition(terms, WeightFilter(terms[0].name, self.top_p) if self.top_p else None)

    def check_roles(self) -> None:
        """Raise ModelError unless the models are those that the form needs."""
        if self.top_p and self.form not in ("upscale", "amplify", "sum"):
            raise ModelError(f"the form {self.form!r} has no `top_p`", remedy="leave it away")
        needed = set(ROLES[self.form])
        free = set(self.weights) if self.form in ("interpolate", "sum") else set()
        if set(self.models) == needed | free and not needed & free:
            return
        wanted = list(ROLES[self.form])
        if self.form in ("interpolate", "sum"):
            wanted.append("one for each name in `weights`")
        named = ", ".join(sorted(self.models)) or "none"
        raise ModelError(
            f"the form {self.form!r} does not go with the models {named}",
            remedy=f"name these: {', '.join(wanted)}",
        )


def is_emulation(name: str) -> bool:
    """Whether a model's name is the path of a composition file."""
    return name.endswith((".yaml", ".yml"))


def load_emulation(path: str) -> Emulation:
    """Reads a composition file. Raises ModelError naming the file and the key."""
    data = read_yaml(path, "the composition", ModelError)
    try:
        return Emulation.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ModelError(
            f"the composition is not valid: {key}: {first['msg']}",
            where=path,
            remedy="start with `form: upscale` and `models: {large: …, tuned: …, base: …}`",
        ) from None


def load_composition(
    name: str, dtype: str = "auto", device: str = "auto", *, allow_other_template: bool = False
) -> tuple[Composition, Speculation | None]:
    """What a name stands for (a composition file, or one model), and how it drafts. Raises ModelError."""
    if not is_emulation(name):
        model = load_model(name, dtype, device, allow_other_template=allow_other_template)
        return Composition.single(model), None
    emulation = load_emulation(name)
    composition = emulation.compose(device, dtype, allow_other_template=allow_other_template)
    return composition, emulation.speculation
