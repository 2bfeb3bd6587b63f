"""What all text dialects share: quoting of markers, safe JSON, and readings without a move.

The idea: a dialect finds its markers (`Action:`) at the beginning of a line. A thought or an argument with
such a line of its own is written with a backslash before it, and read back without, so that nothing an
agent says can be taken for a marker and the law of reading back needs no exceptions. Lines are ended by
a line feed alone; all patterns take linear time.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from trajectune.dialects.contract import Reading
from trajectune.dialects.refusal import sounds_like_refusal
from trajectune.trajectory import Fault, Step, Tool, ToolCall

MAX_JSON_CHARS = 50_000
MAX_JSON_DEPTH = 32


class Markers:
    """The markers that a dialect looks for at the beginning of a line."""

    def __init__(self, pattern: str, flags: re.RegexFlag = re.NOFLAG) -> None:
        """`pattern` matches a marker after any indent; it must take linear time."""
        self._quote = re.compile(rf"^([ \t]*)(?=\\*(?:{pattern}))", flags | re.MULTILINE)
        self._unquote = re.compile(rf"^([ \t]*)\\(?=\\*(?:{pattern}))", flags | re.MULTILINE)

    def quote(self, text: str) -> str:
        """`text` with a backslash before each line that begins like a marker."""
        return self._quote.sub(r"\1\\", text)

    def unquote(self, text: str) -> str:
        """The inverse of `quote`."""
        return self._unquote.sub(r"\1", text)


def before(text: str, position: int) -> str:
    """The text above the marker that begins at `position`, less the line break between the two."""
    return text[:position].removesuffix("\n")


def no_move(reply: str, thought: str, detail: str) -> Reading:
    """The reading of a reply without a move: a refusal if it sounds like one, else bad format."""
    fault = Fault.REFUSAL if sounds_like_refusal(reply) else Fault.BAD_FORMAT
    return Reading(thought=thought, fault=fault, detail=detail)


def only_call(step: Step) -> ToolCall:
    """The one call of a step. Raises `ValueError` for several, or for words to the user."""
    if step.message is not None:
        raise ValueError("words to the user in place of a call")
    if len(step.actions) != 1:
        raise ValueError(
            f"{len(step.actions)} calls in one step" if step.actions else "a step without a call"
        )
    return step.actions[0].call


def describe_tool(tool: Tool) -> str:
    """A tool in one line: name, what it does, JSON schema of its arguments."""
    words = f": {tool.description}" if tool.description else ""
    return f"- {tool.name}{words} Arguments (JSON schema): {dump_json(tool.parameters)}"


def unfenced(text: str) -> str:
    """Models like to put JSON into a code fence; what is inside counts."""
    return re.sub(r"\A\s*```(?:json)?", "", text)


def dump_json(value: Any) -> str:
    """JSON on one line, with letters of all languages as they are.

    Raises `ValueError` for what `load_json` would not read back.
    """
    text = json.dumps(plain(value), ensure_ascii=False)
    if len(text) > MAX_JSON_CHARS:
        raise ValueError(f"arguments of {len(text)} characters are too long (at most {MAX_JSON_CHARS})")
    return text


def load_json(text: str) -> Any:
    """The JSON value at the start of `text` (what follows it is ignored).

    Raises `ValueError` for anything that is not plain JSON of bounded size and depth; half surrogate
    pairs, which no file could hold, become U+FFFD.
    """
    try:
        value, _ = _DECODER.raw_decode(text.lstrip()[:MAX_JSON_CHARS])
    except RecursionError as error:
        raise ValueError("JSON nested too deeply") from error
    return plain(value)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def plain(value: Any, depth: int = MAX_JSON_DEPTH) -> Any:
    """A JSON value that any file can hold: half surrogate pairs become U+FFFD.

    Raises `ValueError` for numbers out of range, and below `depth` levels of nesting.
    """
    if depth == 0:
        raise ValueError("JSON nested too deeply")
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number out of range is not JSON")
    if isinstance(value, list):
        return [plain(item, depth - 1) for item in value]
    if isinstance(value, dict):
        return {plain(key, depth): plain(item, depth - 1) for key, item in value.items()}
    return value
