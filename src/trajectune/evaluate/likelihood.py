"""How likely a model finds given tokens, and how far two models disagree about them.

The idea: everything in general ability that is not generated comes down to log-probabilities at the
trained positions of token rows. Rows of similar length share a batch, so little is padded; logits are
made only where some row of the batch needs them, and normalised in fp32, a chunk at a time.

Invariants: a row's numbers do not depend on its neighbours in the batch (padding stands to the right of
causal attention); results come in the order of the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from trajectune.errors import ModelError
from trajectune.models.loading import LoadedModel
from trajectune.progress import OnProgress, silent, told
from trajectune.tune.data.rows import TokenRow

BATCH_TOKENS = 1_024
"""Tokens of one forward pass, padding included (a longer row gets a pass of its own)."""
_CHUNK = 256  # positions normalised at once


@torch.inference_mode()
def losses(
    model: LoadedModel, rows: Sequence[TokenRow], on_progress: OnProgress = silent
) -> NDArray[np.float64]:
    """Negative log-likelihood in nats of each row's trained tokens, summed over the row. Shape [rows]."""
    sums = np.zeros(len(rows))
    batches = length_batches(rows)
    for batch in told(batches, "loss", len(batches), on_progress):
        logits, targets, owners = _at_trained(model, [rows[i] for i in batch])
        for part, goal, owner in _chunks(logits, targets, owners):
            nll = F.cross_entropy(part.float(), goal, reduction="none").double().cpu().numpy()
            np.add.at(sums, np.asarray(batch)[owner.cpu().numpy()], nll)
    return sums


@torch.inference_mode()
def divergences(
    base: LoadedModel, tuned: LoadedModel, rows: Sequence[TokenRow], on_progress: OnProgress = silent
) -> NDArray[np.float64]:
    """KL(base‖tuned) in nats of the next-token distributions, summed over each row's trained positions.

    Shape [rows]. Raises `ModelError` when the two vocabularies differ.
    """
    sums = np.zeros(len(rows))
    batches = length_batches(rows)
    for batch in told(batches, "divergence", len(batches), on_progress):
        picked = [rows[i] for i in batch]
        logits, targets, owners = _at_trained(base, picked)
        others = _at_trained(tuned, picked)[0].to(logits.device)
        if others.shape != logits.shape:
            raise ModelError(
                "the divergence of two models needs one vocabulary",
                where=f"{base.name} has {logits.shape[-1]} tokens, {tuned.name} {others.shape[-1]}",
                remedy="compare a tuned model with the model it was tuned from",
            )
        parts = zip(_chunks(logits, targets, owners), others.split(_CHUNK), strict=True)
        for (ours, _, owner), theirs in parts:
            p, q = F.log_softmax(ours.float(), -1), F.log_softmax(theirs.float(), -1)
            kl = (p.exp() * (p - q)).sum(-1).double().cpu().numpy()
            np.add.at(sums, np.asarray(batch)[owner.cpu().numpy()], kl)
    return sums


def length_batches(rows: Sequence[TokenRow], batch_tokens: int = BATCH_TOKENS) -> list[list[int]]:
    """Indices of rows in batches of similar length; rows × longest stays within `batch_tokens`."""
    batches: list[list[int]] = []
    for index in sorted(range(len(rows)), key=lambda i: len(rows[i])):
        if batches and (len(batches[-1]) + 1) * len(rows[index]) <= batch_tokens:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def _at_trained(model: LoadedModel, rows: Sequence[TokenRow]) -> tuple[Tensor, Tensor, Tensor]:
    """Logits [P, vocabulary] that predict the P trained tokens of a batch, these tokens, and their rows."""
    longest = max(len(row) for row in rows)
    tokens = torch.zeros(len(rows), longest, dtype=torch.long)
    trained = torch.zeros(len(rows), longest, dtype=torch.bool)
    present = torch.zeros(len(rows), longest, dtype=torch.long)
    for i, row in enumerate(rows):
        tokens[i, : len(row)] = torch.from_numpy(row.tokens.astype(np.int64))
        trained[i, : len(row)] = torch.from_numpy(row.trained)
        present[i, : len(row)] = 1
    predicting = trained[:, 1:]  # the logits at t - 1 predict token t
    needed = predicting.any(0).nonzero().squeeze(1)
    # One row needs no mask, and without one the fused causal kernel runs.
    mask = present.to(model.device) if len(rows) > 1 else None
    logits = model.model(
        input_ids=tokens.to(model.device),
        attention_mask=mask,
        logits_to_keep=needed.to(model.device),
        use_cache=False,
    ).logits
    wanted = predicting[:, needed]
    owners = wanted.nonzero()[:, 0].to(logits.device)
    return logits[wanted.to(logits.device)], tokens[:, 1:][predicting].to(logits.device), owners


def _chunks(logits: Tensor, targets: Tensor, owners: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    return zip(logits.split(_CHUNK), targets.split(_CHUNK), owners.split(_CHUNK), strict=True)
