"""The systems of `tune.py`, each in a process of its own: one optimizer step over the rows of a round.

A system is a function of its settings that gives a `Step`; one more is one more entry of `SYSTEMS`. All of
them take the rows that this trainer's schedule gives to the round's step, so losses can be compared too.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from harness.child import serve
from trajectune.models.loading import load_model
from trajectune.tune.data.groups import groups_of
from trajectune.tune.data.packing import pack_rows
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.data.schedule import Schedule
from trajectune.tune.forecast import Workload, count_operations
from trajectune.tune.model.layout import layout_of
from trajectune.tune.model.optimizer import MasterAdamW
from trajectune.tune.processes import Processes
from trajectune.tune.room import FASTEST
from trajectune.tune.settings import TuneSettings
from trajectune.tune.size import model_size
from trajectune.tune.trainer import Trainer

MAX_TOKENS = 2_048
STEPS = 1_000
"""Of the learning rate's schedule, more than any run makes: the rate hardly falls."""
PADDED_ROWS = 4


@dataclass(frozen=True)
class Setting:
    """What every system is given."""

    rows: list[TokenRow]
    model: str
    settings: TuneSettings

    @property
    def device(self) -> str:
        return self.settings.device

    def rows_of(self, number: int) -> list[TokenRow]:
        """Those of a round."""
        schedule = Schedule(self.rows, self.settings.batch_rows, steps=STEPS)
        return [self.rows[index] for index in schedule.rows_of(number)]


@dataclass(frozen=True)
class Done:
    """What one step did; a system times itself, since some have to prepare rows that are not part of it."""

    seconds: float
    loss: float
    passes: int
    slots: int
    """Token places computed, padding included."""


Step = Callable[[int], Done]
"""The optimizer step over the rows of this round."""


def ours(setting: Setting, **changes: Any) -> Step:
    """This trainer, with these settings changed."""
    settings = setting.settings.model_copy(update=changes)
    shares = dict.fromkeys({row.source for row in setting.rows}, 1.0)
    with tempfile.TemporaryDirectory() as folder:
        processes = Processes(0, 1, setting.device)
        trainer = Trainer(
            setting.rows, setting.model, settings, Path(folder), shares, processes, "benchmark"
        )

    def step(number: int) -> Done:
        trainer.done, start = number, time.perf_counter()
        found = trainer.step()
        return Done(time.perf_counter() - start, found.loss, found.packs, found.unique_tokens)

    return step


def padded(setting: Setting) -> Step:
    """A plain loop over transformers' own forward: batches of 4, padded, logits everywhere."""
    model = load_model(setting.model, dtype="bfloat16", device=setting.device).model.train()
    optimizer = MasterAdamW(list(model.named_parameters()), setting.settings)

    def step(number: int) -> Done:
        rows, slots, total = setting.rows_of(number), 0, 0.0
        begun = time.perf_counter()
        trained = sum(row.trained_tokens for row in rows)
        starts = range(0, len(rows), PADDED_ROWS)
        for start in starts:
            ids, labels = _pad(rows[start : start + PADDED_ROWS], setting.device)
            loss = model(input_ids=ids, labels=labels, num_items_in_batch=trained).loss
            loss.backward()
            total, slots = total + float(loss.detach()), slots + ids.numel()
        optimizer.step(setting.settings.learning_rate, 1.0)
        return Done(time.perf_counter() - begun, total, len(starts), slots)

    return step


def trl(setting: Setting) -> Step:
    """TRL's SFTTrainer: bfd packing to 2,048 tokens, assistant-only loss, bf16 weights, no recompute.

    A new SFTTrainer packs each round's rows, which is not timed; model and optimizer stay.
    """
    from datasets import Dataset  # pyright: ignore[reportMissingImports]
    from trl.trainer.sft_config import SFTConfig  # pyright: ignore[reportMissingImports]
    from trl.trainer.sft_trainer import SFTTrainer  # pyright: ignore[reportMissingImports]

    loaded = load_model(setting.model, dtype="bfloat16", device=setting.device)
    rate = setting.settings.learning_rate
    optimizer = torch.optim.AdamW(loaded.model.parameters(), lr=rate, weight_decay=0.0, fused=True)

    def step(number: int) -> Done:
        rows = setting.rows_of(number)
        columns = {  # TRL applies `assistant_masks` to rows that are tokens already: assistant-only loss
            "input_ids": [row.tokens.tolist() for row in rows],
            "assistant_masks": [row.trained.astype(int).tolist() for row in rows],
        }
        with tempfile.TemporaryDirectory() as folder:
            config = SFTConfig(
                output_dir=folder, num_train_epochs=1, learning_rate=rate, max_length=MAX_TOKENS,
                per_device_train_batch_size=1, gradient_accumulation_steps=len(rows),
                packing=True, packing_strategy="bfd", bf16=False,
                activation_checkpointing=False, logging_steps=1, save_strategy="no", report_to=[],
                use_cpu=setting.device == "cpu", lr_scheduler_type="constant",
                dataloader_num_workers=0, disable_tqdm=True,
            )  # fmt: skip
            trainer = SFTTrainer(
                loaded.model,
                config,
                train_dataset=Dataset.from_dict(columns),
                processing_class=loaded.tokenizer,
                optimizers=(optimizer, None),  # pyright: ignore[reportArgumentType]
            )
            start = time.perf_counter()
            trainer.train()
            seconds = time.perf_counter() - start
        loss = next(entry["loss"] for entry in trainer.state.log_history if "loss" in entry)
        packs = len(trainer.train_dataset)  # pyright: ignore[reportArgumentType]
        return Done(seconds, loss, packs, packs * MAX_TOKENS)

    return step


