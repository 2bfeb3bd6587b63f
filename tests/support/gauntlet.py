"""Conversations of every kind of content, and every published template to write them under.

The idea: `KINDS` says in small conversations what real rows hold; `published()` gives the chat templates
inside the TRL wheel, each put on a tokenizer that has all of its marks. `row_prompts` reads off training
rows what a model is trained to answer, to be compared with what it is asked when it is served.
"""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from pydantic import JsonValue
from transformers import PreTrainedTokenizerFast

from support.tokenizers import byte_level, sentencepiece_like
from trajectune.example import Example, Message
from trajectune.trajectory import Tool, ToolCall
from trajectune.tune.data.rows import TokenRow

_MARK = re.compile(
    r"<\|[^|<>{}\s]+\|>|<\|[a-z_]+>|<\|\"\|>|<[a-z_]+\|>|<｜[^｜]+｜>|\[/?[A-Z_]+\]"
    r"|<(?:start|end)_of_[a-z]+>|<end_of_utterance>|<sop>|\[gMASK\]"
)
"""What looks like a special token in a template's text."""


@cache
def published() -> dict[str, str]:
    """The templates by name."""
    folder = importlib.resources.files("trl") / "chat_templates"
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".jinja")), key=lambda f: f.name
    )
    return {file.name.removesuffix(".jinja"): file.read_text("utf-8") for file in files}


def bytes_for(template: str) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer that splits as Qwen's does, with all marks of a template as special tokens."""
    return byte_level(template, ["<s>", *_marks(template), "</s>"], qwen=True)


def gpt2_for(template: str) -> PreTrainedTokenizerFast:
    """The same as GPT-2 splits: line ends at the end of a text are other tokens than in its middle."""
    return byte_level(template, ["<s>", *_marks(template), "</s>"])


def pieces_for(template: str) -> PreTrainedTokenizerFast:
    """A tokenizer like SentencePiece's with the same marks."""
    return sentencepiece_like(template, _marks(template))


TOKENIZERS: dict[str, Callable[[str], PreTrainedTokenizerFast]] = {
    "bytes": bytes_for,
    "gpt-2": gpt2_for,
    "pieces": pieces_for,
}


def _marks(template: str) -> list[str]:
    return list(dict.fromkeys(_MARK.findall(template)))


def row_prompts(rows: Sequence[TokenRow]) -> list[list[int]]:
    """The ids before each trained reply, in order of their number."""
    found: list[list[int]] = []
    for row in rows:
        edges = np.flatnonzero(np.diff(row.trained.astype(int), append=0)) + 1
        found += [row.tokens[:first].tolist() for first in edges[::2]]
    return sorted(found, key=len)


def _schema(**kinds: str) -> dict[str, JsonValue]:
    described: dict[str, JsonValue] = {
        name: {"type": kind, "description": f"The {name}."} for name, kind in kinds.items()
    }
    required: list[JsonValue] = [next(iter(kinds))]
    return {"type": "object", "properties": described, "required": required}


WEATHER = Tool(
    name="weather", description="Tells the weather.", parameters=_schema(city="string", days="integer")
)
ANY = Tool(
    name="any",
    description="Takes anything.",
    parameters=_schema(code="string", flag="boolean", items="array", map="object", number="number"),
)


def _user(content: str) -> Message:
    return Message(role="user", content=content)


def _system(content: str) -> Message:
    return Message(role="system", content=content)


def _said(content: str, *calls: ToolCall, reasoning: str = "", trained: bool = True) -> Message:
    fields = {"content": content, "reasoning": reasoning, "tool_calls": list(calls), "trained": trained}
    return Message.model_validate({"role": "assistant", **fields})


def _ask(city: str, name: str = "call_1") -> ToolCall:
    return ToolCall(name="weather", arguments={"city": city}, id=name)


def _answer(content: str, name: str = "call_1") -> Message:
    return Message(role="tool", content=content, tool_call_id=name, name="weather")


def _talk(*messages: Message, tools: Sequence[Tool] = ()) -> Example:
    return Example(id="e", messages=list(messages), tools=list(tools))


_ARGUMENTS = {
    "code": 'a = 1\nprint("it\'s")',
    "flag": True,
    "items": [1, "b", None],
    "map": {"a": {"b": "c"}},
    "number": 1.5,
}
_HELLO, _WHERE = _user("Hello"), _user("Weather in Paris and Rome?")
_TWO = [_ask("Paris"), _ask("Rome", "call_2")]

KINDS: dict[str, Example] = {
    "text": _talk(_WHERE, _said("Fine.")),
    "turns": _talk(_HELLO, _said("Hi."), _user("More?\n"), _said("No."), _user("Bye"), _said("Bye.")),
    "system": _talk(_system("Be brief."), _HELLO, _said("Hi.")),
    "system turns": _talk(
        _system("Be brief."),
        _system("Be kind."),
        _HELLO,
        _said("Hi."),
        _system("Now be loud."),
        _user("Again"),
        _said("HI."),
    ),
    "unicode": _talk(_user("東京？ é"), _said("Naïve café, 東京 👩‍👩‍👧")),
    "empty": _talk(_user("Hush"), _said("")),
    "assistant first": _talk(_said("Welcome!", trained=False), _HELLO, _said("Hi.")),
    "greeting trained": _talk(_said("Welcome!"), _HELLO, _said("Hi.")),
    "reasoning": _talk(
        _WHERE, _said("Fine.", reasoning="I guess."), _user("Sure?"), _said("Yes.", reasoning="I am.")
    ),
    "tools": _talk(_HELLO, _said("Hi."), tools=[WEATHER]),
    "call": _talk(_WHERE, _said("", _ask("Paris")), tools=[WEATHER]),
    "results": _talk(
        _WHERE,
        _said("", _ask("Paris")),
        _answer("18"),
        _said("", _ask("Rome", "call_2")),
        _answer("20", "call_2"),
        _said("Fine."),
        _user("Thanks"),
        _said("Sure."),
        tools=[WEATHER],
    ),
    "parallel": _talk(
        _WHERE, _said("", *_TWO), _answer("18"), _answer("20", "call_2"), _said("Fine."), tools=[WEATHER]
    ),
    "words + call": _talk(
        _WHERE, _said("I look.", _ask("Paris")), _answer("18"), _said("Fine."), tools=[WEATHER]
    ),
    "reasoning + call": _talk(
        _WHERE,
        _said("", _ask("Paris"), reasoning="I look it up."),
        _answer("18"),
        _said("Fine.", reasoning="18 is fine."),
        tools=[WEATHER],
    ),
    "arguments": _talk(
        _user("Go."), _said("", ToolCall(name="any", arguments=_ARGUMENTS, id="call_1")), tools=[ANY]
    ),
}
"""A conversation for each kind of content."""
