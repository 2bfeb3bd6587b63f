"""How fast the trainer is, beside TRL's SFTTrainer at its best setting, on the same rows in the same run.

    python benchmarks/tune.py --agentinstruct db.jsonl          # 538 AgentInstruct rows, and our expert's
    python benchmarks/tune.py --device cuda --batch-rows 64 ...

Every system gets the same token rows and runs in a process of its own, so that peak memory and allocator
settings do not mix. Counted operations are those of useful work: 6 · (body parameters) · tokens
+ 6 · V · E · trained tokens + 12 · layers · width · (query, key) pairs (`trajectune.tune.forecast`). What a
system pads or computes more than once is not counted in its favour: for systems without a tree, `tokens`
are the rows' own, for the tree they are the unique ones. The share of the matrix rate is operations /
seconds / the rate of a 2048³ bf16 product measured before each system, without attention (`share`) and
with it (`share_with_attention`); `steady_share` takes the median step instead of all. Times include the
first step, the slowest one (memory is touched for the first time), and exclude loading.
"""

from __future__ import annotations

import argparse
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trajectune.models.loading import load_model, resolve_model
from trajectune.models.precision import measured_rate
from trajectune.models.templates import load_tokenizer
from trajectune.storage import read_json, write_json
from trajectune.tune.data.groups import groups_of, sources_of
from trajectune.tune.data.packing import pack_rows
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.forecast import Workload, count_operations
from trajectune.tune.model.layout import layout_of
from trajectune.tune.model.loss import group_weights
from trajectune.tune.model.optimizer import MasterAdamW
from trajectune.tune.model.trainable import TrainableModel
from trajectune.tune.processes import Processes
from trajectune.tune.settings import TuneSettings
from trajectune.tune.size import model_size
from trajectune.tune.trainer import Trainer

MAX_TOKENS = 2_048
LOOKED_AT = 8  # rows on which every system's loss before tuning is compared
Answer = dict[str, Any]


# --- the systems, each in its own process --------------------------------------------------------------


def ours(rows: list[TokenRow], args: argparse.Namespace, settings: TuneSettings) -> Answer:
    """This trainer."""
    with tempfile.TemporaryDirectory() as folder:
        processes = Processes(0, 1, args.device)
        shares = dict.fromkeys({row.source for row in rows}, 1.0)
        trainer = Trainer(rows, args.model, settings, Path(folder), shares, processes, "benchmark")
    first = _first_loss(trainer.trainable, rows)
    start = time.perf_counter()
    steps = [trainer.step() for _ in range(trainer.schedule.steps)]
    return {
        "seconds": time.perf_counter() - start,
        "first_loss": first,
        "losses": [round(step.loss, 4) for step in steps],
        "step_seconds": [round(step.seconds, 2) for step in steps],
        "steady": float(np.median([step.unique_tokens / step.seconds for step in steps])),
        "fill": 1.0,
        "unique_tokens": sum(step.unique_tokens for step in steps),
        "packs": sum(step.packs for step in steps),
    }


def tree(rows: list[TokenRow], args: argparse.Namespace) -> Answer:
    return ours(rows, args, _settings(args))


def packed(rows: list[TokenRow], args: argparse.Namespace) -> Answer:
    return ours(rows, args, _settings(args).model_copy(update={"prefix_tree": False}))


def padded(rows: list[TokenRow], args: argparse.Namespace) -> Answer:
    """A plain loop over transformers' own forward: batches of 4, padded, logits everywhere."""
    loaded = load_model(args.model, dtype="bfloat16", device=args.device)
    model, size = loaded.model.train(), 4
    optimizer = MasterAdamW(list(model.named_parameters()), _settings(args))
    tokens = filled = 0
    losses, start = [], time.perf_counter()
    for begin in range(0, len(rows), args.batch_rows):
        step = rows[begin : begin + args.batch_rows]
        trained, total = sum(row.trained_tokens for row in step), 0.0
        for at in range(0, len(step), size):
            ids, labels = _pad(step[at : at + size], args.device)
            loss = model(input_ids=ids, labels=labels, num_items_in_batch=trained).loss
            loss.backward()
            total += float(loss.detach())
            tokens, filled = tokens + ids.numel(), filled + sum(map(len, step[at : at + size]))
        optimizer.step(args.learning_rate, 1.0)
        losses.append(round(total, 4))
    return {"seconds": time.perf_counter() - start, "losses": losses, "fill": filled / tokens}


