"""`trajectune data masks`: see with one's own eyes what a model will learn from a file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trajectune.harmless import harmless

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text
    from transformers import PreTrainedTokenizerBase

    from trajectune.tune.data.rows import TokenRow

_STYLES = {False: ("dim", "dim reverse"), True: ("bold green", "bold black on green")}
"""Two neighbouring tokens get the two styles in turn, so that their boundary shows."""


def masks(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Conversations, of any known format.")],
    model: Annotated[
        str,
        typer.Option("--model", "-m", metavar="M", help="Its tokenizer: `embedded`, a folder, a hub name."),
    ] = "embedded",
    rows: Annotated[int, typer.Option(min=0, help="Rows to show in full.")] = 3,
    max_tokens: Annotated[int, typer.Option(min=2, help="Longest row, in tokens.")] = 4096,
    template: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Chat template instead of its own: llama-2, llama-3, chatml, agent-flan."
        ),
    ] = "",
) -> None:
    """Show rows with their trained tokens in green, and prove the mask of every row of the file.

    Only green tokens count in the loss. A row whose mask cannot be proven is rejected with the reason, here
    as in `trajectune tune`.
    """
    from trajectune.curate.formats import read_examples
    from trajectune.models.templates import load_tokenizer
    from trajectune.storage import Rejected
    from trajectune.terminal import Terminal
    from trajectune.tune.data.prove import prove

    console = Terminal()
    tokenizer = load_tokenizer(model, template)
    rejected: list[Rejected] = []
    notes: Counter[str] = Counter()
    found = prove(read_examples(file, rejected, notes=notes), tokenizer, max_tokens)
    for row in found.rows[:rows]:
        trained = f"{row.trained_tokens} of {len(row)} tokens trained"
        console.rule(f"{row.id} · {trained}" if row.id else trained)
        console.print(coloured(row, tokenizer), soft_wrap=True)
    reasons = [each.reason for each in found.rejected] + [f"unreadable: {row.reason}" for row in rejected]
    _print_summary(console, found.rows, reasons)
    for note, count in notes.most_common():
        console.print(f"  {count:,} rows: {note}", markup=False, highlight=False)


def coloured(row: TokenRow, tokenizer: PreTrainedTokenizerBase) -> Text:
    """The row's text: trained tokens green, the others dim, neighbours told apart by their background."""
    from rich.text import Text

    text = Text()
    for index, (ids, trained) in enumerate(_readable(row, tokenizer)):
        word = str(tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))
        shown = harmless(word)  # here, so that an escape is one with its token
        text.append(shown.replace("\n", "⏎\n"), style=_STYLES[trained][index % 2])
    return text


def _readable(row: TokenRow, tokenizer: PreTrainedTokenizerBase) -> list[tuple[list[int], bool]]:
    """Tokens one by one; those that only together make a character stay together."""
    groups: list[tuple[list[int], bool]] = []
    pending: list[int] = []
    for token, trained in zip(row.tokens.tolist(), row.trained.tolist(), strict=True):
        pending.append(token)
        if "\ufffd" not in str(tokenizer.decode(pending)) or len(pending) == 8:
            groups.append((pending, trained))
            pending = []
    return [*groups, (pending, bool(row.trained[-1]))] if pending else groups


def _print_summary(console: Console, rows: list[TokenRow], reasons: list[str]) -> None:
    from rich.table import Table

    tokens = sum(map(len, rows))
    trained = sum(row.trained_tokens for row in rows)
    table = Table(show_header=False, box=None)
    table.add_row("rows with a proven mask", f"{len(rows):,}")
    table.add_row("tokens", f"{tokens:,}")
    table.add_row("trained tokens", f"{trained:,} ({trained / max(tokens, 1):.1%})")
    table.add_row("rejected", f"{len(reasons):,}")
    console.print(table)
    for reason, count in Counter(reasons).most_common(10):
        console.print(f"  {count:,} × {reason}", markup=False, highlight=False)
