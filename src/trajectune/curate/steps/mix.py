"""The mixture of agent and general data: J = η·E_agent + (1−η)·E_general (AgentTuning, equation 1).

The idea: η is a share of the *loss*, so it is no question of how many rows are drawn. The rows are
drawn here, seeded; the trainer weighs each source's loss by the share computed here.

Invariants: shares sum to 1; a source with share 0 gives no rows; no question (the first user message)
stands both in what is trained and in what is held out; the same seed gives the same rows, whatever
order they came in.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from trajectune.curate.steps.contract import StepCount
from trajectune.errors import RecipeError
from trajectune.example import Example

NO_SHARE = "its group has no share of the loss"
HELD_OUT = "its question is held out"
OVER_ROWS = "beyond the rows asked for"


class SourceSettings(BaseModel):
    """How much is taken of one source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int | None = Field(default=None, ge=1)
    """Most rows to draw; empty means all."""
    weight: float = Field(default=1.0, gt=0)
    """Share among the general sources; without meaning for agent sources, which go by their rows."""


class MixtureSettings(BaseModel):
    """How agent and general data are mixed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    eta: float = Field(default=0.2, ge=0, le=1)
    """η, the agent data's share of the loss (0.2 in the paper). 1 is agent-only, 0 general-only."""
    sources: dict[str, SourceSettings] = Field(default_factory=dict)
    """Limits and weights by source; a source that is not named is taken whole, with weight 1."""
    validation: int = Field(default=50, ge=0)
    """General examples held out for the general loss, taken from the general sources by weight."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Mixture:
    """What is trained and what is held out."""

    train: list[Example]
    validation: list[Example]
    """General examples whose questions are in no trained general example."""
    shares: dict[str, float]
    """Share of the loss of each source; sums to 1."""
    counts: dict[str, StepCount] = field(default_factory=dict)
    """By source: the rows given, those kept (trained or held out), and the others by reason."""


class Measured(Protocol):
    """A row of which the tokens are known (`trajectune.tune.data.rows.TokenRow`)."""

    @property
    def source(self) -> str: ...
    @property
    def trained_tokens(self) -> int: ...
    def __len__(self) -> int: ...


def shares(
    eta: float, agent_rows: Mapping[str, int], general_weights: Mapping[str, float]
) -> dict[str, float]:
    """Share of the loss by source: η·nᵢ/Σn for an agent source of nᵢ rows, (1−η)·wᵢ/Σw for a general one.

    Agent sources go by rows, since E_agent is the mean over all agent trajectories; general ones by
    weight (AgentTuning: GPT-4 conversations 0.2, GPT-3.5 ones 0.8). A group whose share is 0 is left
    out. Raises RecipeError when a group with a share has no data, or a name is in both groups.
    """
    if both := agent_rows.keys() & general_weights.keys():
        raise RecipeError(f"agent and general sources share names: {', '.join(sorted(both))}")
    groups = {
        "agent": (eta, {name: float(rows) for name, rows in agent_rows.items() if rows > 0}),
        "general": (1 - eta, {name: weight for name, weight in general_weights.items() if weight > 0}),
    }
    found: dict[str, float] = {}
    for kind, (group_share, weights) in groups.items():
        if group_share > 0 and not weights:
            raise RecipeError(
                f"eta {eta:g} gives {kind} data {group_share:.0%} of the loss, but there is none",
                remedy=f"add {kind} data, or set eta to {0 if kind == 'agent' else 1}",
            )
        if group_share > 0:
            total = sum(weights.values())
            found |= {name: group_share * weight / total for name, weight in weights.items()}
    return found


def mix(
    agent: Mapping[str, Sequence[Example]],
    general: Mapping[str, Sequence[Example]],
    settings: MixtureSettings,
) -> Mixture:
    """Draw rows of each source, hold general ones out, and settle the shares.

    The examples get their source's name as `source`. Validation rows are held out at η = 1 too, as the
    general loss is measured then as well. Raises RecipeError as `shares` does.
    """
    ordered = {
        name: _ordered(name, rows, settings.seed) for name, rows in (*agent.items(), *general.items())
    }
    held, rest = _hold_out({name: ordered[name] for name in general}, settings)
    pools = {name: rest.get(name, rows) for name, rows in ordered.items()}
    groups = {name: 1 - settings.eta if name in general else settings.eta for name in ordered}
    drawn = {
        name: rows[: _settings(settings, name).rows] if groups[name] > 0 else []
        for name, rows in pools.items()
    }
    weights = {name: _settings(settings, name).weight for name in general if drawn[name]}
    found = shares(settings.eta, {name: len(drawn[name]) for name in agent}, weights)
    counts = {
        name: _count(len(rows), len(pools[name]), len(drawn[name]), _of(name, held), groups[name])
        for name, rows in ordered.items()
    }
    return Mixture([row for name in sorted(drawn) for row in drawn[name]], held, found, counts)


def manifest(rows: Iterable[Measured], shares: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """For each source: rows, tokens, trained tokens, and the share of each beside its share of the loss."""
    keys: tuple[str, ...] = ("rows", "tokens", "trained_tokens")
    counts: dict[str, dict[str, float]] = {name: dict.fromkeys(keys, 0.0) for name in shares}
    for row in rows:
        found = counts[row.source]
        found["rows"] += 1
        found["tokens"] += len(row)
        found["trained_tokens"] += row.trained_tokens
    totals = {key: sum(each[key] for each in counts.values()) for key in keys}
    return {
        name: {
            **found,
            **{f"share_of_{key}": found[key] / total if total else 0.0 for key, total in totals.items()},
            "share_of_loss": shares[name],
        }
        for name, found in counts.items()
    }


def question(example: Example) -> str:
    """The first user message: what makes two examples the same question."""
    return next((message.content for message in example.messages if message.role == "user"), "").strip()


def _of(source: str, rows: Sequence[Example]) -> int:
    return sum(row.source == source for row in rows)


def _count(given: int, pool: int, drawn: int, held: int, share: float) -> StepCount:
    """What became of a source: `given` rows, of which `pool` may be trained and `drawn` are."""
    rejected = Counter({HELD_OUT: given - held - pool, OVER_ROWS if share > 0 else NO_SHARE: pool - drawn})
    return StepCount("mix", given, drawn + held, +rejected)


def _settings(settings: MixtureSettings, name: str) -> SourceSettings:
    return settings.sources.get(name, SourceSettings())


def _ordered(name: str, rows: Sequence[Example], seed: int) -> list[Example]:
    """The rows in an order that only the seed and each row's own content decide."""
    named = [row if row.source == name else row.model_copy(update={"source": name}) for row in rows]
    return sorted(named, key=lambda row: (_rank(seed, row), row.id))


def _rank(seed: int, row: Example) -> bytes:
    text = "\0".join([str(seed), *(message.content for message in row.messages)])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _hold_out(
    general: Mapping[str, list[Example]], settings: MixtureSettings
) -> tuple[list[Example], dict[str, list[Example]]]:
    """The held-out rows, by weight from each source, and what remains of each source.

    At most half of a source is held out. One row is held out per question, and no other row that asks
    it is trained.
    """
    total = sum(_settings(settings, name).weight for name in general)
    held: dict[str, Example] = {}
    for name in sorted(general):
        wanted = round(settings.validation * _settings(settings, name).weight / total)
        distinct = {question(row): row for row in reversed(general[name])}
        fresh = [row for asked, row in reversed(distinct.items()) if asked not in held]
        held |= {question(row): row for row in fresh[: min(wanted, len(distinct) // 2)]}
    rest = {name: [row for row in rows if question(row) not in held] for name, rows in general.items()}
    return list(held.values()), rest