def trl(rows: list[TokenRow], args: argparse.Namespace) -> Answer:
    """TRL's SFTTrainer: bfd packing to 2,048 tokens, assistant-only loss, bf16 weights, no recompute."""
    from datasets import Dataset  # pyright: ignore[reportMissingImports]
    from trl.trainer.sft_config import SFTConfig  # pyright: ignore[reportMissingImports]
    from trl.trainer.sft_trainer import SFTTrainer  # pyright: ignore[reportMissingImports]

    columns = {  # TRL applies `assistant_masks` to rows that are tokens already: assistant-only loss
        "input_ids": [row.tokens.tolist() for row in rows],
        "assistant_masks": [row.trained.astype(int).tolist() for row in rows],
    }
    loaded = load_model(args.model, dtype="bfloat16", device=args.device)
    with tempfile.TemporaryDirectory() as folder:
        config = SFTConfig(
            output_dir=folder, num_train_epochs=1, learning_rate=args.learning_rate, max_length=MAX_TOKENS,
            per_device_train_batch_size=1, gradient_accumulation_steps=max(1, round(args.batch_rows / 4)),
            packing=True, packing_strategy="bfd", bf16=False,
            activation_checkpointing=False, logging_steps=1, save_strategy="no", report_to=[],
            use_cpu=args.device == "cpu", optim="adamw_torch_fused", lr_scheduler_type="cosine",
            dataloader_num_workers=0, disable_tqdm=True,
        )  # fmt: skip
        trainer = SFTTrainer(
            loaded.model,
            config,
            train_dataset=Dataset.from_dict(columns),
            processing_class=loaded.tokenizer,
        )
        first = _trl_first_loss(trainer, rows, args.device)
        start = time.perf_counter()
        trainer.train()
    losses = [round(entry["loss"], 4) for entry in trainer.state.log_history if "loss" in entry]
    count = len(trainer.train_dataset)  # pyright: ignore[reportArgumentType]
    return {
        "seconds": time.perf_counter() - start,
        "first_loss": first,
        "losses": losses,
        "fill": sum(map(len, rows)) / (count * MAX_TOKENS),
        "packs": count,
    }


def trl_kept_memory(rows: list[TokenRow], args: argparse.Namespace) -> Answer:
    """TRL with our allocator setting, to show how much of the difference that alone makes."""
    from trajectune.tune.model.memory import keep_freed_memory

    keep_freed_memory()
    return trl(rows, args)


SYSTEMS: dict[str, Callable[[list[TokenRow], argparse.Namespace], Answer]] = {
    "tree": tree,
    "packed": packed,
    "padded": padded,
    "trl": trl,
    "trl_kept_memory": trl_kept_memory,
}


def _settings(args: argparse.Namespace) -> TuneSettings:
    return TuneSettings(
        batch_rows=args.batch_rows,
        pack_tokens=args.pack_tokens,
        learning_rate=args.learning_rate,
        warmup_ratio=0.0,
        precision="bf16",
        device=args.device,
    )


def _pad(rows: Sequence[TokenRow], device: str) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
    labels = torch.full_like(ids, -100)
    for index, row in enumerate(rows):
        tokens = torch.from_numpy(row.tokens).long()
        ids[index, : len(row)] = tokens
        labels[index, : len(row)] = torch.where(torch.from_numpy(row.trained), tokens, -100)
    return ids.to(device), labels.to(device)


@torch.no_grad()
def _first_loss(trainable: TrainableModel, rows: list[TokenRow]) -> float:
    looked_at = rows[:LOOKED_AT]
    groups = groups_of(looked_at)
    packs = pack_rows(looked_at, range(len(looked_at)), groups, 1 << 20)
    counts = sum((pack.counts.sum(axis=0) for pack in packs), np.zeros(len(groups)))
    weights = group_weights(counts, groups, dict.fromkeys(sources_of(groups), 1.0))
    return float(sum(float(trainable.loss(pack, weights)[0]) for pack in packs))


@torch.no_grad()
def _trl_first_loss(trainer: Any, rows: list[TokenRow], device: str) -> float:
    total = 0.0
    for row in rows[:LOOKED_AT]:
        ids, labels = _pad([row], device)
        loss = trainer.compute_loss(trainer.model, {"input_ids": ids, "labels": labels})
        total += float(loss) * row.trained_tokens
    return total / sum(row.trained_tokens for row in rows[:LOOKED_AT])


