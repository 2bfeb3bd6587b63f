"""Tools that a conversation offers in words, read out of its opening.

The idea: where a format has no field for tools they stand in the first turns. Two ways of writing them are
known: ours (`- name: what it does. Arguments (JSON schema): {…}`) and AgentGym's (`Name: tool(a, b)`).

Invariant: no tool is guessed. An opening without such a list offers nothing that could be judged.
"""

from __future__ import annotations

import re
from functools import lru_cache

from trajectune.dialects.text import load_json
from trajectune.trajectory import Tool

_OURS = re.compile(r"^- (\S+?)(?:: .*?)? Arguments \(JSON schema\): (\{.*)$", re.MULTILINE)
_AGENT_GYM = re.compile(r"^Name: ([A-Za-z_]\w*)\(([\w, ]*)\)[ \t]*$", re.MULTILINE)


@lru_cache(maxsize=256)
def offered(opening: str) -> tuple[Tool, ...]:
    """The tools that an opening lists; the rows of a file mostly share it."""
    tools = [tool for found in _OURS.finditer(opening) if (tool := _ours(found)) is not None]
    return tuple(tools or [_signature(found) for found in _AGENT_GYM.finditer(opening)])


def _ours(found: re.Match[str]) -> Tool | None:
    try:
        schema = load_json(found[2])
    except ValueError:
        return None
    return Tool(name=found[1], parameters=schema) if isinstance(schema, dict) else None


def _signature(found: re.Match[str]) -> Tool:
    """Which arguments there are is said; which of them are needed is not."""
    names = [name.strip() for name in found[2].split(",") if name.strip()]
    schema = {"type": "object", "properties": {name: {} for name in names}, "additionalProperties": False}
    return Tool(name=found[1], parameters=schema)  # type: ignore[arg-type]
