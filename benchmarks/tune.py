"""How fast the trainer is, beside TRL's SFTTrainer at its best setting, on the same rows in the same run.

    python benchmarks/tune.py                                   # trajectories of our expert
    python benchmarks/tune.py --agentinstruct db.jsonl          # and 538 AgentInstruct rows
    python benchmarks/tune.py --peers trl --batch-rows 8 --quick
    python benchmarks/tune.py --device cuda --batch-rows 64 …

The tree of prefixes takes turns with one peer at a time, each in a process of its own (`tuning.py`), so
that peak memory and allocator settings do not mix; a turn is one whole optimizer step over the same rows.
The tree has `memory: fast`; the peers `lean` and `compiled` are this trainer with that setting changed.
Steps that touch memory for the first time warm up. Rates are of the rows' own (flat) tokens. Counted
operations are those of useful work: 6 · (body parameters) · tokens + 6 · V · E · trained tokens
+ 12 · layers · width · (query, key) pairs. What a system pads or computes more than once is not counted in
its favour: for systems without a tree, `tokens` are the rows' own, for the tree they are the unique ones.
The share of the matrix rate is operations / seconds / the rate of a 2048³ bf16 product measured before and
after each step, without attention (`share`) and with it (`share_with_attention`). The share of the ideal is
the gain over this trainer without the tree (`packed`), as a part of flat tokens / unique tokens.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.compare import Side, compare
from harness.comparison import Comparison, Piece
from harness.estimate import Estimate
from harness.machine import machine
from harness.process import Child
from harness.progress import line
from harness.results import run, status, write
from harness.table import interval, number, percent, table
from harness.weather import Station
from trajectune.models.loading import resolve_model
from trajectune.models.templates import load_tokenizer
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.settings import TuneSettings
from tuning import MAX_TOKENS, STEPS, SYSTEMS, save_rows

PATIENCE = 1_800.0
Answer = dict[str, Any]


def main() -> int:
    """The tree beside every peer on every data set."""
    options = _options()
    model, station, found = str(resolve_model(options.model)), Station(options.device), list[Comparison]()
    sizes = {name: getattr(options, name) for name in ("model", "batch_rows", "pack_tokens")}
    report = machine("trl", "accelerate", **sizes) | {"results": {}, "comparisons": {}}
    with tempfile.TemporaryDirectory() as folder:
        for name, rows in _data(options, model).items():
            arguments = _arguments(rows, Path(folder) / f"{name}.npz", model, options)
            systems = report["results"].setdefault(name, {})
            for peer in options.peers:
                found.append(beside(peer, arguments, options, station))
                _add(systems, peer, found[-1])
                report["comparisons"].setdefault(name, {})[peer] = found[-1].report()
                write(options.out, report)
                print(table(f"{name}, {peer}", found[-1]) + _shares(systems), flush=True)
    print(options.out)
    return status(found)


def _arguments(rows: list[TokenRow], file: Path, model: str, options: argparse.Namespace) -> list[str]:
    """What every system is started with; the rows lie in a file, shuffled."""
    np.random.default_rng(0).shuffle(rows)  # pyright: ignore[reportArgumentType]
    save_rows(rows[: options.rows], file)
    settings = TuneSettings(
        batch_rows=options.batch_rows,
        pack_tokens=options.pack_tokens,
        memory="fast",
        learning_rate=options.learning_rate,
        warmup_ratio=0.0,
        steps=STEPS,
        precision="bf16",
        device=options.device,
    )
    return [str(file), model, settings.model_dump_json()]


def beside(peer: str, arguments: list[str], options: argparse.Namespace, station: Station) -> Comparison:
    """The tree and one peer in turn."""
    program = [sys.executable, str(Path(__file__).with_name("tuning.py"))]
    limits = {"warmups": 1, "least": 2} if options.quick else {}
    with (
        Child("tree", [*program, "tree", *arguments], patience=PATIENCE) as tree,
        Child(peer, [*program, peer, *arguments], patience=PATIENCE) as other,
    ):
        sides: dict[str, Side] = {peer: other.side("step"), "tree": tree.side("step")}
        show = line(f"tree and {peer}")
        return compare(sides, baseline=peer, seconds=options.seconds, station=station, show=show, **limits)


def _add(systems: dict[str, Answer], peer: str, found: Comparison) -> None:
    """What a comparison says of its two sides; the tree is described by the first one."""
    systems[peer] = described(found, peer)
    tree = systems.setdefault("tree", described(found, "tree"))
    ratio = found.ratio("tree", "tokens")
    tree[f"times_{peer}"] = ratio and ratio.mean
    if peer == "packed":
        share = share_of_ideal(found)
        tree["share_of_ideal"] = share and share.model_dump()


def share_of_ideal(found: Comparison) -> Estimate | None:
    """The gain over the same trainer without the tree, as a part of what sharing could give at most."""
    return found.ratio(
        "tree", "tokens", of=lambda piece: piece.facts["tokens"] / piece.facts["unique_tokens"]
    )


def described(found: Comparison, side: str) -> Answer:
    """Rates, shares of the matrix rate in the same moments, and what stays the same in every round."""
    pieces = [each.pieces[side] for each in found.rounds]
    facts = [piece.facts for piece in pieces]
    rates = {part: found.rate(side, part) for part in found.parts}
    unique = sum(fact["unique_tokens"] for fact in facts)
    return {
        **{f"{part}_per_second": rate and rate.median for part, rate in rates.items()},
        "share": _share(found, side, "operations"),
        "share_with_attention": _share(found, side, "operations_with_attention"),
        "matrix_rate": float(np.median([_matrix_rate(piece) for piece in pieces])),
        "fill": float(np.mean([fact["fill"] for fact in facts])),
        "unique_share": unique / sum(fact["tokens"] for fact in facts),
        "peak_memory_gb": facts[-1]["peak_memory_gb"],
        "first_loss": facts[0]["loss"],
        "losses": [round(fact["loss"], 4) for fact in facts],
    }


def _share(found: Comparison, side: str, operations: str) -> float | None:
    share = found.over_rounds(
        side, lambda piece: piece.facts[operations] / piece.facts["seconds"] / _matrix_rate(piece)
    )
    return share and share.median


def _matrix_rate(piece: Piece) -> float:
    """Operations per second of a bf16 product, before and after the step."""
    return (piece.weather.before.matrix + piece.weather.after.matrix) / 2 * 1e9


def _shares(systems: Mapping[str, Answer]) -> str:
    """What the comparison's own table does not say."""
    lines = [
        f"\n  {name}: {percent(each['share'])} of the matrix rate,"
        f" {percent(each['share_with_attention'])} with attention; first loss {each['first_loss']:.4f}"
        for name, each in systems.items()
        if each["share"]
    ]
    if ideal := systems["tree"].get("share_of_ideal"):
        found = Estimate.model_validate(ideal)
        lines.append(f"\n  tree: {number(found.mean)} {interval(found)} of the ideal gain")
    return "".join(lines)