def work(args: argparse.Namespace) -> None:
    """One system on some rows; its answer goes to the file `--answer`."""
    rows = _load(args.rows_file)[: args.rows]
    rate = measured_rate("bf16", args.device)
    answer = SYSTEMS[args.system](rows, args)
    unique = answer.setdefault("unique_tokens", sum(map(len, rows)))
    size = model_size(args.model)
    pairs = _pairs(rows, args, shared=args.system == "tree")
    load = Workload(
        rows=len(rows), tokens=sum(map(len, rows)), unique_tokens=unique, pairs=pairs,
        trained_tokens=sum(row.trained_tokens for row in rows), pack_tokens=args.pack_tokens,
    )  # fmt: skip
    linear = count_operations(size, load.model_copy(update={"pairs": 0}))
    answer |= {
        "rows": load.rows,
        "tokens": load.tokens,
        "trained_tokens": load.trained_tokens,
        "rows_per_second": len(rows) / answer["seconds"],
        "unique_share": unique / load.tokens,
        "matrix_rate": rate,
        "operations": linear,
        "share": linear / answer["seconds"] / rate,
        "share_with_attention": count_operations(size, load) / answer["seconds"] / rate,
        "steady_share": answer.get("steady", unique / answer["seconds"]) * linear / unique / rate,
        "peak_memory_gb": _peak_memory(args.device),
    }
    write_json(args.answer, answer)


