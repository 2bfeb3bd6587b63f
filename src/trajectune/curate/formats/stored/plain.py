"""Whatever a column or a program holds, as JSON: dates and decimals as text, what has no value as null.

Invariant: `plain` never fails on a value, and JSON stays as it is.
"""

from __future__ import annotations

import base64
import datetime
import math
from collections.abc import Mapping, Set
from typing import Any

from pydantic import BaseModel

_ENDLESS = {math.inf: "Infinity", -math.inf: "-Infinity"}


def plain(value: object) -> Any:
    """A value as JSON: NaN is null (a missing number), bytes are text where they are UTF-8.

    Other bytes become `{"base64": …}`, so that they are never taken for words.
    """
    if value is None or isinstance(value, bool | str):
        return value if type(value) in (str, bool, type(None)) else str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return _ENDLESS.get(value, None if math.isnan(value) else float(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return _odd(value)


def _odd(value: object) -> Any:
    """What JSON has no type for."""
    if isinstance(value, bytes | bytearray | memoryview):
        return _bytes(bytes(value))
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, BaseModel):
        return plain(value.model_dump())
    if isinstance(value, Set):
        return [plain(item) for item in sorted(value, key=repr)]
    return str(value)


def _bytes(value: bytes) -> Any:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}
