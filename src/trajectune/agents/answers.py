"""The reply in a chat completion, whether it came whole or in pieces (server-sent events).

The idea: pieces are joined to the message that would have come whole, and read by the same code.

Invariants: a stream that breaks off is no reply; where a server does not say how many tokens it used, they
are counted as none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trajectune.agents.channel import Answer
from trajectune.agents.contract import AgentReply
from trajectune.agents.protocol import read_message
from trajectune.storage import parse_json
from trajectune.trajectory import Usage

Json = dict[str, Any]


class UnreadableError(Exception):
    """An answer that is no chat completion, with the reason."""


def read_answer(answer: Answer, seconds: float) -> AgentReply:
    """The reply in an answer, which took so long. Raises `UnreadableError`."""
    try:
        whole = _joined(answer.content) if answer.streamed else parse_json(answer.content)
        choice = whole["choices"][0]
        text, calls = read_message(choice["message"])
        usage = _usage(whole.get("usage") or {}, seconds)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise UnreadableError(
            f"the endpoint's answer is no chat completion: {type(error).__name__}"
        ) from None
    finish = "length" if choice.get("finish_reason") == "length" else "stop"
    return AgentReply(text, finish=finish, usage=usage, calls=calls)


def _usage(spent: Json, seconds: float) -> Usage:
    return Usage(
        prompt_tokens=spent.get("prompt_tokens") or 0,
        generated_tokens=spent.get("completion_tokens") or 0,
        seconds=seconds,
        requests=1,
    )


def _joined(content: bytes) -> Json:
    """The completion that the pieces of a stream make. Raises `UnreadableError`, or as `parse_json`."""
    text: list[str] = []
    calls: dict[Any, Json] = {}
    finish = usage = None
    ended = False
    for data in _events(content):
        if data == b"[DONE]":
            ended = True
            break
        piece = parse_json(data)
        if error := piece.get("error"):
            raise UnreadableError(f"the endpoint broke its answer off: {str(error)[:300]}")
        usage = piece.get("usage") or usage
        for choice in piece.get("choices") or []:
            if choice.get("index"):
                continue  # only one reply was asked for
            delta = choice.get("delta") or {}
            text.append(delta.get("content") or "")
            _add_calls(calls, delta.get("tool_calls") or [])
            finish = choice.get("finish_reason") or finish
    if not (ended or finish):
        raise UnreadableError("the endpoint's answer broke off")
    message = {"content": "".join(text), "tool_calls": list(calls.values())}
    return {"choices": [{"message": message, "finish_reason": finish}], "usage": usage}


def _events(content: bytes) -> Iterator[bytes]:
    """The data of each event of a stream; comments and other fields are passed over."""
    data: list[bytes] = []
    for line in [*content.removeprefix(b"\xef\xbb\xbf").splitlines(), b""]:
        if not line:
            if data:
                yield b"\n".join(data)
            data = []
        elif line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))


def _add_calls(calls: dict[Any, Json], pieces: list[Any]) -> None:
    """Add pieces of calls to those that they belong to.

    A piece names its call by an index; from a server that leaves it out, an id begins the next call.
    """
    for piece in pieces:
        place = piece.get("index")
        if place is None:
            place = len(calls) if piece.get("id") or not calls else len(calls) - 1
        call = calls.setdefault(place, {"id": "", "function": {"name": "", "arguments": ""}})
        call["id"] = call["id"] or piece.get("id") or ""
        said, function = piece.get("function") or {}, call["function"]
        name, arguments = said.get("name") or "", said.get("arguments")
        if name != function["name"]:  # some servers say it again with each piece
            function["name"] += name
        if isinstance(arguments, str):
            function["arguments"] += arguments
        elif arguments is not None:
            function["arguments"] = arguments
