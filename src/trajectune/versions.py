"""Stored trajectories of older schema versions, brought to the present one.

Version 1 knew one call a step (`call`, with `observation` and `fault` beside it), the verbatim text as
`reply`, and a demonstration as a list of steps whose first might hold nothing but the problem.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def upgraded(data: Json) -> Json:
    """The row of a trajectory as the present version writes it; rows of other versions are left alone.

    What is no row of version 1 at all stays as it is, for the validation to reject.
    """
    if data.get("schema_version") != 1:
        return data
    row = {**data, "schema_version": 2, "steps": _steps(data.get("steps"))}
    row["demonstration"] = _demonstration(data.get("demonstration"))
    return row


def _steps(old: Any) -> Any:
    return [_step(step) for step in old] if isinstance(old, list) else old or []


def _step(old: Any) -> Any:
    """One step; what a call was answered moves to the call."""
    if not isinstance(old, dict):
        return old
    step = {key: value for key, value in old.items() if key not in ("call", "reply")}
    if old.get("reply") is not None:
        step["replies"] = [{"text": old["reply"]}]
    if old.get("call") is not None:
        action = {"call": old["call"], "observation": step.pop("observation", "")}
        step["actions"] = [{**action, "fault": step.pop("fault", None)}]
    return step


def _demonstration(steps: Any) -> Any:
    if not isinstance(steps, list) or not steps:
        return steps or None
    first = steps[0]
    if isinstance(first, dict) and first.get("call") is None and first.get("reply") is None:
        return {"observation": first.get("observation", ""), "steps": _steps(steps[1:])}
    return {"observation": "", "steps": _steps(steps)}