def trl_kept_memory(setting: Setting) -> Step:
    """TRL with our allocator setting, to show how much of the difference that alone makes."""
    from trajectune.tune.model.memory import keep_freed_memory

    keep_freed_memory()
    return trl(setting)


SYSTEMS: dict[str, Callable[[Setting], Step]] = {
    "tree": ours,
    "packed": partial(ours, prefix_tree=False),
    "lean": partial(ours, memory="lean"),
    "compiled": partial(ours, compile=True),
    "padded": padded,
    "trl": trl,
    "trl_kept_memory": trl_kept_memory,
}
TREES = ("tree", "lean", "compiled")
"""Systems that compute shared tokens once."""


def answer(setting: Setting, step: Step, number: int, *, share: bool) -> dict[str, Any]:
    """A round's rates, and what its step took; operations are those of `trajectune.tune.forecast`."""
    done = step(number)
    rows, settings = setting.rows_of(number), setting.settings
    work = workload(rows, settings.pack_tokens or FASTEST[0], share=share)
    size = model_size(setting.model)
    facts = {
        "seconds": done.seconds,
        "loss": done.loss,
        "passes": done.passes,
        "fill": work.unique_tokens / done.slots,
        "tokens": work.tokens,
        "unique_tokens": work.unique_tokens,
        "trained_tokens": work.trained_tokens,
        "operations": count_operations(size, work.model_copy(update={"pairs": 0})),
        "operations_with_attention": count_operations(size, work),
    }
    if setting.device.startswith("cuda"):
        facts["peak_memory_gb"] = torch.cuda.max_memory_allocated() / 1e9
    return {
        "rates": {"tokens": work.tokens / done.seconds, "rows": len(rows) / done.seconds},
        "facts": facts,
    }


def workload(rows: Sequence[TokenRow], pack_tokens: int, *, share: bool) -> Workload:
    """What a step needs, without what a system pads or computes twice."""
    packs = pack_rows(rows, range(len(rows)), groups_of(rows), pack_tokens, share=share)
    pairs = sum(layout_of(pack).pairs() for pack in packs)
    alone = sum(len(row) * (len(row) + 1) // 2 for row in rows)
    return Workload(
        rows=len(rows),
        tokens=sum(map(len, rows)),
        unique_tokens=sum(map(len, packs)),
        pairs=pairs if share else alone,
        trained_tokens=sum(row.trained_tokens for row in rows),
        pack_tokens=pack_tokens,
    )


def _pad(rows: Sequence[TokenRow], device: str) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
    labels = torch.full_like(ids, -100)
    for index, row in enumerate(rows):
        tokens = torch.from_numpy(row.tokens).long()
        ids[index, : len(row)] = tokens
        labels[index, : len(row)] = torch.where(torch.from_numpy(row.trained), tokens, -100)
    return ids.to(device), labels.to(device)


def save_rows(rows: Sequence[TokenRow], file: Path) -> None:
    """For the children."""
    arrays: dict[str, Any] = {f"tokens{i}": row.tokens for i, row in enumerate(rows)}
    arrays |= {f"trained{i}": row.trained for i, row in enumerate(rows)}
    np.savez(file, allow_pickle=False, names=np.array([[row.id, row.source] for row in rows]), **arrays)


def load_rows(file: Path) -> list[TokenRow]:
    data = np.load(file)
    return [
        TokenRow(str(name), str(source), data[f"tokens{i}"], data[f"trained{i}"])
        for i, (name, source) in enumerate(data["names"])
    ]


def main() -> None:
    """One system, until its input ends."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("system", choices=SYSTEMS)
    parser.add_argument("rows", type=Path)
    parser.add_argument("model")
    parser.add_argument("settings", help="of the tuning, as JSON")
    options = parser.parse_args()
    settings = TuneSettings.model_validate_json(options.settings)
    setting = Setting(load_rows(options.rows), options.model, settings)
    steps: list[Step] = []

    def step(request: dict[str, Any]) -> dict[str, Any]:
        if not steps:
            steps.append(SYSTEMS[options.system](setting))
        return answer(setting, steps[0], request["round"], share=options.system in TREES)

    serve({"step": step})


if __name__ == "__main__":
    main()
