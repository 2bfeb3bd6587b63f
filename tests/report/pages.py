"""Made-up pages of the three shapes: a run, an ablation, a study of emulation. No number is of a model."""

from __future__ import annotations

import math

from trajectune.evaluate.compare import GapShare, PairedChange
from trajectune.evaluate.contract import Group, Measurement, SystemIdentity
from trajectune.evaluate.faults import ErrorKind
from trajectune.evaluate.intervals import Interval, wilson
from trajectune.report.contents import (
    Entry,
    FunnelRow,
    LossCurve,
    MixtureRow,
    Page,
    StageTime,
    WeightCurve,
)
from trajectune.report.sections.samples import Sample
from trajectune.trajectory import Action, Fault, Outcome, Reply, Step, ToolCall, Trajectory

HOSTILE = "<script>alert(1)</script><img src=http://evil.example/x onerror=alert(2)> $x^ &amp; \"'"
KINDS = ("select", "count", "aggregate", "update", "insert", "delete")
SETS = ("capitals", "opposites", "sums", "what comes next")


def share(value: float, total: int = 84) -> Interval:
    interval = wilson(round(value * total), total)
    assert interval is not None
    return interval


def around(value: float, half: float = 0.05) -> Interval:
    return Interval(value=value, low=value - half, high=value + half)


def who(name: str, seed: int = 0) -> SystemIdentity:
    return SystemIdentity(
        name=name,
        model="embedded" if name == "base" else f"runs/demo/{name}/tune/model",
        base="" if name == "base" else "embedded",
        weights=f"{abs(hash_of(name, seed)):016x}"[:16],
        template="76692568fba0d997",
    )


def hash_of(name: str, seed: int) -> int:
    return sum(ord(letter) * 7919**place for place, letter in enumerate(f"{name}{seed}")) % 16**16


def agent(
    system: str, success: float, *, seed: int = 0, suite: str = "database", group: Group = "held-in"
) -> Measurement:
    """Skill on 84 tasks; the other metrics follow from `success` in some way."""
    valid = 0.4 + 0.59 * success
    errors = dict(zip(ErrorKind, (1 - valid, 0.05, 0.2, 0.3, 0.12, 0.04, 0.02), strict=True))
    kinds = {
        f"success/{kind}": share(min(1, max(0, success + 0.1 * math.sin(place + 3 * success))), 14)
        for place, kind in enumerate(KINDS)
    }
    return Measurement(
        suite=suite,
        group=group,
        system=who(system, seed).model_copy(update={"dialect": "agentbench"}),
        headline="success",
        note="Generated tables, questions and changes; not AgentBench's tasks or numbers.",
        metrics={
            "success": share(success),
            "reward": around(success),
            "valid_replies": share(valid, 300),
            "valid_episodes": share(valid**2),
            "turns": around(3.2, 0.3),
            **kinds,
            **{f"error/{kind}": share(rate, 300) for kind, rate in errors.items()},
        },
        counts={
            "episodes": 84,
            "successes": round(84 * success),
            "replies": 300,
            "infrastructure_errors": 0,
            "outcome/completed": round(84 * valid),
            "outcome/bad_format": 84 - round(84 * valid),
        },
        items="items.jsonl",
    )


def loss(system: str, value: float, divergence: float | None = None, *, seed: int = 0) -> Measurement:
    extra = {} if divergence is None else {"divergence": around(divergence, divergence / 5)}
    return Measurement(
        suite="general-loss",
        group="general",
        system=who(system, seed),
        headline="loss",
        lower_is_better=True,
        metrics={"loss": around(value, 0.03), **extra},
        counts={"rows": 40, "tokens": 5120, "rejected": 1, "shortened": 0},
        items="items.jsonl",
    )


def choices(system: str, value: float, *, seed: int = 0) -> Measurement:
    parts = {f"accuracy/{name}": share(min(1, value + 0.05 * place), 60) for place, name in enumerate(SETS)}
    return Measurement(
        suite="choices",
        group="general",
        system=who(system, seed),
        note="Guessing is right in 25 %.",
        headline="accuracy",
        metrics={"accuracy": share(value, 240), **parts},
        counts={"questions": 240},
        items="items.jsonl",
    )


def all_of(system: str, success: float, nats: float, accuracy: float, seed: int = 0) -> list[Entry]:
    divergence = None if system == "base" else 0.1 * success
    measured = [
        agent(system, success, seed=seed),
        loss(system, nats, divergence, seed=seed),
        choices(system, accuracy, seed=seed),
    ]
    return [Entry(system=system, seed=seed, measurement=each) for each in measured]


