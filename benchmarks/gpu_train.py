"""Tuning on a GPU: the tree of prefixes, the same trainer without sharing, and plain padding.

All three sides of a case take the same rows, the same model and the same optimizer, with a learning rate
of 0, so that their losses must agree. A step is timed whole: packing, forward, backward, update. Counted
operations are those that a side's own tokens need (`trajectune.tune.forecast`); what is padded, or
computed again under activation checkpointing, is not counted in its favour. The ideal gain of the tree is
the ratio of the counted operations, and its share is what of that is reached in time.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from gpu_models import DEVICE, conversations, random_model, trajectories
from trajectune.tune.data.groups import Group
from trajectune.tune.data.labels import UNLABELLED
from trajectune.tune.data.packing import pack_rows
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.data.tree import Pack
from trajectune.tune.forecast import Workload, count_operations
from trajectune.tune.model.attention import ATTENTION
from trajectune.tune.model.layout import layout_of
from trajectune.tune.model.lora import add_adapters
from trajectune.tune.model.loss import group_weights
from trajectune.tune.model.optimizer import MasterAdamW
from trajectune.tune.model.trainable import TrainableModel, checkpoint_activations
from trajectune.tune.settings import LoraSettings, TuneSettings
from trajectune.tune.size import ModelSize, size_of_config

PEAK = 989e12
"""Dense bf16 operations per second of an H100 or H200 SXM, by its data sheet."""
STEPS = 2
Answer = dict[str, Any]
Step = Callable[[Sequence[TokenRow], int], float]
"""One optimizer step over the rows with so many tokens a pass; gives the loss."""


@dataclass(frozen=True)
class Case:
    """What is tuned, and on how much."""

    shape: str
    rows: int
    pack_tokens: int
    lora: bool = False
    layers: int | None = None
    """Of the shape's layers; None is all."""
    recompute: bool = False
    general: bool = False
    """Also on rows that share little."""
    scale: float = 1.0
    """Of the rows' lengths."""

    @property
    def name(self) -> str:
        part = f", {self.layers} of its layers" if self.layers else ""
        return f"{'LoRA' if self.lora else 'full'} {self.shape}{part}"


CASES = (
    Case("1b", 64, 16_384, general=True),
    Case("0.1b", 128, 32_768, general=True),
    Case("7b", 32, 16_384, lora=True, recompute=True),
    Case("1b", 64, 16_384, lora=True),
    Case("7b", 64, 16_384, layers=4),
    Case("0.1b", 128, 32_768, lora=True),
)
SMALL = (
    Case("toy", 8, 512, general=True, scale=0.1),
    Case("toy", 8, 512, lora=True, layers=1, recompute=True, scale=0.1),
)


def cases(small: bool) -> Iterator[tuple[str, Callable[[], Answer]]]:
    """Each case by name."""
    return ((case.name, partial(measure, case)) for case in (SMALL if small else CASES))


