"""From what a user names or holds in memory to a system that says truly who it is.

The idea: an identity is made from what was loaded, in one place, so that no caller can call a tuned model
`base` in silence: the name is the caller's, the digests are not. Invariants: the digest of the weights
follows from the files of a model that was named and from the tensors of one that was handed over; a
composition's follows from those of all its terms, their weights in the sum, and their system messages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import torch

from trajectune.composition.composition import Composition
from trajectune.composition.drafting import Speculation
from trajectune.composition.files import load_composition
from trajectune.evaluate.contract import System, SystemIdentity
from trajectune.models.folder.names import adapter_base, resolve_model
from trajectune.models.identity import template_digest, weights_digest
from trajectune.models.loading import LoadedModel


def load_system(
    name: str,
    model: str | LoadedModel | Composition,
    *,
    base: str = "",
    dialect: str = "",
    dtype: str = "auto",
    device: str = "auto",
    batch_size: int = 16,
    max_new_tokens: int = 128,
    max_context: int = 2048,
    speculation: Speculation | None = None,
    allow_other_template: bool = False,
) -> System:
    """A system called `name` in tables.

    `model` is a model's name or a composition file (which says how to draft), or either of them loaded;
    `base` is the model that it was tuned from. With a `dialect` the system acts in that one, whatever a
    suite asks for. `batch_size` conversations are decoded at once; `max_new_tokens` bounds a reply and
    `max_context` a conversation, in tokens. `allow_other_template` is as in `load_model`. Raises
    `ModelError`.
    """
    digest: Callable[[LoadedModel], str] = tensors_digest
    if isinstance(model, str):
        model, drafts = load_composition(model, dtype, device, allow_other_template=allow_other_template)
        speculation, digest = speculation or drafts, named_digest
    composition = Composition.single(model) if isinstance(model, LoadedModel) else model
    identity = SystemIdentity(
        name=name,
        model=formula(composition),
        base=base,
        weights=_weights(composition, digest),
        template=template_digest(composition.tokenizer),
        dialect=dialect,
    )
    return System(identity, composition, speculation, batch_size, max_new_tokens, max_context)


def formula(composition: Composition) -> str:
    """A composition in the names of its models; a single model's own name. Rounded ones say so."""
    if _is_single(composition):
        return _named(composition.lead)
    parts = [f"{term.weight:+g}·{_named(term.model)}" for term in composition.terms]
    return " ".join(parts).removeprefix("+")


def _named(model: LoadedModel) -> str:
    return f"{model.name} ({model.precision})" if model.precision else model.name


def named_digest(model: LoadedModel) -> str:
    """Digest of the weights behind a model's name: of its files, or, for a model of a hub, its tensors.

    An adapter's takes in its base model's.
    """
    source = resolve_model(model.name)
    if not isinstance(source, Path):
        return tensors_digest(model)
    base = adapter_base(source)
    parts = [source] if base is None else [source, base]
    digests = [weights_digest(part) if isinstance(part, Path) else part for part in parts]
    return digests[0] if len(digests) == 1 else _together(digests)


def tensors_digest(model: LoadedModel) -> str:
    """Digest of a model's parameters as they are in memory; another dtype is another digest."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.model.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def _weights(composition: Composition, digest: Callable[[LoadedModel], str]) -> str:
    if _is_single(composition):
        return digest(composition.lead)
    filtered = composition.weight_filter
    lines = [f"{term.weight!r} {term.system!r} {digest(term.model)}" for term in composition.terms]
    return _together([*lines, repr(filtered)])


def _together(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _is_single(composition: Composition) -> bool:
    term = composition.terms[0]
    return len(composition.terms) == 1 and term.weight == 1 and term.system is None
