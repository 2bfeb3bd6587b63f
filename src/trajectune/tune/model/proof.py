"""The proof, before anything is trained, that a model computes in a pack what it computes by itself.

The idea: transformers has hundreds of families, and what a new one does beside attention and a linear head
(convolutions, linear attention, biases by distance, scaled logits) shows in no interface. So a pack of
three short rows that share a prefix goes through the model as packs do in training, and each row by itself
through the model's own attention. Where the two differ, neighbours in a pack would disturb each other or
the loss would be another model's: the model is refused by name, before any work.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from trajectune.errors import ModelError
from trajectune.tune.data.groups import groups_of
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.data.tree import Pack, build_pack
from trajectune.tune.model.attention import ATTENTION
from trajectune.tune.model.head import Head, parts_of
from trajectune.tune.model.layout import Layout, windows_of

_ROWS = ([5, 6, 7, 8, 9], [5, 6, 7, 10, 11, 12], [13, 14, 6])
_BOUND = {torch.float32: 1e-3}
_COARSE = 0.1
"""Relative distance of two ways to compute a token in bf16, for the middle one of the tokens."""


class _Witness(Layout):
    """A layout that notes the window with which each layer asks."""

    def __init__(self, pack: Pack) -> None:
        super().__init__(pack)
        self.asked: list[int | None] = []

    def blocks(self, window: int | None = None) -> Any:
        self.asked.append(window)
        return super().blocks(window)


@torch.no_grad()
def prove_model(model: PreTrainedModel, name: str) -> None:
    """Raise ModelError unless the model, in evaluation mode, can be tuned in packs.

    `ATTENTION` must be set, and stays so.
    """
    body, head = parts_of(model)
    rows = _rows(head.weight.shape[0])
    pack = build_pack(rows, range(len(rows)), groups_of(rows), min_shared=1)
    witness = _Witness(pack)
    tokens, positions = (
        torch.from_numpy(part)[None].to(model.device) for part in (pack.tokens, pack.positions)
    )
    try:
        packed: Any = body(input_ids=tokens, position_ids=positions, use_cache=False, layout=witness)
        packed = packed.last_hidden_state[0]
    except torch.OutOfMemoryError:
        raise
    except (TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise _refusal(model, name, "does not take its rows in packs") from error
    if witness.asked != windows_of(model.config.get_text_config()):
        raise _refusal(model, name, "mixes tokens by something else than attention, or hides its windows")
    _compare(model, head, packed[_places(pack, rows)], rows, name)


def _rows(vocabulary: int) -> list[TokenRow]:
    made = []
    for number, ids in enumerate(_ROWS):
        tokens = np.array([token % vocabulary for token in ids], np.int32)
        made.append(TokenRow(str(number), "proof", tokens, np.arange(len(tokens)) > 0))
    return made


def _places(pack: Pack, rows: list[TokenRow]) -> list[int]:
    """Where the tokens of each row, one row after the other, stand in the pack."""
    paths: list[list[int]] = []
    for node in pack.nodes:
        above = paths[node.parent] if node.parent >= 0 else []
        paths.append([*above, *range(node.start, node.end)])
    found = []
    for row in rows:
        ids = row.tokens.tolist()
        found += next(path for path in paths if pack.tokens[path].tolist() == ids)
    return found


def _compare(model: PreTrainedModel, head: Head, packed: Tensor, rows: list[TokenRow], name: str) -> None:
    """Raise ModelError where states [T, E] in the pack, or the head's logits, are not the model's own."""
    states, logits = _by_itself(model, rows)
    bound = _BOUND.get(packed.dtype, _COARSE)
    if _distance(packed, states) > bound:
        raise _refusal(model, name, "computes a row otherwise when others stand beside it")
    if _distance(head.logits(states), logits.float()) > bound:
        raise _refusal(model, name, "does something to its logits that is not known here")


def _by_itself(model: PreTrainedModel, rows: list[TokenRow]) -> tuple[Tensor, Tensor]:
    """Last states and logits of the rows, one after the other, with the model's own attention."""
    whole: Any = model
    kept: list[Tensor] = []
    hook = parts_of(model)[0].register_forward_hook(
        lambda _module, _inputs, output: kept.append(output.last_hidden_state[0])
    )
    whole.set_attn_implementation("eager")
    try:
        ids = [torch.from_numpy(row.tokens).long()[None].to(model.device) for row in rows]
        logits = [whole(input_ids=each, use_cache=False).logits[0] for each in ids]
    finally:
        hook.remove()
        whole.set_attn_implementation(ATTENTION)
    return torch.cat(kept), torch.cat(logits)


def _distance(ours: Tensor, theirs: Tensor) -> float:
    """Relative distance of the rows of two matrices; that of the middle one, since experts may change."""
    gaps = (ours - theirs).float().norm(dim=-1) / theirs.float().norm(dim=-1).clamp(min=1e-9)
    return float(gaps.median())


def _refusal(model: PreTrainedModel, name: str, what: str) -> ModelError:
    return ModelError(
        f"{type(model).__name__} {what}, so it cannot be tuned here",
        where=name,
        remedy="choose a decoder with plain causal attention, with or without sliding windows",
    )
