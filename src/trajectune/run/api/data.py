"""General data and the mixture: `self_distil`, `mix`, `Mixed`."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from trajectune.composition.files import load_composition
from trajectune.curate.general.distil import self_distil as distil
from trajectune.curate.general.prompts import general_prompts
from trajectune.curate.steps.contract import StepCount
from trajectune.curate.steps.mix import MixtureSettings, SourceSettings
from trajectune.curate.steps.mix import mix as blend
from trajectune.engine.engine import Engine
from trajectune.example import Example
from trajectune.progress import OnProgress
from trajectune.run.display import shown
from trajectune.storage import locked

SPARE = 4
"""Prompts at hand for each answer wanted: answers that are cut off at the limit are not used."""
_log = logging.getLogger(__name__)

CONTEXT = 512
"""Tokens of a prompt and its answer together."""


@dataclass(frozen=True)
class Mixed:
    """Training data: what `mix` gives and `tune` takes.

    `data = mix(agent={…}, general={…}, eta=0.5)`.
    """

    train: list[Example]
    held_out: list[Example]
    """General examples that are not trained, to measure what the model keeps."""
    shares: dict[str, float]
    """Share of the loss by source; all shares add up to 1."""
    counts: dict[str, StepCount] = field(default_factory=dict)
    """By source: rows given, used, and omitted by reason."""


def self_distil(
    model: str,
    *,
    rows: int,
    to: str | Path,
    source: str = "self",
    prompts: Sequence[str] | None = None,
    seed: int = 0,
    batch_size: int = 32,
    on_progress: OnProgress | None = None,
) -> list[Example]:
    """`rows` examples that the model makes itself, by answering general prompts (or your own).

    `self_distil("embedded", rows=420, to="general.jsonl")`. Answers are appended to `to` as they come.
    Raises `DataError` when the file holds another model's answers, `RecipeError` where another process
    writes it.
    """
    composition, _ = load_composition(model)
    engine = Engine(composition, max_batch=batch_size, max_context=CONTEXT)
    asked = general_prompts(rows * SPARE, seed, at_least=rows) if prompts is None else prompts
    with locked(to, is_file=True), shown(on_progress) as tell:
        done = distil(asked, engine, Path(to), rows=rows, source=source, seed=seed, on_progress=tell)
    if len(done.examples) < rows:
        _log.warning("%s: %d answers of %d wanted could be used", to, len(done.examples), rows)
    return done.examples


def mix(
    agent: Mapping[str, Sequence[Example]],
    general: Mapping[str, Sequence[Example]],
    *,
    eta: float = 0.2,
    held_out: int = 50,
    rows: Mapping[str, int | None] | None = None,
    weights: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Mixed:
    """Agent and general data with the share η of the loss for the agent's (AgentTuning, equation 1).

    `mix(agent={"database": agent}, general={"self": general}, eta=0.5, held_out=40)`: sources by name;
    `rows` bounds what is drawn of a source, `weights` are shares among the general ones. Raises
    `RecipeError` when a group with a share has no data.
    """
    sources = {
        name: SourceSettings(rows=(rows or {}).get(name), weight=(weights or {}).get(name, 1.0))
        for name in [*agent, *general]
    }
    settings = MixtureSettings(eta=eta, sources=sources, validation=held_out, seed=seed)
    mixture = blend(agent, general, settings)
    return Mixed(mixture.train, mixture.validation, mixture.shares, mixture.counts)