def _data(options: argparse.Namespace, model: str) -> dict[str, list[TokenRow]]:
    """Token rows by the name of the data set."""
    data = {"expert": expert_rows(options.rows, model)} if options.expert else {}
    if options.agentinstruct:
        data["agentinstruct"] = agentinstruct_rows(options.agentinstruct, model)
    return data


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


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--agentinstruct", type=Path, help="JSONL of AgentInstruct's db split")
    parser.add_argument(
        "--expert", action=argparse.BooleanOptionalAction, default=True, help="our expert's rows too"
    )
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--device", default="cpu")
    peers = [name for name in SYSTEMS if name != "tree"]
    parser.add_argument("--peers", nargs="+", choices=peers, default=["packed", "trl"])
    parser.add_argument("--rows", type=int, default=160, help="that the steps go through")
    parser.add_argument("--batch-rows", type=int, default=32, help="of a step")
    parser.add_argument("--pack-tokens", type=int, help="as `memory` says unless given")
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--seconds", type=float, default=600, help="for each peer and data set")
    parser.add_argument("--quick", action="store_true", help="two rounds that count")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    name = f"tune-{options.device.split(':')[0]}{'-quick' if options.quick else ''}.json"
    options.out = options.out or Path(__file__).parent / "results" / name
    if options.quick:
        options.seconds = 0.0
    return options


if __name__ == "__main__":
    run(main)