def _pairs(rows: list[TokenRow], args: argparse.Namespace, *, shared: bool) -> int:
    if not shared:
        return sum(len(row) * (len(row) + 1) // 2 for row in rows)
    packs = [
        pack
        for begin in range(0, len(rows), args.batch_rows)
        for pack in pack_rows(
            rows,
            range(begin, min(begin + args.batch_rows, len(rows))),
            groups_of(rows),
            args.pack_tokens,
        )
    ]
    return sum(layout_of(pack).pairs() for pack in packs)


def _peak_memory(device: str) -> float:
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated() / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


# --- the run -------------------------------------------------------------------------------------------


def agentinstruct_rows(path: Path, model: str) -> list[TokenRow]:
    """The rows of a file of conversations, with proven masks."""
    from trajectune.curate.formats import read_examples
    from trajectune.tune.data.masks import tokenize_all

    rejected: list[Any] = []
    rows, unproven = tokenize_all(read_examples(path, rejected), load_tokenizer(model), MAX_TOKENS)
    print(f"{path}: {len(rows)} rows, {len(rejected) + len(unproven)} rejected", file=sys.stderr)
    return rows


def expert_rows(count: int, model: str) -> list[TokenRow]:
    """Trajectories of the database environment's expert."""
    from trajectune.agents.expert import ExpertAgent
    from trajectune.dialects.conversation import to_example
    from trajectune.dialects.registry import get_dialect
    from trajectune.environments.registry import load_environment
    from trajectune.rollout.rollout import rollout
    from trajectune.storage import read_records
    from trajectune.trajectory import Trajectory
    from trajectune.tune.data.masks import tokenize_all

    environment, dialect = load_environment("database"), get_dialect("agentbench", "database")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trajectories.jsonl"
        tasks = environment.tasks("train")[:count]
        rollout(environment, tasks, ExpertAgent(environment), dialect, path)
        examples = [to_example(trajectory, dialect) for trajectory in read_records(path, Trajectory)]
    return tokenize_all(examples, load_tokenizer(model), MAX_TOKENS)[0]


def measure(name: str, rows_file: Path, count: int, args: argparse.Namespace) -> Answer:
    """Run one system in a process of its own."""
    answer = rows_file.with_suffix(f".{name}.json")
    passed = ["model", "device", "batch_rows", "pack_tokens", "learning_rate"]
    command = [
        sys.executable,
        __file__,
        "--system",
        name,
        "--rows-file",
        str(rows_file),
        "--rows",
        str(count),
    ]
    command += [part for key in passed for part in (f"--{key.replace('_', '-')}", str(getattr(args, key)))]
    subprocess.run([*command, "--answer", str(answer)], check=True)
    return read_json(answer)


def run(args: argparse.Namespace) -> None:
    """All systems on all data sets; results to the console and to `--out`."""
    args.model = str(resolve_model(args.model))
    data = {"expert": expert_rows(args.rows, args.model)} if args.expert else {}
    if args.agentinstruct:
        data["agentinstruct"] = agentinstruct_rows(args.agentinstruct, args.model)
    results: dict[str, dict[str, Answer]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, rows in data.items():
            file = Path(folder) / f"{name}.npz"
            np.random.default_rng(0).shuffle(rows)  # pyright: ignore[reportArgumentType]
            _save(rows, file)
            results[name] = {}
            for system in args.systems:
                count = args.rows if system in ("tree", "packed") else args.peer_rows
                results[name][system] = answer = measure(system, file, min(count, len(rows)), args)
                print(_line(name, system, answer), flush=True)
                _write(results, args)  # each time: the slower systems take minutes, and may be stopped


def _write(results: dict[str, dict[str, Answer]], args: argparse.Namespace) -> None:
    """What is measured so far."""
    for systems in results.values():
        if "trl" in systems and "tree" in systems:
            ratio = systems["tree"]["rows_per_second"] / systems["trl"]["rows_per_second"]
            systems["tree"]["times_trl"] = ratio
    write_json(
        args.out or Path(__file__).parent / f"results/tune-{args.device}.json",
        _about(args) | {"results": results},
    )


def _line(data: str, system: str, a: Answer) -> str:
    return (
        f"{data:14} {system:16} {a['rows_per_second']:.2f} rows/s  fill {a['fill']:.2f}  unique"
        f" {a['unique_share']:.2f}  share {a['share']:.2f} (with attention"
        f" {a['share_with_attention']:.2f}) of {a['matrix_rate'] / 1e9:.0f} GFLOP/s "
        f" {a['peak_memory_gb']:.1f} GB  first"
        f" losses {a.get('first_loss', float('nan')):.4f} {a['losses'][:3]}"
    )


def _about(args: argparse.Namespace) -> dict[str, Any]:
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    ).stdout
    return {
        "command": " ".join(["python", "benchmarks/tune.py", *_shown(sys.argv[1:])]),
        "commit": commit.strip(),
        "date": time.strftime("%Y-%m-%d"),
        "hardware": _hardware(args.device),
        "versions": dict(_versions("torch", "transformers", "trl", "accelerate")),
        "batch_rows": args.batch_rows,
        "pack_tokens": args.pack_tokens,
    }


def _versions(*names: str) -> Iterator[tuple[str, str]]:
    """Those of the packages that are there: without TRL the other systems still run."""
    for name in names:
        with suppress(PackageNotFoundError):
            yield name, version(name)


def _hardware(device: str) -> str:
    if device.startswith("cuda"):
        return torch.cuda.get_device_name()
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{(names or [platform.machine()])[0]}, {torch.get_num_threads()} threads"


def _shown(arguments: Sequence[str]) -> list[str]:
    """The command without folders of this machine."""
    return [Path(argument).name if "/" in argument else argument for argument in arguments]


def _save(rows: list[TokenRow], file: Path) -> None:
    arrays: dict[str, Any] = {f"tokens{i}": row.tokens for i, row in enumerate(rows)}
    arrays |= {f"trained{i}": row.trained for i, row in enumerate(rows)}
    np.savez(file, allow_pickle=False, names=np.array([[row.id, row.source] for row in rows]), **arrays)


def _load(file: Path) -> list[TokenRow]:
    data = np.load(file)
    return [
        TokenRow(str(name), str(source), data[f"tokens{i}"], data[f"trained{i}"])
        for i, (name, source) in enumerate(data["names"])
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--agentinstruct", type=Path, help="JSONL of AgentInstruct's db split")
    parser.add_argument(
        "--expert", action=argparse.BooleanOptionalAction, default=True, help="our expert's rows too"
    )
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--rows", type=int, default=160, help="rows that tree and packed learn from")
    parser.add_argument("--peer-rows", type=int, default=48, help="rows that the slower systems learn from")
    parser.add_argument("--batch-rows", type=int, default=32)
    parser.add_argument("--pack-tokens", type=int, default=8_192)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--system", choices=SYSTEMS, help=argparse.SUPPRESS)
    parser.add_argument("--rows-file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    work(args) if args.system else run(args)


if __name__ == "__main__":
    main()
