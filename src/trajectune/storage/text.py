"""JSON as the standard has it, and its failures in one plain sentence.

Invariant: `parse_json` takes nothing that other readers of JSON refuse, and reads whatever `encode` wrote.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from pydantic import BaseModel, ValidationError


def strict_decoder() -> json.JSONDecoder:
    """A decoder that takes nothing beyond the standard, for values one after another in a text."""
    return json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)


def parse_json(text: str | bytes) -> Any:
    """JSON as the standard has it: no NaN, no Infinity. Raises `ValueError` with one plain sentence."""
    try:
        return json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except UnicodeDecodeError as error:
        raise ValueError(
            f"not UTF-8: byte {error.start + 1} is 0x{error.object[error.start]:02x}"
        ) from None
    except RecursionError:
        raise ValueError("not JSON that can be read: nested too deep") from None
    except ValueError as error:
        raise ValueError(value_fault(error)) from None


def value_fault(error: ValueError) -> str:
    """What is wrong with a value that is written as JSON has it, in one sentence."""
    if str(error).startswith("Exceeds the limit"):  # Python's own words advise a change of the interpreter
        return "not JSON that can be read: a whole number with too many digits"
    return str(error)


def decode(data: bytes) -> str:
    """UTF-8 as text, without a byte order mark. Raises `ValueError` naming the first wrong byte."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8: byte {error.start + 1} is 0x{data[error.start]:02x}") from None


def encode(record: BaseModel | Mapping[str, Any]) -> bytes:
    """A record as one line of JSON in UTF-8, with its line end."""
    value = record.model_dump(mode="json") if isinstance(record, BaseModel) else record
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    except UnicodeEncodeError:  # half of a surrogate pair: only an escape can carry it
        return json.dumps(value, allow_nan=False).encode() + b"\n"


def explain(error: ValidationError) -> str:
    """A validation error in one line of printable text: each wrong field and what was expected there."""
    parts = []
    for item in error.errors(include_url=False, include_context=False):
        place = ".".join(str(key) for key in item["loc"])
        found = "" if item["type"] in ("missing", "value_error") else f", found {json_type(item['input'])}"
        parts.append(f"{place}: {item['msg']}{found}" if place else f"{item['msg']}{found}")
    return "; ".join(parts).encode(errors="backslashreplace").decode()


def json_type(value: object) -> str:
    """What a JSON value is, in JSON's own words."""
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", type(None): "null"}
    return names.get(type(value), "an object" if isinstance(value, Mapping) else "an array")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"not JSON: {name} is not a JSON value")


def _finite(text: str) -> float:
    """Of `1e999` Python makes an infinity, which could not be written again."""
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"not JSON that can be read: {text} is too large a number")
    return value
