"""What an import would lose, kept so that an export gives it back: the difference of two JSON values.

The idea: a format writes an example in one canonical way; the row that was read may have said the same
otherwise (a missing flag, a field of its own, another name for a speaker). The difference between the
two is small, and with it the original row is exact again.

Invariant: `patched(a, difference(a, b))` is `b`, types included (`true` is not 1, 1 is not 1.0).
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

Patch = dict[str, Any]


def difference(old: Any, new: Any) -> Patch | None:
    """How to make `new` of `old`; `None` when they are the same."""
    if type(old) is not type(new):
        return {"is": new}
    if isinstance(old, dict):
        return _between_objects(old, new)
    if isinstance(old, list) and len(old) == len(new):
        inner = {str(i): p for i, pair in enumerate(zip(old, new, strict=True)) if (p := difference(*pair))}
        return {"items": inner} if inner else None
    return None if old == new else {"is": new}


def patched(old: Any, patch: Patch) -> Any:
    """`old` with a difference applied."""
    if "is" in patch:
        return patch["is"]
    if isinstance(old, list):
        inner = patch["items"]
        return [patched(item, inner[str(i)]) if str(i) in inner else item for i, item in enumerate(old)]
    inner = patch.get("in", {})
    left = {
        k: patched(v, inner[k]) if k in inner else v
        for k, v in old.items()
        if k not in patch.get("drop", ())
    }
    return {**left, **patch.get("set", {})}


def digest(value: Any) -> str:
    """A short fingerprint of a JSON value, blind to the order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def _between_objects(old: dict[str, Any], new: dict[str, Any]) -> Patch | None:
    inner: dict[str, Patch] = {}
    for key, value in old.items():
        # most values are the very same string: nothing more needs to be asked
        if key in new and (other := new[key]) is not value and (patch := difference(value, other)):
            inner[key] = patch
    parts: dict[str, Any] = {"in": inner}
    if old.keys() != new.keys():
        parts["drop"] = [key for key in old if key not in new]
        parts["set"] = {key: value for key, value in new.items() if key not in old}
    return {name: part for name, part in parts.items() if part} or None
