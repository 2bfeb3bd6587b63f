"""Groups of options, and pairs of KEY=VALUE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from trajectune.cli.emulate import app as emulate
from trajectune.cli.options import grouped, key_values
from trajectune.errors import RecipeError


@dataclass(frozen=True)
class Trip:
    """A group with an option that must be given, and one with a default."""

    where: Annotated[str, typer.Option("--to", help="The place.")]
    days: Annotated[int, typer.Option(min=1)] = 2


@dataclass(frozen=True)
class Flight(Trip):
    """A group that goes on from another."""

    seat: str = "aisle"


def invoke(*arguments: str) -> tuple[int, str]:
    app = typer.Typer()

    @app.command()
    @grouped
    def go(who: Annotated[str, typer.Argument()], flight: Flight, loud: bool = False) -> None:
        """Go somewhere."""
        typer.echo(f"{who} {flight} {loud}")

    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


def test_the_fields_of_a_group_are_options_of_the_command() -> None:
    assert invoke("ann", "--to", "Bern", "--seat", "window", "--loud") == (
        0,
        "ann Flight(where='Bern', days=2, seat='window') True\n",
    )
    status, said = invoke("--help")
    assert status == 0
    for part in ("Go somewhere.", "--to", "The place.", "--days", "[default: 2]", "--loud", "[required]"):
        assert part in said


@pytest.mark.parametrize("arguments", [["ann"], ["ann", "--to", "Bern", "--days", "0"]])
def test_what_a_group_demands_is_demanded(arguments: list[str]) -> None:
    assert invoke(*arguments)[0] == 2


def test_commands_of_one_family_share_their_options() -> None:
    """`generate`, `chat` and `serve` took the same nine options in three spellings of the list."""
    shared = ("--large", "--small-tuned", "--alpha", "--beta", "--lambda", "--top-p", "--draft", "--block")
    shared = (*shared, "--dtype", "--allow-other-template")
    for command in ("generate", "chat", "serve"):
        result = CliRunner(env={"COLUMNS": "160"}).invoke(emulate, [command, "--help"])
        assert result.exit_code == 0
        assert not [name for name in shared if name not in result.output]


def test_values_are_read_as_yaml() -> None:
    pairs = ["a=1", "b=x y", "c=[p, q]", "d=a=b", "f=", "g={x: 1.5}", "h=true"]
    assert key_values(pairs) == {
        "a": 1,
        "b": "x y",
        "c": ["p", "q"],
        "d": "a=b",
        "f": None,
        "g": {"x": 1.5},
        "h": True,
    }
    assert key_values(None) == {}


@pytest.mark.parametrize(
    ("pair", "said"), [("alone", "is no KEY=VALUE"), ("=1", "is no"), ("e=[", "not YAML")]
)
def test_what_is_no_pair_is_said(pair: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said) as caught:
        key_values(["a=1", pair])
    assert repr(pair) in caught.value.what
