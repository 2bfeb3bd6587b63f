"""The stage `curate`: examples from trajectories and files, mixed, tokenized once to prove the masks.

Leaves `train.jsonl`, `validation.jsonl` (examples), `mixture.json` (what was taken of what) and, where
rows were set aside, `rejected.jsonl` with the reason of each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field
from rich.console import Console
from transformers import PreTrainedTokenizerBase

from trajectune.curate.formats.files import is_trajectory
from trajectune.curate.hub import HUB_PREFIX, read_source
from trajectune.curate.steps.mix import Mixture, MixtureSettings, SourceSettings, manifest, mix
from trajectune.dialects.conversation import to_example
from trajectune.dialects.registry import get_dialect
from trajectune.errors import DataError
from trajectune.example import Example
from trajectune.models.templates import load_tokenizer
from trajectune.run.environments import bound_environments
from trajectune.run.recipe import Recipe
from trajectune.storage import (
    JsonlWriter,
    Rejected,
    encode,
    open_atomic,
    read_json,
    read_jsonl,
    read_records,
    write_json,
)
from trajectune.trajectory import Trajectory
from trajectune.tune.data.masks import tokenize_all
from trajectune.tune.data.rows import TokenRow


class Curated(BaseModel):
    """What the stage made, as stored in `mixture.json`."""

    model_config = ConfigDict(extra="forbid")

    shares: dict[str, float]
    """Share of the loss by source."""
    sources: dict[str, dict[str, float]]
    """Rows, tokens and trained tokens by source, and their shares."""
    validation: int
    """General examples held out."""
    dropped: dict[str, int] = Field(default_factory=dict)
    """Rows that the mixture did not use, by source."""
    set_aside: dict[str, int] = Field(default_factory=dict)
    """Rows that could not be used, by source; the reasons are in `rejected.jsonl`."""
    shortened: dict[str, int] = Field(default_factory=dict)
    """Rows that lost their last replies to `max_tokens`, by source."""


def curate(recipe: Recipe, collected: Path, general: Path, folder: Path, console: Console) -> Curated:
    """Build the training data of `recipe` from the folders of the earlier stages."""
    tokenizer = load_tokenizer(recipe.model)
    rejected: list[tuple[str, str]] = []
    agent = dict(_agent_examples(recipe, collected, rejected))
    chat = {name: list(read_records(general / f"{name}.jsonl", Example)) for name in recipe.curate.general}
    mixture = mix(agent, chat, _settings(recipe))
    rows, unproven = tokenize_all(mixture.train, tokenizer, recipe.tune.max_tokens)
    by_id = {example.id: example.source for example in mixture.train}
    rejected += [(by_id[name], f"{name}: {reason}") for name, reason in unproven]
    curated = _describe(mixture, rows, rejected)
    _write(folder / "train.jsonl", mixture.train)
    _write(folder / "validation.jsonl", mixture.validation)
    write_rejected(folder / "rejected.jsonl", rejected)
    write_json(folder / "mixture.json", curated.model_dump(mode="json"))
    if rejected:
        console.print(f"  {len(rejected)} rows set aside; the reasons are in {folder / 'rejected.jsonl'}")
    if not rows:
        raise DataError("no row is left to train on", where=str(folder), remedy="see rejected.jsonl there")
    return curated


def read_curated(folder: Path) -> Curated:
    """What `curate` left in a folder."""
    return Curated.model_validate(read_json(folder / "mixture.json"))


def token_rows(path: Path, tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> list[TokenRow]:
    """The rows of an examples file; what cannot be proven was counted when the file was made."""
    return tokenize_all(read_records(path, Example), tokenizer, max_tokens)[0]


def examples_of(recipe: Recipe, data: str, name: str, rejected: list[tuple[str, str]]) -> Iterator[Example]:
    """The examples of a file or hub data set; trajectories are rendered in the recipe's dialect."""
    bad: list[Rejected] = []
    if not data.startswith(HUB_PREFIX) and _holds_trajectories(Path(data)):
        played = read_records(Path(data), Trajectory, bad)
        yield from _rendered(recipe.dialect, (t for t in played if t.reward is not None), name, rejected)
    else:
        yield from read_source(data, bad, name)
    rejected += [(name, f"{data}, line {row.line}: {row.reason}") for row in bad]


def _agent_examples(
    recipe: Recipe, collected: Path, rejected: list[tuple[str, str]]
) -> Iterator[tuple[str, list[Example]]]:
    for bound in bound_environments(recipe):
        if bound.spec.collect:
            kept = read_records(collected / f"{bound.key}.kept.jsonl", Trajectory)
            yield bound.key, list(_rendered(recipe.dialect, kept, bound.key, rejected))
    for name, spec in recipe.curate.agent.items():
        yield name, list(examples_of(recipe, spec.data, name, rejected))


def _rendered(
    dialect: str, trajectories: Iterator[Trajectory], source: str, rejected: list[tuple[str, str]]
) -> Iterator[Example]:
    for trajectory in trajectories:
        try:
            example = to_example(trajectory, get_dialect(dialect, trajectory.environment))
        except DataError as error:
            rejected.append((source, f"{trajectory.id}: {error.what}"))
        else:
            yield example.model_copy(update={"source": source})


def _holds_trajectories(path: Path) -> bool:
    if not path.name.removesuffix(".gz").endswith(".jsonl"):
        return False
    first = next(iter(read_jsonl(path, [])), None)
    return first is not None and is_trajectory(first.value)


def _settings(recipe: Recipe) -> MixtureSettings:
    sources = {**recipe.curate.agent, **recipe.curate.general}
    return MixtureSettings(
        eta=recipe.curate.eta,
        sources={
            name: SourceSettings(rows=spec.rows, weight=spec.weight) for name, spec in sources.items()
        },
        validation=recipe.curate.validation,
        seed=recipe.seed,
    )


def _describe(mixture: Mixture, rows: Sequence[TokenRow], rejected: list[tuple[str, str]]) -> Curated:
    return Curated(
        shares=mixture.shares,
        sources=manifest(rows, mixture.shares),
        validation=len(mixture.validation),
        dropped=mixture.dropped,
        set_aside=dict(Counter(source for source, _ in rejected)),
        shortened=dict(Counter(row.source for row in rows if row.cut_replies)),
    )


def _write(path: Path, examples: Sequence[Example]) -> None:
    with open_atomic(path) as file:
        for example in examples:
            file.write(encode(example))


def write_rejected(path: Path, rejected: Sequence[tuple[str, str]]) -> None:
    """Write (source, reason) of each row set aside; no file where there are none."""
    path.unlink(missing_ok=True)
    if rejected:
        with JsonlWriter(path) as writer:
            for source, reason in rejected:
                writer.write({"source": source, "reason": reason})
