"""Whether two models speak of the same tokens, and how ids of one are read as ids of the other.

The idea: logits can be added only where column i means the same token in every model. Models of one family
differ in padding and in the names of special tokens, which does no harm; anything else needs a map that
the user declares, and is refused without one. Combining models of unlike vocabularies exactly would have
to work on bytes (Hayase et al. 2025, arXiv 2506.14123), which this project does not do.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from transformers import PreTrainedTokenizerBase

from trajectune.errors import ModelError
from trajectune.models.loading import LoadedModel


def alignment(
    lead: LoadedModel, other: LoadedModel, declared: Mapping[int, int] | None = None
) -> torch.Tensor | None:
    """`other`'s id for each id of `lead`, −1 where it has none; `[ids of lead]`.

    None means that the ids are the same: the vocabularies are equal, or equal up to special and added
    tokens at either end. Raises ModelError when they are not and no map is `declared`, or the declared
    map names ids that do not exist.
    """
    if declared is not None:
        return _declared(lead, other, declared)
    if lead.tokenizer is other.tokenizer:
        return None
    ours, theirs = (_by_id(model.tokenizer) for model in (lead, other))
    allowed = _added(lead.tokenizer) | _added(other.tokenizer)
    unlike = [i for i in ours.keys() | theirs.keys() if ours.get(i) != theirs.get(i) and i not in allowed]
    if not unlike:
        return None
    example = min(unlike)
    raise ModelError(
        f"{len(unlike):,} of {len(ours):,} token ids mean something else: {example} is "
        f"{ours.get(example)!r} in one and {theirs.get(example)!r} in the other",
        where=f"{lead.name} and {other.name}",
        remedy="choose models of one family, or declare a map of ids; unlike vocabularies are not combined",
    )


def _by_id(tokenizer: PreTrainedTokenizerBase) -> dict[int, str]:
    return {number: token for token, number in tokenizer.get_vocab().items()}


def _added(tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """Ids of special and added tokens: those that no text is split into."""
    return set(tokenizer.added_tokens_decoder) | set(tokenizer.all_special_ids)


def _declared(lead: LoadedModel, other: LoadedModel, declared: Mapping[int, int]) -> torch.Tensor:
    sizes = output_rows(lead), output_rows(other)
    wrong = [
        pair for pair in declared.items() if not all(0 <= i < n for i, n in zip(pair, sizes, strict=True))
    ]
    if wrong:
        raise ModelError(
            f"the vocabulary map sends {wrong[0][0]} to {wrong[0][1]}, but there are {sizes[0]:,} "
            f"and {sizes[1]:,} ids",
            where=f"{lead.name} and {other.name}",
            remedy="map ids of the first model to ids of the other, both counted from 0",
        )
    found = torch.full((sizes[0],), -1, dtype=torch.long, device=other.device)
    found[list(declared)] = torch.tensor(list(declared.values()), device=other.device)
    return found


def output_rows(model: LoadedModel) -> int:
    """Columns of the model's logits: its vocabulary and whatever padding it has."""
    return int(model.model.get_output_embeddings().out_features)  # pyright: ignore
