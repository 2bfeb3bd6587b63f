"""`trajectune data`: look into data files, and convert one format into another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from trajectune.cli.masks import masks
from trajectune.example import Example
from trajectune.storage import Rejected, encode, open_atomic

if TYPE_CHECKING:
    from trajectune.curate.formats import WriteCount
    from trajectune.curate.inspect import ExampleFacts, FileFacts, Sample, TokenCount, TrajectoryFacts

app = typer.Typer(no_args_is_help=True)
FORMAT_HELP = "example, agentinstruct, sharegpt, agentflan, openai or alpaca"

CHARACTERS_PER_TOKEN = 4
"""English text has about this many; only for the guess that is labelled as one."""


@app.command()
def inspect(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A .jsonl or .json file (also .gz), or .parquet.")
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="M",
            help="Count tokens with the tokenizer of `embedded`, a folder, or a hub name.",
        ),
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="FORMAT", help=f"Its format, if the guess is wrong: {FORMAT_HELP}."),
    ] = None,
    samples: Annotated[int, typer.Option(help="Rows to show.", min=0)] = 5,
) -> None:
    """Print what is in a file: format, rows, turns, tokens, trained share, faults and a few rows.

    Conversations and trajectories alike: `trajectune data inspect runs/quickstart/collect/database.jsonl`.
    Rows that cannot be read are counted and named with their line.
    """
    from trajectune.curate.inspect import ExampleFacts, inspect_file

    found = inspect_file(file, _token_count(model), samples=samples, format=from_)
    console = Console()
    if found.facts is None:
        console.print(f"{escape(str(file))}: no row that can be read", highlight=False)
    elif isinstance(found.facts, ExampleFacts):
        console.print(_table(file, _example_lines(found.facts, model), found))
    else:
        console.print(_table(file, _trajectory_lines(found.facts), found))
    if found.facts is not None and found.facts.samples:
        _print_samples(console, found.facts.samples)
    _print_rejections(console, found)


@app.command()
def convert(
    source_file: Annotated[Path, typer.Argument(metavar="IN", help="Conversations to read.")],
    target_file: Annotated[
        Path, typer.Argument(metavar="OUT", help="File to write: .jsonl, .json (also .gz) or .parquet.")
    ],
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help=f"Format of OUT: {FORMAT_HELP}.")],
    from_: Annotated[
        str | None, typer.Option("--from", metavar="FORMAT", help="Format of IN, if the guess is wrong.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the data set, put on every row.")
    ] = None,
) -> None:
    """Rewrite conversations in another format.

    `trajectune data convert chats.json chats.jsonl --to openai`. Rows that cannot be read or do not fit go
    to OUT.rejected.jsonl with their line and the reason.
    """
    from trajectune.curate.formats import get_format, read_numbered, write_examples

    get_format(to)  # a wrong name is said before anything is read
    with _progress() as progress, ExitStack() as stack:
        quarantine = Quarantine(target_file.with_name(f"{target_file.name}.rejected.jsonl"), stack)
        task = progress.add_task("converting", total=None)

        def examples() -> Iterator[Example]:
            for numbered in read_numbered(source_file, quarantine, source, from_):
                quarantine.line = numbered.line
                yield numbered.example
                progress.advance(task)

        count = write_examples(target_file, examples(), to, Misfits(quarantine))
    _print_conversion(target_file, to, count, quarantine)


app.command()(masks)


class Quarantine:
    """A sink that writes rejected rows to a file, which exists only when there are some."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self.path = path
        self.count = 0
        self.line = 0
        """Line of IN of the example that is being written."""
        self._stack = stack
        self._file: IO[bytes] | None = None
        with suppress(OSError):  # that of an earlier conversion says nothing about this one
            path.unlink()

    def append(self, row: Rejected, /) -> None:
        """Write one row: `line`, `reason`."""
        if self._file is None:
            self._file = self._stack.enter_context(open_atomic(self.path))
        self._file.write(encode({"line": row.line, "reason": row.reason}))
        self.count += 1


class Misfits:
    """A sink for rows that do not fit OUT: gives them their line in IN."""

    def __init__(self, quarantine: Quarantine) -> None:
        self.quarantine = quarantine

    def append(self, row: Rejected, /) -> None:
        """Hand on under the line in IN."""
        self.quarantine.append(Rejected(self.quarantine.line, row.reason))


def _token_count(model: str | None) -> TokenCount | None:
    if model is None:
        return None
    from trajectune.models.templates import load_tokenizer

    tokenizer = load_tokenizer(model)
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False))


def _table(file: Path, lines: list[tuple[str, str]], found: FileFacts) -> Table:
    table = Table(title=escape(str(file)), show_header=False, title_justify="left", box=None)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in [*lines, ("set aside", f"{found.rejections.count:,} rows")]:
        table.add_row(name, escape(value))
    return table


def _example_lines(facts: ExampleFacts, model: str | None) -> list[tuple[str, str]]:
    share = facts.trained_characters / max(facts.characters.total, 1)
    lines = [
        ("format", facts.format),
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
    return [*lines, ("tool calls", f"{facts.tool_calls:,}"), ("faults", _counted(facts.faults))]


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
        name = f"line {sample.line}  {sample.id}".rstrip()
        console.print(name, style="bold", markup=False, highlight=False, soft_wrap=True)
        for label, text in (("asked", sample.asked), ("answered", sample.answered)):
            shown = " ".join(text[: 4 * console.width].split())
            line = Text(f"  {label:<9} {_harmless(shown)}")
            console.print(line, highlight=False, no_wrap=True, overflow="ellipsis")


def _harmless(text: str) -> str:
    """The text without control characters, which must not reach a terminal."""
    return "".join(sign if sign.isprintable() else "·" for sign in text)


def _print_rejections(console: Console, found: FileFacts) -> None:
    for row in found.rejections.first:
        console.print(f"  line {row.line} set aside: {escape(row.reason)}", highlight=False)
    if found.rejections.count > len(found.rejections.first):
        console.print(f"  and {found.rejections.count - len(found.rejections.first):,} more")


def _print_conversion(target: Path, to: str, count: WriteCount, quarantine: Quarantine) -> None:
    console = Console()
    console.print(f"{count.written:,} rows written to {escape(str(target))}", highlight=False)
    if quarantine.count:
        place = escape(str(quarantine.path))
        console.print(f"{quarantine.count:,} rows set aside: see {place}", highlight=False)
    for name, rows in count.lost.items():
        console.print(f"{name} of {rows:,} rows do not fit {to}", highlight=False)


def _progress() -> Progress:
    """A bar on stderr; silent where stderr is no terminal."""
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description} {task.completed:,} rows"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