def measure(case: Case) -> Answer:
    """All sides on each kind of row."""
    rig = Rig(case)
    vocabulary = rig.size.vocabulary
    kinds = {"agent": trajectories(case.rows, vocabulary, case.scale)}
    if case.general:
        kinds["general"] = conversations(case.rows * 3, vocabulary, case.scale)
    answer: Answer = {"recompute": case.recompute, "parameters": rig.size.parameters}
    for kind, rows in kinds.items():
        answer[kind] = sides = {
            "rows": len(rows),
            "tokens_per_row": round(sum(map(len, rows)) / len(rows)),
            "tree": fitting(rig, rows, partial(rig.packed, share=True), case.pack_tokens),
            "flat": fitting(rig, rows, partial(rig.packed, share=False), case.pack_tokens),
            "padded": fitting(rig, rows, rig.padded, case.pack_tokens // 2),
        }
        sides |= _gains(sides["tree"], sides["flat"], sides["padded"])
    return answer


def _gains(tree: Answer, flat: Answer, padded: Answer) -> Answer:
    ideal = flat["operations"] / tree["operations"]
    gain = flat["seconds"] / tree["seconds"]
    return {
        "ideal_gain": ideal,
        "gain": gain,
        "share_of_ideal": gain / ideal,
        "tree_over_padded": padded["seconds"] / tree["seconds"],
        "flat_over_padded": padded["seconds"] / flat["seconds"],
    }


class Rig:
    """A model, ready to be tuned by each side in turn."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.base = random_model(case.shape, case.layers)
        self.size: ModelSize = size_of_config(self.base.config.to_dict())
        settings = TuneSettings(precision="bf16", lora=LoraSettings() if case.lora else None)
        self.base.set_attn_implementation(ATTENTION)
        if case.recompute:
            checkpoint_activations(self.base)
        lora = settings.lora
        self.whole: Any = self.base if lora is None else add_adapters(self.base, lora, case.shape)
        self.trainable = TrainableModel(self.whole)
        self.optimizer = MasterAdamW(self.trainable.trained, settings)

    def packed(self, rows: Sequence[TokenRow], tokens: int, *, share: bool) -> float:
        """One step of this project's trainer; gives the loss."""
        self.base.set_attn_implementation(ATTENTION)
        groups = [Group("all", UNLABELLED)]
        packs = pack_rows(rows, range(len(rows)), groups, tokens, share=share)
        weights = group_weights(_counts(packs), groups, {"all": 1.0})
        loss = weights.total(self.trainable.accumulate(packs, weights))
        self.optimizer.step(0.0, 1.0)
        return loss

    def padded(self, rows: Sequence[TokenRow], tokens: int) -> float:
        """One step of transformers' own forward over padded batches; gives the loss."""
        self.base.set_attn_implementation("sdpa")
        size = max(1, tokens // max(map(len, rows)))
        trained, total = sum(row.trained_tokens for row in rows), 0.0
        for start in range(0, len(rows), size):
            loss = self.whole(
                **_padded(rows[start : start + size]), num_items_in_batch=trained, use_cache=False
            ).loss
            loss.backward()
            total += float(loss.detach())
        self.optimizer.step(0.0, 1.0)
        return total

    def operations(self, rows: Sequence[TokenRow], tokens: int, share: bool) -> float:
        """What a step over these rows takes."""
        packs = pack_rows(rows, range(len(rows)), [Group("all", UNLABELLED)], tokens, share=share)
        work = Workload(
            rows=len(rows),
            tokens=sum(map(len, rows)),
            unique_tokens=sum(map(len, packs)),
            trained_tokens=sum(len(pack.labels) for pack in packs),
            pairs=sum(layout_of(pack).pairs() for pack in packs),
            pack_tokens=tokens,
        )
        return count_operations(self.size, work, lora=self.case.lora)


def _counts(packs: Sequence[Pack]) -> Any:
    return sum((pack.counts.sum(axis=0, dtype=np.float64) for pack in packs), np.zeros(1))


def _padded(rows: Sequence[TokenRow]) -> dict[str, torch.Tensor]:
    shape = len(rows), max(map(len, rows))
    ids, mask, labels = torch.zeros(shape).long(), torch.zeros(shape).long(), torch.full(shape, -100)
    for index, row in enumerate(rows):
        tokens = torch.from_numpy(row.tokens).long()
        ids[index, : len(row)], mask[index, : len(row)] = tokens, 1
        labels[index, : len(row)] = torch.where(torch.from_numpy(row.trained), tokens, -100)
    parts = {"input_ids": ids, "attention_mask": mask, "labels": labels}
    return {name: part.to(DEVICE) for name, part in parts.items()}


def fitting(rig: Rig, rows: list[TokenRow], step: Step, tokens: int) -> Answer:
    """The step's time with `tokens` a pass, or with half or a quarter of them where memory is short."""
    for smaller in (tokens, tokens // 2, tokens // 4):
        try:
            return timed(rig, rows, step, smaller)
        except torch.OutOfMemoryError:
            pass  # what the failed step holds is freed behind this block
        rig.optimizer.step(0.0, None)  # forgets its gradients
        torch.cuda.empty_cache()
    raise torch.OutOfMemoryError(f"even {tokens // 4} tokens a pass do not fit")


def timed(rig: Rig, rows: list[TokenRow], step: Step, tokens: int) -> Answer:
    """The step's median time after a short one that compiles and warms up."""
    step(rows[: max(4, len(rows) // 8)], tokens)
    if DEVICE == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds, losses = [], []
    for _ in range(STEPS):
        _wait()
        start = time.perf_counter()
        losses.append(step(rows, tokens))
        _wait()
        seconds.append(time.perf_counter() - start)
    share = isinstance(step, partial) and bool(step.keywords["share"])
    operations, taken = rig.operations(rows, rig.case.pack_tokens, share), statistics.median(seconds)
    return {
        "seconds": taken,
        "row_tokens_per_second": sum(map(len, rows)) / taken,
        "tokens_a_pass": tokens,
        "loss": losses[0],
        "operations": operations,
        "mfu": operations / taken / PEAK if DEVICE == "cuda" else None,
        "peak_memory_gb": torch.cuda.max_memory_allocated() / 1e9 if DEVICE == "cuda" else None,
    }


def _wait() -> None:
    if DEVICE == "cuda":
        torch.cuda.synchronize()