MADE = {
    "created": "2026-01-01T00:00:00+00:00",
    "commit": "0123456789abcdef",
    "hardware": {"processor": "made up", "cores": "2"},
    "versions": {"python": "3.11", "torch": "2.13.0"},
    "stages": [StageTime(stage="collect", seconds=62), StageTime(stage="tune", seconds=185)],
    "settings": {"name": "demo", "model": "embedded", "tune": {"epochs": 1}},
    "files": {"episodes": "measured/tuned/database/episodes.jsonl"},
    "funnel": [FunnelRow(source="database", tasks=900, episodes=898, passed=880, kept=880, turns=2.3)],
    "mixture": [
        MixtureRow(source="database", role="agent", rows=880, tokens=39_000, trained_tokens=710, share=0.5),
        MixtureRow(
            source="self", role="general", rows=38, tokens=8000, trained_tokens=60, share=0.5, rejected=2
        ),
    ],
    "losses": [
        LossCurve(name=name, steps=list(range(40)), losses=[start * 0.93**n + end for n in range(40)])
        for name, start, end in (("database", 2.1, 0.06), ("self", 0.3, 0.8))
    ],
}  # fmt: skip


def change(suite: str, before: str, after: str, interval: Interval) -> PairedChange:
    return PairedChange(
        suite=suite, before=before, after=after, tasks=84, unpaired=0, gained=47, lost=3, change=interval,
        p_value=3.7e-11,
    )  # fmt: skip


def run_page(title: str = "quickstart") -> Page:
    """Before and after."""
    return Page(
        title=title,
        model="embedded",
        entries=[*all_of("base", 0.06, 0.803, 0.83), *all_of("tuned", 0.62, 0.824, 0.82)],
        changes=[
            change("database", "base", "tuned", Interval(value=0.56, low=0.44, high=0.67)),
            change("general-loss", "base", "tuned", Interval(value=0.021, low=0.013, high=0.03)),
        ],
        **MADE,
    )


def ablation_page() -> Page:
    """Three arms, three seeds each, beside the base model."""
    entries = all_of("base", 0.06, 0.803, 0.83)
    for arm, success, nats in (
        ("agent-only", 0.64, 0.97),
        ("mixed", 0.62, 0.83),
        ("general-only", 0.07, 0.80),
    ):
        for seed in range(3):
            entries += all_of(arm, success + 0.03 * (seed - 1), nats + 0.01 * seed, 0.8, seed)
    return Page(title="ablation", model="embedded", entries=entries, **MADE)


def upscale_page() -> Page:
    """Seven systems, two curves, and the shares of the gap."""
    rows = {
        "small base": (0.01, 1.4, 0.6), "small tuned": (0.31, 1.42, 0.58), "large base": (0.06, 0.8, 0.83),
        "emulated": (0.44, 0.86, 0.81), "large tuned": (0.62, 0.82, 0.82), "α = 0.5": (0.22, 0.82, 0.82),
        "β = 2": (0.36, 0.99, 0.77),
    }  # fmt: skip
    entries = [entry for system, row in rows.items() for entry in all_of(system, *row)]
    names = ("large base", "α = 0.5", "emulated")
    curves = [
        WeightCurve(
            suite=suite,
            weight="α: share of the tuning",
            points=[
                (place / 2, share(rows[n][0]) if suite == "database" else around(rows[n][1], 0.03))
                for place, n in enumerate(names)
            ],
        )
        for suite in ("database", "general-loss")
    ]
    gaps = [
        GapShare(
            suite="database",
            floor=floor,
            system="emulated",
            ceiling="large tuned",
            share=around(value, 0.2),
        )
        for floor, value in (("large base", 0.68), ("small tuned", 0.42))
    ]
    return Page(title="upscale", model="embedded", entries=entries, gaps=gaps, curves=curves, **MADE)


def episode(task: str, reward: float, kind: str = "select", text: str = HOSTILE) -> Trajectory:
    """Two steps: a reply that cannot be read, and a call."""
    call = ToolCall(name="sql", arguments={"query": text})
    steps = [
        Step(replies=[Reply(text=text)], fault=Fault.BAD_FORMAT, observation=text),
        Step(thought="I look.", actions=[Action(call=call, observation="3 rows")]),
    ]
    return Trajectory(
        id=task, environment="database", task=task, kind=kind, instruction="", observation=text,
        steps=steps, reward=reward, outcome=Outcome.COMPLETED,
    )  # fmt: skip


def sample(text: str = HOSTILE) -> Sample:
    return Sample("database", {"base": episode("1", 0.0, text=text), "tuned": episode("1", 1.0, text=text)})
