"""What a tuning will need, said beforehand: tokens, steps, memory, hours. Loads no weights.

The idea: a decoder of N parameters does 6·N floating-point operations for each token it learns from
(2 forward, 4 backward; Kaplan et al., 2020, section 2.1), attention adds 12·layers·heads·width for each
(query, key) pair (`ModelSize.queries` is heads·width), and the head works at trained positions only. With
adapters the gradients of the frozen matrices are not computed: 4·N. Time is operations over the rate at
which this machine tunes an MLP of the model's size, times the part of it that this trainer reaches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from trajectune.models.precision import layer_rate
from trajectune.tune.data.groups import groups_of
from trajectune.tune.data.packing import pack_rows
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.data.schedule import Schedule
from trajectune.tune.model.layout import layout_of
from trajectune.tune.model.loss import CHUNK
from trajectune.tune.settings import TuneSettings
from trajectune.tune.size import ModelSize, model_size

REACHED = 0.6
"""Part of a layer's rate (`trajectune.models.precision.layer_rate`) that a tuning step reaches."""
GIGABYTE = 1e9
USUAL_PACK = 8_192
"""Tokens of a pack where nobody says."""
_SAMPLED_STEPS = 8


class Workload(BaseModel):
    """What is computed in a whole tuning."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int
    """Rows seen, repeats included."""
    tokens: int
    unique_tokens: int
    """Tokens computed: less than `tokens` where rows share prefixes."""
    trained_tokens: int
    pairs: int
    """(query, key) pairs of attention, in the mean of the layers: those with a window see fewer."""
    pack_tokens: int
    """Tokens in the largest pack."""
    scores: int = 0
    """Most numbers in a pack's blocks of scores, for a head, in the mean of the layers."""


