"""Stored trajectories of older schema versions, brought to the present one.

Version 1 knew one call a step (`call`, with `observation` and `fault` beside it), the verbatim text as
`reply`, and a demonstration as a list of steps whose first might hold nothing but the problem.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def upgraded(data: Json) -> Json:
    """The row of a trajectory as the present version writes it; rows of other versions are left alone."""
    if data.get("schema_version") != 1:
        return data
    row = {**data, "schema_version": 2, "steps": [_step(step) for step in data.get("steps") or []]}
    row["demonstration"] = _demonstration(data.get("demonstration") or [])
    return row


def _step(old: Json) -> Json:
    """One step; what a call was answered moves to the call."""
    step = {key: value for key, value in old.items() if key not in ("call", "reply")}
    if old.get("reply") is not None:
        step["replies"] = [{"text": old["reply"]}]
    if old.get("call") is not None:
        action = {"call": old["call"], "observation": step.pop("observation", "")}
        step["actions"] = [{**action, "fault": step.pop("fault", None)}]
    return step


def _demonstration(steps: list[Json]) -> Json | None:
    if not steps:
        return None
    first = steps[0]
    if first.get("call") is None and first.get("reply") is None:
        return {"observation": first.get("observation", ""), "steps": [_step(step) for step in steps[1:]]}
    return {"observation": "", "steps": [_step(step) for step in steps]}
