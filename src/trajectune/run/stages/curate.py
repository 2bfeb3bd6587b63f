"""The stage `curate`: from trajectories and files to training data, mixed, with every mask proven.

Leaves `train.jsonl` and `validation.jsonl` (examples), `<environment>.kept.jsonl`, `funnel.json` (how many
trajectories came through), `mixture.json` (what was taken of what), where it is asked for `export/`, and,
where rows could not be used, `rejected.jsonl` with the reasons. It takes a moment, so it is made from the
start each time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from trajectune.curate.funnel import Funnel
from trajectune.curate.steps.apply import apply_steps
from trajectune.curate.steps.contract import Context
from trajectune.curate.steps.mix import manifest
from trajectune.curate.steps.registry import build_steps, on_examples, on_trajectories
from trajectune.errors import DataError
from trajectune.example import Example
from trajectune.models.templates import load_tokenizer
from trajectune.run.api.acting import Played
from trajectune.run.api.data import Mixed, mix
from trajectune.run.api.rejections import Rejections, as_rejections, read_rejections, write_rejections
from trajectune.run.recipe import Recipe
from trajectune.run.stage import Work
from trajectune.run.stages.environments import bound_environments
from trajectune.run.stages.export import export
from trajectune.run.stages.general import read_notes
from trajectune.run.stages.losses import rejection_warnings, unreadable_warnings
from trajectune.run.stages.sources import examples_of, holds_trajectories, source_values
from trajectune.run.stages.values import file_values, model_values
from trajectune.storage import encode, open_atomic, read_record, read_records, write_json
from trajectune.tune.data.prove import Proven, prove


class Curated(BaseModel):
    """What the stage made, as stored in `mixture.json`."""

    model_config = ConfigDict(extra="forbid")

    shares: dict[str, float]
    """Share of the loss by source."""
    sources: dict[str, dict[str, float]]
    """Rows, tokens and trained tokens by source, and their shares."""
    validation: int
    """General examples held out that can be measured on."""
    unused: dict[str, dict[str, int]] = Field(default_factory=dict)
    """Rows that the mixture did not use, by source and reason."""
    rejected: dict[str, int] = Field(default_factory=dict)
    """Rows that could not be read or used, validation rows included; reasons are in `rejected.jsonl`."""
    shortened: dict[str, int] = Field(default_factory=dict)
    """Rows that lost their last replies to `max_tokens`, by source."""
    warnings: list[str] = Field(default_factory=list)
    """A sentence for each source that lost much of what it holds."""


def reads(recipe: Recipe) -> JsonValue:
    """The dialect counts where trajectories are rendered; general rows have it from their own stage."""
    collected = _thresholds(recipe)
    files = {name: source_values(recipe, spec) for name, spec in recipe.curate.agent.items()}
    sources = {**recipe.curate.agent, **recipe.curate.general}
    return {
        "thresholds": dict(collected),
        "agent": dict(files),
        "steps": step_values(recipe),
        "dialect": agent_dialect(recipe),
        "eta": recipe.curate.eta,
        "validation": recipe.curate.validation,
        "mixture": {name: [spec.rows, spec.weight] for name, spec in sources.items()},
        "tokenizer": model_values(recipe.source_model),
        "max_tokens": recipe.tune.max_tokens,
        "seed": recipe.seed,
        **({"export": recipe.curate.export} if recipe.curate.export else {}),
    }


def agent_dialect(recipe: Recipe) -> str:
    """The dialect in which trajectories are rendered here; empty where there are none."""
    files = any(holds_trajectories(spec.data) for spec in recipe.curate.agent.values())
    return recipe.dialect if files or _thresholds(recipe) else ""


def step_values(recipe: Recipe, level: str = "") -> JsonValue:
    """The curate steps with all their options and files, those of one level alone if one is named."""
    values: list[JsonValue] = []
    for step in build_steps(recipe.curate.steps):
        if level in ("", step.level):
            files = {name: file_values(Path(name)) for name in step.files()}
            options = step.options.model_dump(mode="json")
            values.append({step.name: options, **({"files": files} if files else {})})
    return values


def run(work: Work) -> None:
    """Do the work."""
    recipe, folder = work.recipe, work.folder
    rejected = read_rejections(work.input("general") / "rejected.jsonl")
    agent = _agent_examples(work, rejected)
    general = general_examples(recipe, work.input("general"), rejected)
    write_rejections(folder / "rejected.jsonl", rejected)
    for sources in (agent, general):
        _check_rows(sources, rejected, folder)
    mixed = mixture_of(recipe, agent, general)
    tokenizer = load_tokenizer(recipe.source_model)
    train, held_out = (
        prove(rows, tokenizer, recipe.tune.max_tokens) for rows in (mixed.train, mixed.held_out)
    )
    warnings = _warnings(folder, {**agent, **general}, rejected, (train, held_out), mixed)
    rejected += as_rejections([*train.rejected, *held_out.rejected])
    _write(folder / "train.jsonl", train.kept)
    _write(folder / "validation.jsonl", held_out.kept)
    if recipe.curate.export:
        export(folder / "export", train.kept, recipe.curate.export, work.say)
    write_rejections(folder / "rejected.jsonl", rejected)
    curated = _described(mixed, train, len(held_out.kept), rejected, warnings)
    write_json(folder / "mixture.json", curated.model_dump(mode="json"))
    if rejected:
        work.say(f"{len(rejected)} rows rejected; the reasons are in {folder / 'rejected.jsonl'}")
    for warning in warnings:
        work.say(warning)
    if not train.rows:
        raise DataError("no row is left to train on", where=str(folder), remedy="see rejected.jsonl there")


def read_curated(folder: Path) -> Curated:
    """What the stage left in a folder."""
    return read_record(folder / "mixture.json", Curated, "a described mixture")


def read_mixed(folder: Path) -> Mixed:
    """The training data that the stage left in a folder."""
    train, held_out = (
        list(read_records(folder / f"{name}.jsonl", Example)) for name in ("train", "validation")
    )
    return Mixed(train, held_out, read_curated(folder).shares)


def general_examples(
    recipe: Recipe, general: Path, rejected: Rejections | None = None
) -> dict[str, list[Example]]:
    """What the stage `general` left, after the recipe's steps, by source."""
    return {
        name: _stepped(recipe, list(read_records(general / f"{name}.jsonl", Example)), name, rejected)
        for name in recipe.curate.general
    }


