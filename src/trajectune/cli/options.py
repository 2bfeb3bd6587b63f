"""What commands have in common: options that come in groups, and pairs of KEY=VALUE.

The idea: a group of options is a dataclass, declared once; `grouped` lets a command take it as one
argument, and typer sees its fields as options. So a command names its groups, not its twenty options.
Invariant: an option that several commands share has one name, default and help text.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from typing import Annotated, Any, get_type_hints

import typer
from pydantic import JsonValue

from trajectune.errors import RecipeError
from trajectune.storage.yaml import parse_yaml


@dataclass(frozen=True, slots=True)
class Loading:
    """How models are loaded."""

    dtype: Annotated[str, typer.Option(help="float32, bfloat16, int8 (CPU) or auto.")] = "auto"
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, … or auto.")] = "auto"
    allow_other_template: Annotated[
        bool,
        typer.Option(
            "--allow-other-template",
            help="Use a tuned model under another tokenizer or chat template than it was tuned with.",
        ),
    ] = False


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the fields of each dataclass among its parameters as options of their own."""
    hints = get_type_hints(command, include_extras=True)
    groups = {name: kind for name, kind in hints.items() if is_dataclass(kind) and isinstance(kind, type)}
    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        if name in groups:
            parameters += _options(groups[name])
        else:
            parameters.append(_keyword(name, hints[name], parameter.default))

    @functools.wraps(command)
    def run(**given: Any) -> None:
        for name, kind in groups.items():
            given[name] = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
        command(**given)

    run.__dict__["__signature__"] = inspect.Signature(parameters)
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def key_values(pairs: Sequence[str] | None) -> dict[str, JsonValue]:
    """`["a.b=1", "c=[x, y]"]` as `{"a.b": 1, "c": ["x", "y"]}`: values are YAML.

    Raises `RecipeError` that names the pair.
    """
    found: dict[str, JsonValue] = {}
    for pair in pairs or ():
        key, equals, value = pair.partition("=")
        if not (equals and key):
            raise RecipeError(f"{pair!r} is no KEY=VALUE", remedy="write --set KEY=VALUE or -o KEY=VALUE")
        found[key] = parse_yaml(value, f"the value of {pair[:100]!r}", key, RecipeError)
    return found


def _options(group: type[Any]) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [_keyword(field.name, hints[field.name], _default(field)) for field in fields(group)]


def _keyword(name: str, kind: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)


def _default(field: Field[Any]) -> Any:
    return inspect.Parameter.empty if field.default is MISSING else field.default
