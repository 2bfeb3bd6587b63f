"""An example as text: where each trained reply stands in the context that a model meets it in.

The idea: the text of `messages[:i]` with the generation prompt is what a model sees before it writes reply
`i`; what the template adds to it for that message, up to the end-of-turn marker, is the reply. Replies
share a text where the text of a later one begins with the prompt and the reply of an earlier one. Under a
limit of the history (`trajectune.history`) a reply meets what it showed.

Invariants: a reply is trained only where it reads back, as a model's would, as the thought, words and calls
of its message; where that fails, `MaskError` says what the template does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from trajectune.errors import ModelError
from trajectune.example import Example, Message
from trajectune.history import met
from trajectune.models.chat.dicts import tool_schema
from trajectune.models.chat.forms import Block, CallForm
from trajectune.models.chat.probes.turns import Turn
from trajectune.models.chat.spans import MaskError, Part, Rendered, RenderedReply, call_parts, plain_parts
from trajectune.models.chat.thought import Thought, apart
from trajectune.models.chat.words import Written
from trajectune.trajectory import Tool


class Template(Protocol):
    """What must be known of a chat template (`trajectune.models.chat.renderer.ChatRenderer`)."""

    special: re.Pattern[str]

    @property
    def start(self) -> str: ...

    @property
    def digest(self) -> str: ...

    @property
    def form(self) -> CallForm: ...

    @property
    def thought(self) -> Thought: ...

    @property
    def turn(self) -> Turn: ...

    @property
    def call_turn(self) -> Turn: ...

    def written(self, messages: Sequence[Message], tools: Sequence[Tool]) -> list[Written]: ...

    def text(
        self, messages: Sequence[Message], tools: Sequence[Tool] = (), *, opened: bool = False
    ) -> str: ...


def contexts(template: Template, example: Example) -> list[Rendered]:
    """See `ChatRenderer.render`."""
    _refuse_special_words(template.special, example)
    return [text for part in met(example) for text in _Conversation(template, part).contexts()]


class _Own(NamedTuple):
    """A reply behind its own prompt."""

    text: str
    """Up to the end of the reply."""
    reply: RenderedReply


class _Conversation:
    """One example on its way to text."""

    def __init__(self, template: Template, example: Example) -> None:
        turns = template.written(example.messages, example.tools)
        self._template, self._tools = template, example.tools
        self._written = [turn.message for turn in turns]
        self._origins = [turn.origin for turn in turns]
        self._sampled = bool(example.template) and example.template == template.digest

    def contexts(self) -> list[Rendered]:
        """As few texts as hold all trained replies where a model would meet them."""
        left = [turn for turn, message in enumerate(self._origins) if message.trained]
        if not left:
            raise MaskError("no message is trained")
        owns = {turn: self._own(turn) for turn in left}
        for turn, message in enumerate(self._written[: left[-1]]):
            if message.tool_calls and turn not in owns:
                self._own(
                    turn
                )  # an untrained call that the template leaves out would be missed in the context
        found: list[Rendered] = []
        while left:
            text = owns[left[-1]].text
            inside = [turn for turn in left if text.startswith(owns[turn].text)]
            found.append(Rendered(text, [owns[turn].reply for turn in inside]))
            left = [turn for turn in left if turn not in inside]
        return found[::-1]

    def _own(self, turn: int) -> _Own:
        """The reply `turn` as the template writes it last. Raises MaskError."""
        text = self._text(turn, turn + 1)
        prompt = self._text(turn, turn, opened=True) if turn else self._first_prompt(text)
        if text.startswith(prompt):
            return self._proven(turn, prompt, text[len(prompt) :])
        for body in self._elsewhere(turn, prompt, text):
            try:
                return self._proven(turn, prompt, body)
            except MaskError:
                continue
        place = next(n for n, sign in enumerate(prompt) if text[n : n + 1] != sign)
        raise MaskError(
            f"message {turn}: the template's prompt for it goes on with {prompt[place:][:40]!r}, "
            f"its conversation with {text[place:][:40]!r}"
        )

    def _text(self, turn: int, count: int, *, opened: bool = False) -> str:
        try:
            return self._template.text(self._written[:count], self._tools, opened=opened)
        except ModelError as error:
            raise MaskError(f"message {turn}: {error.what}") from error

    def _first_prompt(self, text: str) -> str:
        """Of a conversation that a reply begins: there is nothing yet that a template could be given."""
        turn, start = self._template.turn, self._template.start
        generation = turn.prompt.removesuffix(turn.opened)
        place = text.find(generation) if generation else -1
        if place < 0:
            return start if text.startswith(start) else ""
        return text[: place + len(generation)] + turn.opened

    def _elsewhere(self, turn: int, prompt: str, text: str) -> Iterator[str]:
        """What may be the reply in a text that does not begin with its prompt."""
        thought, expected = self._template.thought, self._template.turn
        base = prompt.removesuffix(expected.opened)
        if expected.opened and base != prompt and text.startswith(base):
            # The prompt opens a thought that the template never writes: here it is closed.
            words = text[len(base) :].removeprefix(expected.lead)
            reasoning = "" if thought.kept else self._origins[turn].reasoning
            yield f"{reasoning}{thought.marks.closing}{words}"
        if text.startswith(prompt.rstrip()):
            # Of a reply that says nothing, some templates leave out the line end before it.
            yield text[len(prompt.rstrip()) :]
        if expected.prompt.strip() and prompt.endswith(expected.prompt):
            # The past is written differently once the reply is there; the reply itself is not.
            for found in re.finditer(re.escape(expected.prompt), text):
                yield text[found.end() :]

    def _proven(self, turn: int, prompt: str, body: str) -> _Own:
        """The reply that begins `body`, up to its end. Raises MaskError."""
        message, end = self._origins[turn], self._template.turn
        if self._written[turn].tool_calls:
            end = self._template.call_turn
        if not end.unwritten:
            ended = end.end + end.trail
            if not body.endswith(ended):
                raise MaskError(
                    f"message {turn}: the template does not end it with {ended!r}: "
                    f"it writes {body[-40:]!r} behind its prompt"
                )
            body = body[: len(body) - len(ended)]
        start, stop = len(prompt), len(prompt) + len(body) + len(end.end)
        tokens = tuple(message.tokens) if self._sampled and message.tokens is not None else None
        parts = self._parts(turn, body, start, stop)
        return _Own(prompt + body + end.end, RenderedReply(start, stop, parts, tokens))

    def _parts(self, turn: int, body: str, start: int, end: int) -> tuple[Part, ...]:
        """What each part of the reply is. Raises MaskError where it does not read as its message."""
        message = apart(self._origins[turn])
        parted = self._template.thought.part(body)
        thought = (start + parted.start, start + parted.end)
        reasoning, rest = body[slice(*parted[:2])].strip(), body[parted.words :]
        blocks = self._blocks(turn, message, rest) if message.tool_calls else []
        content = _outside(rest, blocks).strip()
        read, said = (reasoning, content), (message.reasoning.strip(), message.content.strip())
        # A thought may be where a template puts the words beside a call.
        if read != said and not (blocks and "".join(read) == "".join(said) and "" in said):
            raise MaskError(_lost(turn, message, reasoning == said[0]))
        if blocks:
            return call_parts(message, blocks, thought, start, start + parted.words, end)
        words = self._origins[turn].content.strip()
        place = start + len(body.rstrip()) - len(words)
        return plain_parts(message, words, thought, start, place, end)

    def _blocks(self, turn: int, message: Message, rest: str) -> list[Block]:
        """The message's calls in the text. Raises MaskError where they do not read back as they are."""
        form = self._template.form
        blocks = form.blocks(rest, self._tools)
        found = [one for block in blocks for one in block.calls]
        if len(found) < len(message.tool_calls):
            raise MaskError(
                f"message {turn}: the template does not write its tool calls as they are: "
                f"of {len(message.tool_calls)} it writes {len(found)}"
            )
        pairs = zip(found, message.tool_calls, strict=False)
        if len(found) != len(message.tool_calls) or not all(form.agrees(rest, *pair) for pair in pairs):
            raise MaskError(f"message {turn}: the template does not write its tool calls as they are")
        return blocks


