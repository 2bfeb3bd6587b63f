"""What `trajectune data inspect` found, as tables and rows for a terminal."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from trajectune.curate.inspect import ExampleFacts, FileFacts, Sample, TrajectoryFacts
from trajectune.harmless import one_line

CHARACTERS_PER_TOKEN = 4
"""English text has about this many; only for the guess that is labelled as one."""


def print_facts(console: Console, file: Path, found: FileFacts, model: str | None) -> None:
    """The facts of a file, the beginning of some rows, and the first rows that cannot be read.

    `model` names the tokenizer that counted.
    """
    facts = found.facts
    if facts is None:
        console.print(f"{escape(str(file))}: no row that can be read", highlight=False)
    else:
        is_conversations = isinstance(facts, ExampleFacts)
        lines = _example_lines(facts, model) if is_conversations else _trajectory_lines(facts)
        console.print(_table(file, [*lines, ("rejected", f"{found.rejections.count:,} rows")]))
        _print_samples(console, facts.samples)
    _print_rejections(console, found)


def _table(file: Path, lines: list[tuple[str, str]]) -> Table:
    table = Table(title=escape(str(file)), show_header=False, title_justify="left", box=None)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in lines:
        table.add_row(name, escape(one_line(value)))
    return table


def _example_lines(facts: ExampleFacts, model: str | None) -> list[tuple[str, str]]:
    share = facts.trained_characters / max(facts.characters.total, 1)
    lines = [
        (
            "format",
            facts.formats.most_common(1)[0][0] if len(facts.formats) == 1 else _counted(facts.formats),
        ),
        ("rows", f"{facts.rows:,}"),
        ("sources", _counted(facts.sources)),
        ("turns (trained replies)", _mean(facts.turns.total, facts.turns.largest, facts.rows)),
        ("messages", _mean(facts.messages.total, facts.messages.largest, facts.rows)),
        ("characters", f"{facts.characters.total:,}, of them trained {share:.1%}"),
    ]
    if facts.tokens is None:
        guess = facts.characters.total // CHARACTERS_PER_TOKEN
        lines.append(("tokens", f"about {guess:,} (a guess from the characters; --model NAME counts)"))
    else:
        share = facts.trained_tokens / max(facts.tokens.total, 1)
        spread = _mean(facts.tokens.total, facts.tokens.largest, facts.rows)
        lines.append((f"tokens ({model})", f"{facts.tokens.total:,}, of them trained {share:.1%}"))
        lines.append(("tokens in a row", f"{spread} (text only, without the chat template's own)"))
    return [
        *lines,
        ("tool calls", f"{facts.tool_calls:,}"),
        *([("replies with reasoning", f"{facts.reasoning:,}")] if facts.reasoning else []),
        ("faults", _counted(facts.faults)),
        *(("not trained on", f"{note} ({rows:,} rows)") for note, rows in facts.notes.most_common()),
    ]


def _trajectory_lines(facts: TrajectoryFacts) -> list[tuple[str, str]]:
    of = max(facts.rewarded, 1)
    return [
        ("format", "trajectory"),
        ("rows", f"{facts.rows:,}"),
        ("environments", _counted(facts.environments)),
        ("agents", _counted(facts.agents)),
        ("steps", _mean(facts.steps.total, facts.steps.largest, facts.rows)),
        ("success (reward 1)", f"{facts.solved:,} of {facts.rewarded:,} ({facts.solved / of:.1%})"),
        ("reward", f"{facts.reward / of:.3f} average"),
        ("outcomes", _counted(Counter({key.value: n for key, n in facts.outcomes.items()}))),
        ("faults", _counted(facts.faults)),
        ("generated tokens", f"{facts.generated_tokens:,}"),
    ]


def _mean(total: int, largest: int, rows: int) -> str:
    return f"{total / max(rows, 1):.2f} average, {largest:,} at most"


def _counted(counter: Counter[str]) -> str:
    shown = ", ".join(f"{name} {number:,}" for name, number in counter.most_common(12))
    more = len(counter) - 12
    return (f"{shown}, and {more} more" if more > 0 else shown) or "none"


def _print_samples(console: Console, samples: list[Sample]) -> None:
    """The beginning of what was asked and answered, each on one line."""
    for sample in samples:
        name = one_line(f"line {sample.line}  {sample.id}".rstrip())
        console.print(name, style="bold", markup=False, highlight=False, soft_wrap=True)
        for label, text in (("asked", sample.asked), ("answered", sample.answered)):
            line = Text(f"  {label:<9} {one_line(text[: 4 * console.width])}")
            console.print(line, highlight=False, no_wrap=True, overflow="ellipsis")


def _print_rejections(console: Console, found: FileFacts) -> None:
    for row in found.rejections.first:
        console.print(f"  line {row.line} rejected: {escape(one_line(row.reason))}", highlight=False)
    if found.rejections.count > len(found.rejections.first):
        console.print(f"  and {found.rejections.count - len(found.rejections.first):,} more")