def mixture_of(
    recipe: Recipe, agent: dict[str, list[Example]], general: dict[str, list[Example]], **changes: Any
) -> Mixed:
    """The recipe's mixture of examples by source."""
    sources = {**recipe.curate.agent, **recipe.curate.general}
    settings: dict[str, Any] = {
        "eta": recipe.curate.eta,
        "held_out": recipe.curate.validation,
        "rows": {name: spec.rows for name, spec in sources.items()},
        "weights": {name: spec.weight for name, spec in sources.items()},
        "seed": recipe.seed,
    }
    return mix(agent, general, **(settings | changes))


def _agent_examples(work: Work, rejected: Rejections) -> dict[str, list[Example]]:
    recipe, funnel, found = work.recipe, Funnel(), {}
    steps = on_trajectories(build_steps(recipe.curate.steps))
    for bound in bound_environments(recipe):
        if bound.spec.collect:
            path = work.input("collect") / f"{bound.key}.jsonl"
            played = Played(path, bound.environment, recipe.dialect, bound.key, bound.threshold)
            kept = played.keep(steps=steps, to=work.folder / f"{bound.key}.kept.jsonl")
            funnel.rows.extend([kept.funnel] if kept.funnel else [])
            found[bound.key] = _stepped(recipe, kept.examples(), bound.key, rejected)
            rejected += kept.rejections
    for name, spec in recipe.curate.agent.items():
        notes: Counter[str] = Counter()
        examples = list(examples_of(recipe, spec, name, rejected, notes))
        found[name] = _stepped(recipe, examples, name, rejected)
        funnel.note(name, notes, work.say)
    funnel.notes.update(read_notes(work.input("general")))
    funnel.save(work.folder / "funnel.json")
    return found


def _stepped(
    recipe: Recipe, examples: list[Example], source: str, rejected: Rejections | None
) -> list[Example]:
    """The examples that pass the recipe's steps on examples."""
    done = apply_steps(on_examples(build_steps(recipe.curate.steps)), examples, Context(source=source))
    if rejected is not None:
        rejected += as_rejections(done.rejected)
    return done.rows


def _check_rows(examples: dict[str, list[Example]], rejected: Rejections, folder: Path) -> None:
    """Raises DataError where every row of all these sources was rejected."""
    reasons = [(source, reason) for source, reason in rejected if source in examples]
    if reasons and not any(examples.values()):
        source, reason = reasons[0]
        raise DataError(
            f"no row of {source!r} can be used, the first because: {reason}",
            where=str(folder / "rejected.jsonl"),
            remedy="mend the data, or the steps and the dialect that it is curated with",
        )


def _thresholds(recipe: Recipe) -> dict[str, float | None]:
    """Of the environments that trajectories are collected in."""
    return {key: spec.threshold for key, spec in recipe.environments.items() if spec.collect}


def _warnings(
    folder: Path,
    usable: dict[str, list[Example]],
    rejected: Rejections,
    proofs: tuple[Proven, Proven],
    mixed: Mixed,
) -> list[str]:
    """What the user must know of rows that were lost: while reading, and as masks were to be proven."""
    train, held_out = (as_rejections(each.rejected) for each in proofs)
    used = {name: len(rows) - sum(source == name for source, _ in train) for name, rows in usable.items()}
    held = Counter(example.source for example in mixed.held_out)
    held.subtract(source for source, _ in held_out)
    return [
        *unreadable_warnings(Funnel.load(folder / "funnel.json").rows),
        *rejection_warnings(used, [*rejected, *train]),
        *rejection_warnings(held, held_out, "validation rows"),
    ]


def _described(
    mixed: Mixed, train: Proven, held: int, rejected: Rejections, warnings: list[str]
) -> Curated:
    return Curated(
        shares=mixed.shares,
        sources=manifest(train.rows, mixed.shares),
        validation=held,
        unused={name: dict(count.rejected) for name, count in mixed.counts.items() if count.rejected},
        rejected=dict(Counter(source for source, _ in rejected)),
        shortened=dict(train.shortened),
        warnings=warnings,
    )


def _write(path: Path, examples: Sequence[Example]) -> None:
    with open_atomic(path) as file:
        for example in examples:
            file.write(encode(example))
