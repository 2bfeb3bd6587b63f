"""What a tuning will need, said beforehand: tokens, steps, memory, hours. Loads no weights.

The idea: a decoder of N parameters does 6·N floating-point operations for each token it learns from
(2 forward, 4 backward; Kaplan et al., 2020, section 2.1), attention adds 12·layers·heads·width for each
(query, key) pair, and the head works at trained positions only. With adapters the gradients of the frozen
matrices are not computed: 4·N. Time is operations over a measured rate of matrix products, times the part
of it that this trainer reaches (benchmarks/tune.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict

from trajectune.errors import ModelError
from trajectune.models.embedded import EMBEDDED
from trajectune.models.names import resolve_model
from trajectune.models.precision import measured_rate
from trajectune.models.tiny import TINY
from trajectune.storage import read_json
from trajectune.tune.data.groups import groups_of
from trajectune.tune.data.packing import pack_rows
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.data.schedule import Schedule
from trajectune.tune.model.attention import layout_of
from trajectune.tune.model.loss import CHUNK
from trajectune.tune.settings import TuneSettings

REACHED = 0.6
"""Part of the measured matrix rate that a tuning step reaches."""
GIGABYTE = 1e9
_SAMPLED_STEPS = 8


class ModelSize(BaseModel):
    """The numbers of a decoder that decide what tuning it takes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    parameters: int
    """All of them, a tied head counted once."""
    body: int
    """Parameters that every token is multiplied with: without embedding and head."""
    layers: int
    hidden: int
    intermediate: int
    vocabulary: int


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
    """(query, key) pairs of attention."""
    pack_tokens: int
    """Tokens in the largest pack."""


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
    """At the given rate of matrix products, of which `REACHED` is used."""


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
        workload = _from_numbers(seen, row_tokens or settings.max_tokens, trained_part, settings)
    else:
        schedule = Schedule(
            rows, settings.batch_rows, epochs=settings.epochs, steps=settings.steps, seed=settings.seed
        )
        steps, workload = schedule.steps, _from_rows(rows, schedule, settings)
    operations = count_operations(
        size, workload, lora=settings.lora is not None, frozen=settings.freeze_layers
    )
    rate = operations_per_second or measured_rate(settings.precision)
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
    attention = (12.0 * (1 - still) + 4.0 * still) * size.layers * size.hidden * work.pairs
    return body + head + attention


def peak_memory(size: ModelSize, work: Workload, settings: TuneSettings) -> float:
    """Bytes of weights, fp32 masters, gradients and AdamW's means, and of one pack's activations."""
    width = 4 if settings.precision == "fp32" else 2
    learnt = 16 if width == 4 else 18  # bytes for each trained parameter, its weight included
    if settings.lora is None:
        fixed = learnt * size.parameters
    else:
        adapters = settings.lora.rank * size.layers * (10 * size.hidden + 3 * size.intermediate)
        fixed = width * size.parameters + learnt * adapters
    # What autograd keeps of a layer: norms in fp32 and in the weights' format, projections, the gated MLP.
    kept = width * (8 * size.hidden + 4 * size.intermediate) + 8 * size.hidden
    layers = 1 if settings.checkpoint_activations else size.layers
    activations = work.pack_tokens * (kept * layers + width * size.hidden * size.layers)
    return fixed + activations + CHUNK * size.vocabulary * (8 + 2 * width)


def model_size(name: str) -> ModelSize:
    """The size of a model from its configuration; of one that is not here, from the number in its name.

    `…-7b-…` means 7·10⁹ parameters in Llama's proportions. Raises `ModelError` when there is no number.
    """
    here = name in (EMBEDDED, TINY) or Path(name).expanduser().is_dir()
    if here:
        return size_of_config(read_json(Path(resolve_model(name)) / "config.json"))
    number = re.search(r"(\d+(?:\.\d+)?)\s*([bm])(?![a-z])", name.lower())
    if number is None:
        raise ModelError(
            "the model's size is not known",
            where=name,
            remedy="give a folder with a config.json, or a name that says the size, such as llama-2-7b",
        )
    parameters = float(number[1]) * (1e9 if number[2] == "b" else 1e6)
    hidden = round((parameters * 128 / 12) ** (1 / 3))  # N = 12·layers·hidden², layers = hidden / 128
    return ModelSize(
        parameters=round(parameters),
        body=round(parameters - 2 * 32_000 * hidden),
        layers=round(hidden / 128),
        hidden=hidden,
        intermediate=round(hidden * 8 / 3),
        vocabulary=32_000,
    )


def size_of_config(config: Mapping[str, Any]) -> ModelSize:
    """The size of the model that a `config.json` describes, counted on weights without storage."""
    from transformers import AutoConfig, AutoModelForCausalLM

    known = AutoConfig.for_model(**config)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(known)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    tables = {id(table.weight): table.weight.numel() for table in (
        model.get_input_embeddings(), model.get_output_embeddings())}  # fmt: skip
    return ModelSize(
        parameters=parameters,
        body=parameters - sum(tables.values()),
        layers=known.num_hidden_layers,
        hidden=known.hidden_size,
        intermediate=known.intermediate_size,
        vocabulary=known.vocab_size,
    )


def _from_numbers(seen: int, row_tokens: float, trained_part: float, settings: TuneSettings) -> Workload:
    tokens = round(seen * row_tokens)
    return Workload(
        rows=seen,
        tokens=tokens,
        unique_tokens=tokens,
        trained_tokens=round(tokens * trained_part),
        pairs=round(tokens * row_tokens / 2),
        pack_tokens=round(max(min(settings.pack_tokens, tokens), row_tokens)),
    )


def _from_rows(rows: Sequence[TokenRow], schedule: Schedule, settings: TuneSettings) -> Workload:
    """Packs some steps, spread over the run, and scales up what they hold."""
    sample = np.unique(np.linspace(0, schedule.steps - 1, _SAMPLED_STEPS).astype(int)).tolist()
    groups = groups_of(rows)
    packs = [
        pack
        for step in sample
        for pack in pack_rows(
            rows, schedule.rows_of(step), groups, settings.pack_tokens, share=settings.prefix_tree
        )
    ]
    seen = sum(len(schedule.rows_of(step)) for step in range(schedule.steps))
    scale = seen / sum(len(pack.rows) for pack in packs)
    return Workload(
        rows=seen,
        tokens=round(scale * sum(pack.row_tokens for pack in packs)),
        unique_tokens=round(scale * sum(len(pack) for pack in packs)),
        trained_tokens=round(scale * sum(float(pack.counts.sum()) for pack in packs)),
        pairs=round(scale * sum(layout_of(pack).pairs for pack in packs)),
        pack_tokens=max(len(pack) for pack in packs),
    )
