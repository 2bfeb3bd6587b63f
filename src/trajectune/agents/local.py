"""A model on this machine, or a composition of several, as an agent: the engine decodes conversations.

The idea: the engine keeps the cache of a conversation and computes only what is new in its next
prompt. So the next prompt must begin with the very tokens that were prompted and generated before;
text that is tokenized anew may split differently. The template is applied to the whole conversation in
each turn, and only what follows the last reply is taken from it.

Invariants: a prompt that goes on is the last prompt, the generated tokens and the template's tail, and
reads as the template says; where that cannot be shown (a template that rewrites its past, a reply cut
at a stop string, a past of which less is shown) the prompt is the template's own. Greedy replies do not
depend on the batch.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

from trajectune.agents.contract import Agent, AgentReply, Conversation
from trajectune.composition.composition import Composition
from trajectune.composition.drafting import Speculation
from trajectune.composition.files import load_composition
from trajectune.engine.engine import Engine
from trajectune.engine.requests import Generation, Request
from trajectune.engine.sampling import Sampling
from trajectune.example import Message
from trajectune.models.chat import renderer_of
from trajectune.models.loading import LoadedModel
from trajectune.trajectory import ToolCall, Usage


@dataclass(frozen=True, slots=True)
class _Turn:
    """What was said last in a conversation."""

    messages: int
    """Number of messages before the reply."""
    written: list[int]
    """The prompt as the template writes it."""
    prompted: list[int]
    """The prompt as it was given to the engine."""
    generated: list[int]
    """The reply, without the token that ended it."""
    text: str
    """The reply with its calls as text."""
    reply: AgentReply
    """What was made of it."""


class LocalAgent(Agent):
    """Decodes up to `batch_size` conversations together.

    `rollout(db, Local("embedded", temperature=0.7), to="played.jsonl")`.
    """

    computes = True

    def __init__(
        self,
        model: Composition | LoadedModel | str,
        *,
        batch_size: int = 16,
        max_new_tokens: int = 128,
        max_context: int = 2048,
        temperature: float = 0.0,
        dtype: str = "auto",
        speculation: Speculation | None = None,
    ) -> None:
        """`model` is loaded, or a name that `load_composition` knows (which then says how to draft).

        A name is loaded in `dtype` (`load_model`).

        `max_new_tokens` bounds a reply and `max_context` prompt and reply together, in tokens. With a
        temperature above 0 the random numbers follow from the conversation's seed. Raises `ModelError`.
        """
        if isinstance(model, str):
            model, speculation = load_composition(model, dtype)
        composition = Composition.single(model) if isinstance(model, LoadedModel) else model
        self.name = composition.name
        self.batch_size = batch_size
        self._composition = composition
        self._model = composition.lead
        self._renderer = renderer_of(composition.tokenizer)
        self.template = self._renderer.digest
        self._max_new_tokens = max_new_tokens
        self._sampling = Sampling(temperature=temperature)
        self._engine = Engine(
            composition, max_batch=batch_size, max_context=max_context, speculation=speculation
        )
        self._turns: dict[str, _Turn] = {}

    def reply(self, conversations: Sequence[Conversation]) -> list[AgentReply]:
        started = time.perf_counter()
        written = [self._renderer.prompt(c.messages, c.tools) for c in conversations]
        requests = [self._request(c, tokens) for c, tokens in zip(conversations, written, strict=True)]
        generations = self._engine.generate(requests)
        seconds = (time.perf_counter() - started) / max(len(conversations), 1)
        replies: list[AgentReply] = []
        rows = zip(conversations, written, requests, generations, strict=True)
        for conversation, tokens, request, generation in rows:
            reply = self._answer(conversation, generation, seconds)
            turn = self._turn(len(conversation.messages), tokens, request, generation, reply)
            self._turns[conversation.id] = turn
            replies.append(reply)
        return replies

    def forget(self, conversation_id: str) -> None:
        self._turns.pop(conversation_id, None)
        self._engine.release(conversation_id)

    def _request(self, conversation: Conversation, written: list[int]) -> Request:
        tokens = self._continued(conversation, written)
        return Request(
            tokens=tokens,
            prompts=self._composition.prompts(conversation.messages, tokens, conversation.tools),
            kept=self._renderer.kept,
            max_new_tokens=self._max_new_tokens,
            session=conversation.id,
            stop_strings=tuple(conversation.stop),
            sampling=self._sampling,
            seed=conversation.seed + conversation.length,
        )

    def _continued(self, conversation: Conversation, written: list[int]) -> list[int]:
        """The prompt with the tokens of earlier turns as they were, if it can be shown to read the same."""
        last = self._turns.get(conversation.id)
        if last is None or not _repeats(conversation.messages[last.messages :], last.reply):
            return written
        spelled = self._tokens(last.text)
        past = last.written + spelled
        if written[: len(past)] != past or self._text(last.generated) != last.text:
            return written
        return last.prompted + last.generated + written[len(past) :]

    def _turn(
        self,
        messages: int,
        written: list[int],
        request: Request,
        generation: Generation,
        reply: AgentReply,
    ) -> _Turn:
        ended = bool(generation.tokens) and generation.tokens[-1] in self._composition.end_tokens
        generated = generation.tokens[:-1] if ended else generation.tokens
        return _Turn(messages, written, request.tokens, list(generated), generation.text, reply)

    def _answer(self, conversation: Conversation, generation: Generation, seconds: float) -> AgentReply:
        """The reply, its thought in words; where tools were offered, its calls are taken out."""
        said = self._renderer.read(generation.text, conversation.tools, calls=bool(conversation.tools))
        usage = Usage(
            prompt_tokens=generation.prompt_tokens,
            generated_tokens=len(generation.tokens),
            seconds=seconds,
        )
        return AgentReply(
            said.text,
            finish=generation.finish,
            usage=usage,
            calls=[_named(call, conversation, number) for number, call in enumerate(said.calls)],
            tokens=tuple(generation.tokens),
        )

    def _tokens(self, text: str) -> list[int]:
        return list(self._model.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _text(self, tokens: list[int]) -> str:
        return str(self._model.tokenizer.decode(tokens, skip_special_tokens=False))


def _repeats(messages: Sequence[Message], reply: AgentReply) -> bool:
    """Whether messages begin with a reply as it was given, and go on behind it."""
    if len(messages) < 2 or messages[0].role != "assistant" or messages[0].content != reply.text:
        return False
    said = messages[0].tool_calls
    return len(said) == len(reply.calls) and all(map(ToolCall.same_as, said, reply.calls))


def _named(call: ToolCall, conversation: Conversation, number: int) -> ToolCall:
    """The call with an id: nine letters and digits that follow from the task, the seed and the turn."""
    if call.id:
        return call
    place = f"{conversation.task.id}/{conversation.seed}/{conversation.length}/{number}"
    return call.model_copy(update={"id": hashlib.sha256(place.encode()).hexdigest()[:9]})