class Forecast(BaseModel):
    """The forecast."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int
    workload: Workload
    parameters: int
    operations: float
    """Floating-point operations of the whole tuning."""
    memory_gb: float
    """Peak memory of one process, in units of 10⁹ bytes: weights, optimizer, activations."""
    hours: float
    """At the given rate, of which `REACHED` is used."""


def forecast(
    rows: Sequence[TokenRow] | int,
    model: str | Path | ModelSize,
    settings: TuneSettings,
    *,
    row_tokens: float | None = None,
    trained_part: float = 0.3,
    operations_per_second: float | None = None,
) -> Forecast:
    """Forecast tuning `model` on `rows`: real rows, or how many there are.

    For a mere number, `row_tokens` is their mean length (default: `max_tokens`, the upper bound) and
    `trained_part` the part of the tokens that is trained; nothing is taken to be shared. Without
    `operations_per_second` (all devices together) this machine is measured.
    """
    size = model if isinstance(model, ModelSize) else model_size(str(model))
    if isinstance(rows, int):
        steps = settings.steps or max(1, round(settings.epochs * -(-rows // settings.batch_rows)))
        seen = steps * settings.batch_rows if settings.steps else round(rows * settings.epochs)
        workload = _from_numbers(seen, row_tokens or settings.max_tokens, trained_part, settings, size)
    else:
        schedule = Schedule(
            rows, settings.batch_rows, epochs=settings.epochs, steps=settings.steps, seed=settings.seed
        )
        steps, workload = schedule.steps, workload_of(rows, schedule, settings, size)
    operations = count_operations(
        size, workload, lora=settings.lora is not None, frozen=settings.freeze_layers
    )
    rate = operations_per_second or layer_rate(size.hidden, size.intermediate, settings.precision)
    return Forecast(
        steps=steps,
        workload=workload,
        parameters=size.parameters,
        operations=operations,
        memory_gb=round(peak_memory(size, workload, settings) / GIGABYTE, 2),
        hours=round(operations / (rate * REACHED) / 3600, 4),
    )


def count_operations(size: ModelSize, work: Workload, *, lora: bool = False, frozen: int = 0) -> float:
    """Floating-point operations of the body, the head and attention, forward and backward.

    The lowest `frozen` layers are only computed forwards, and then the embeddings (and a tied head) are not
    trained either; the head is counted as if it were, which is an upper bound.
    """
    each, still = (4.0 if lora else 6.0), frozen / size.layers
    body = (each * (1 - still) + 2.0 * still) * size.body * work.unique_tokens
    head = each * size.vocabulary * size.hidden * work.trained_tokens
    attention = (12.0 * (1 - still) + 4.0 * still) * size.layers * size.queries * work.pairs
    return body + head + attention


def peak_memory(size: ModelSize, work: Workload, settings: TuneSettings, *, keep: bool = False) -> float:
    """Bytes of weights, fp32 masters, gradients and AdamW's means, and of one pack's activations.

    `keep` says whether attention keeps its probabilities.
    """
    width = 4 if settings.precision == "fp32" else 2
    learnt = 16 if width == 4 else 18  # bytes for each trained parameter, its weight included
    if settings.lora is None:
        fixed = learnt * size.parameters
    else:
        fixed = width * size.parameters + learnt * settings.lora.rank * size.adapted
    # What autograd keeps of a layer: norms in fp32 and in the weights' format, projections, the gated MLP.
    kept = width * (8 * size.hidden + 4 * size.intermediate) + 8 * size.hidden
    layers = 1 if settings.checkpoint_activations else size.layers
    activations = work.pack_tokens * (kept * layers + width * size.hidden * size.layers)
    if keep:
        activations += width * size.heads * work.scores * layers
    return fixed + activations + CHUNK * size.vocabulary * (8 + 2 * width)


def workload_of(
    rows: Sequence[TokenRow], schedule: Schedule, settings: TuneSettings, size: ModelSize
) -> Workload:
    """What tuning on the rows computes: packs some steps, spread over it, and scales up what they hold."""
    sample = np.unique(np.linspace(0, schedule.steps - 1, _SAMPLED_STEPS).astype(int)).tolist()
    groups, pack_tokens = groups_of(rows), settings.pack_tokens or USUAL_PACK
    packs = [
        pack
        for step in sample
        for pack in pack_rows(rows, schedule.rows_of(step), groups, pack_tokens, share=settings.prefix_tree)
    ]
    layouts = [layout_of(pack) for pack in packs]
    seen = sum(len(schedule.rows_of(step)) for step in range(schedule.steps))
    scale = seen / sum(len(pack.rows) for pack in packs)
    return Workload(
        rows=seen,
        tokens=round(scale * sum(pack.row_tokens for pack in packs)),
        unique_tokens=round(scale * sum(len(pack) for pack in packs)),
        trained_tokens=round(scale * sum(float(pack.counts.sum()) for pack in packs)),
        pairs=round(scale * sum(_mean(size, layout.pairs) for layout in layouts)),
        pack_tokens=max(len(pack) for pack in packs),
        scores=round(max(_mean(size, layout.scores) for layout in layouts)),
    )


def _from_numbers(
    seen: int, row_tokens: float, trained_part: float, settings: TuneSettings, size: ModelSize
) -> Workload:
    tokens = round(seen * row_tokens)
    seen_by = [row_tokens if window is None else min(window, row_tokens) for window in size.windows]
    of_a_row = [reach * (row_tokens - reach / 2) for reach in seen_by]
    return Workload(
        rows=seen,
        tokens=tokens,
        unique_tokens=tokens,
        trained_tokens=round(tokens * trained_part),
        pairs=round(seen * sum(of_a_row) / size.layers),
        pack_tokens=round(max(min(settings.pack_tokens or USUAL_PACK, tokens), row_tokens)),
    )


def _mean(size: ModelSize, of_window: Callable[[int | None], int]) -> float:
    """What a layout says for a layer's window, in the mean of the layers."""
    return sum(of_window(window) * layers for window, layers in Counter(size.windows).items()) / size.layers
