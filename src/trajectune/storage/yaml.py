"""YAML files that people write: read whole, or an error that names the file and the line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from trajectune.errors import TrajectuneError


def read_yaml(path: Path | str, what: str, error: type[TrajectuneError]) -> Any:
    """What the file says. Raises `error` where it cannot be read or is not YAML; `what`: "the recipe"."""
    try:
        text = Path(path).expanduser().read_text("utf-8")
    except (OSError, ValueError, RuntimeError) as failed:  # a path that is none, a user who is nobody
        reason = "it is not UTF-8" if isinstance(failed, UnicodeDecodeError) else str(failed)
        reason = getattr(failed, "strerror", None) or reason
        raise error(
            f"{what} cannot be read: {reason}", where=str(path), remedy="give the path of a YAML file"
        ) from None
    return parse_yaml(text, what, str(path), error)


def parse_yaml(text: str, what: str, where: str, error: type[TrajectuneError]) -> Any:
    """The value of a text. Raises `error` where it is not YAML, or is nested or written beyond any use."""
    try:
        value = yaml.safe_load(text)
        _check(value, frozenset())
    except yaml.YAMLError as failed:
        raise error(
            f"{what} is not YAML", where=f"{where}: {failed}", remedy="mend the line named above"
        ) from None
    except RecursionError:
        raise error(f"{what} is nested too deep", where=where, remedy="write it flat") from None
    except ValueError as failed:  # a date or a number that is none
        remedy = "put the value in quotes"
        raise error(f"{what} is not YAML: {failed}", where=where, remedy=remedy) from None
    return value


def _check(value: Any, above: frozenset[int]) -> None:
    """Raises `ValueError` for a value that holds itself, which YAML can write and nobody can walk."""
    if id(value) in above:
        raise ValueError("a value holds itself")
    if not isinstance(value, dict | list):
        return
    inside = above | {id(value)}
    for each in value.values() if isinstance(value, dict) else value:
        _check(each, inside)