def _outside(text: str, blocks: Sequence[Block]) -> str:
    edges = [0, *(block.end for block in blocks)]
    ends = [*(block.start for block in blocks), len(text)]
    return "".join(text[start:end].rstrip() for start, end in zip(edges, ends, strict=True))


def _lost(turn: int, message: Message, thought_is_there: bool) -> str:
    if not thought_is_there:
        beside = " where it writes tool calls" if message.tool_calls else ""
        return f"message {turn}: the template does not write its reasoning{beside}"
    if message.tool_calls:
        return f"message {turn}: the template does not write the words beside its tool calls"
    return f"message {turn}: the template does not write the reply as it is"


def _refuse_special_words(special: re.Pattern[str], example: Example) -> None:
    """Words that would become control tokens could fake a turn or an end, so no row may hold them."""
    for turn, message in enumerate(example.messages):
        calls = [json.dumps(call.arguments, ensure_ascii=False) for call in message.tool_calls]
        if found := special.search("\n".join([message.content, message.reasoning, *calls])):
            raise MaskError(f"message {turn} contains the text of a special token: {found.group()}")
    for tool in example.tools:
        if found := special.search(json.dumps(tool_schema(tool), ensure_ascii=False)):
            raise MaskError(f"the tool {tool.name} contains the text of a special token: {found.group()}")
