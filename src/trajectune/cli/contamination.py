"""`trajectune data contamination`: how much of evaluation sets stands in training data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from trajectune.cli.options import key_values
from trajectune.errors import RecipeError, suggestion
from trajectune.harmless import one_line
from trajectune.terminal import Terminal

if TYPE_CHECKING:
    from trajectune.curate.contamination import Contamination, Source
    from trajectune.curate.contamination.report import Finding, Match, SetReport, Unread
    from trajectune.curate.contamination.tokens import Tokenizer
    from trajectune.environments.contract import Split

SHOWN = 300
"""Characters of a stretch that are printed; `--json` gives all."""


def contamination(
    train: Annotated[Path, typer.Argument(metavar="TRAIN", help="Training rows: .jsonl, .json, .parquet.")],
    evaluation: Annotated[
        list[Path] | None,
        typer.Argument(metavar="EVAL…", help="Question files: also .csv, .tsv, .txt, or a .zip of those."),
    ] = None,
    environment: Annotated[
        list[str] | None,
        typer.Option("--environment", "-e", metavar="NAME", help="The tasks of an environment as well."),
    ] = None,
    split: Annotated[str, typer.Option(help="Which of its tasks: train, dev or test.")] = "test",
    option: Annotated[
        list[str] | None,
        typer.Option("--option", "-o", metavar="KEY=VALUE", help="An option of the environments."),
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="What of evaluation rows counts, such as question or a.b."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", metavar="M", help="Count its tokens (a name or folder), not words."),
    ] = None,
    length: Annotated[int, typer.Option(min=1, help="A span has more tokens than this.")] = 10,
    skips: Annotated[int, typer.Option(min=0, help="Tokens that may differ in a span.")] = 4,
    show: Annotated[int, typer.Option(min=0, help="Samples of each set to show, the worst first.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Find evaluation samples in training data, as AgentTuning does.

    Dirty tokens lie in spans of more than ten tokens that a training row repeats, at most four of them
    otherwise; a sample is clean below 20 % of dirty tokens, and dirty from 80 % on.

    `trajectune data contamination runs/quickstart/curate/train.jsonl gsm8k.jsonl -e database`
    """
    from trajectune.curate.contamination import contamination as analysed
    from trajectune.curate.contamination import evaluation_file, training_file
    from trajectune.run.display import Display

    display = Display(Terminal(stderr=True))
    with display.bars():
        sets = [evaluation_file(path, field or ()) for path in evaluation or ()]
        sets += _tasks(environment or [], split, option)
        if not sets:
            raise RecipeError("nothing to compare with", remedy="name an EVAL file, or --environment NAME")
        found = analysed(
            training_file(train),
            sets,
            tokenizer=_tokenizer(model),
            length=length,
            skips=skips,
            show=show,
            on_progress=display.on_progress,
        )
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        _print(Terminal(), found)


def _tokenizer(model: str | None) -> Tokenizer:
    from trajectune.curate.contamination import ModelTokens, Words

    if model is None:
        return Words()
    from trajectune.models.templates import load_tokenizer

    return ModelTokens(load_tokenizer(model), model)


def _tasks(names: list[str], split: str, option: list[str] | None) -> Iterator[Source]:
    from trajectune.curate.contamination import evaluation_tasks
    from trajectune.environments.contract import Split
    from trajectune.environments.registry import load_environment

    if split not in get_args(Split):
        hint = suggestion(split, get_args(Split))
        raise RecipeError(f"There is no split {split!r}.", remedy=f"{hint}Use train, dev or test.")
    for name in names:
        yield evaluation_tasks(load_environment(name, key_values(option)), cast("Split", split))


def _print(console: Console, found: Contamination) -> None:
    read = f"{found.rows:,} training rows, {found.tokens:,} {found.unit}"
    span = f"a span has more than {found.length} of them, {found.skips} may differ"
    console.print(f"{escape(read)}; {span}", highlight=False)
    _print_reasons(console, "training rows", found.rejected)
    console.print(_table(found.sets))
    for each in found.sets:
        _print_reasons(console, f"rows of {each.name}", each.rejected)
        for finding in each.findings:
            _print_finding(console, each.name, finding)


def _table(sets: list[SetReport]) -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column("evaluation set", overflow="fold")
    for name in ("samples", "too short", "dirty tokens", "clean", "not clean", "not dirty", "dirty"):
        table.add_column(name, justify="right")
    for each in sets:
        tokens = f"{each.dirty_tokens / max(each.tokens, 1):.1%}"
        subsets = (each.clean, each.not_clean, each.not_dirty, each.dirty)
        sizes = (each.samples, each.too_short), (subset.samples for subset in subsets)
        before, after = ([f"{size:,}" for size in some] for some in sizes)
        table.add_row(escape(each.name), *before, tokens, *after)
    return table


def _print_finding(console: Console, name: str, finding: Finding) -> None:
    title = f"{name}, {finding.place}: {finding.share:.0%} of {finding.tokens} tokens"
    console.print(f"\n[bold]{escape(title)}[/]", highlight=False, soft_wrap=True)
    for match in finding.matches:
        _print_match(console, match)


def _print_match(console: Console, match: Match) -> None:
    where = f"  {match.tokens} tokens in {match.source}, {match.row}"
    console.print(escape(where), highlight=False, soft_wrap=True)
    texts = [("", match.text), ("there: ", match.training)][: 2 if match.differing else 1]
    for label, text in texts:
        shown = one_line(text)
        cut = shown if len(shown) <= SHOWN else f"{shown[:SHOWN]} …"
        console.print(f"    [dim]{label}{escape(cut)}[/]", highlight=False, soft_wrap=True)


def _print_reasons(console: Console, what: str, rejected: list[Unread]) -> None:
    for each in rejected:
        line = f"{each.rows:,} {what} rejected, the first in line {each.first_line}: {each.reason}"
        console.print(f"[yellow]{escape(line)}[/]", highlight=False, soft_wrap=True)
