"""The local agent calls tools as its template writes them, and what it sampled is what is learned."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from support.templates import HERMES
from trajectune.agents.contract import AgentReply, Conversation
from trajectune.agents.local import LocalAgent
from trajectune.dialects.contract import Ask, Dialect, Opening, Reading
from trajectune.dialects.conversation import to_example
from trajectune.dialects.native import Native
from trajectune.engine.engine import Engine
from trajectune.engine.requests import Generation, Request
from trajectune.engine.row import decode
from trajectune.environments.contract import Environment, Episode, Split, StepResult, Task
from trajectune.example import Message, Span
from trajectune.models.chat import renderer_of
from trajectune.models.loading import LoadedModel, load_model
from trajectune.rollout.rollout import rollout
from trajectune.storage import read_records
from trajectune.trajectory import Fault, Reply, Step, Tool, ToolCall, Trajectory
from trajectune.tune.data.labels import capability_of
from trajectune.tune.data.masks import tokenize

NUMBER = {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]}
GUESS = Tool(name="guess", description="Say a number.", parameters=NUMBER)
Dictate = Callable[..., list[Request]]


class GuessEpisode(Episode):
    @property
    def observation(self) -> str:
        return "Guess my number."

    def step(self, call: ToolCall) -> StepResult:
        right = call.arguments.get("number") == 3
        return StepResult("Right." if right else "higher", done=right, reward=float(right))

    def close(self) -> None:
        pass


class Guess(Environment):
    """The number is 3."""

    name: ClassVar[str] = "guess"
    tools: ClassVar[Sequence[Tool]] = (GUESS,)
    max_steps = 4

    def tasks(self, split: Split) -> Sequence[Task]:
        return [Task(f"{split}-0", split)]

    def instruction(self, task: Task) -> str:
        del task
        return "You guess numbers."

    def open(self, task: Task, seed: int = 0) -> Episode:
        del task, seed
        return GuessEpisode()


class TwoTurns(Dialect):
    """A thought; then, asked for it, the number."""

    name: ClassVar[str] = "two turns"

    def open(self, opening: Opening) -> list[Message]:
        return [Message(role="user", content=f"{opening.instruction}\n{opening.observation}")]

    def speak(self, step: Step, key: str = "") -> list[Message]:
        del key
        number = json.dumps(step.calls[0].arguments["number"])
        return [
            self._turn(Span.thought(step.thought)),
            Message(role="user", content="Which number?"),
            self._turn(Span.marker("Number: "), Span.arguments(number)),
        ]

    def answer(self, step: Step, key: str = "") -> list[Message]:
        del key
        return [Message(role="user", content=step.answer)]

    def read(self, replies: Sequence[Reply], key: str = "") -> Reading | Ask:
        del key
        if len(replies) == 1:
            return Ask("Which number?")
        number = replies[1].text.removeprefix("Number: ")
        if not number.isdigit():
            return Reading(replies[0].text, fault=Fault.BAD_FORMAT)
        return Reading(replies[0].text, (ToolCall(name="guess", arguments={"number": int(number)}),))

    @staticmethod
    def _turn(*spans: Span) -> Message:
        content = "".join(span.text for span in spans)
        return Message(role="assistant", content=content, trained=True, spans=list(spans))


@pytest.fixture
def model(tiny_dir: Path) -> LoadedModel:
    loaded = load_model(str(tiny_dir), dtype="float32", device="cpu")
    loaded.tokenizer.chat_template = HERMES
    return loaded


def spelled(text: str, model: LoadedModel) -> list[int]:
    """The text sign by sign, as no tokenizer would write it but a model might, and the end of the turn."""
    tokenizer = model.tokenizer
    ids = [token for sign in text for token in tokenizer(sign, add_special_tokens=False)["input_ids"]]
    assert ids != tokenizer(text, add_special_tokens=False)["input_ids"]
    return [*ids, model.end_tokens[0]]


@pytest.fixture
def dictate(model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> Dictate:
    """`dictate(*texts)`: what the engine will say; gives the list of what it is asked."""

    def start(*texts: str) -> list[Request]:
        left, asked = list(texts), list[Request]()

        def generate(self: Engine, requests: Sequence[Request], *rest: Any) -> list[Generation]:
            del self, rest
            asked.extend(requests)
            found = []
            for request in requests:
                tokens = spelled(left.pop(0), model)
                text = decode(tokens[:-1], model.tokenizer, request.kept)
                found.append(Generation(tokens, text, "stop", len(request.tokens), 0))
            return found

        monkeypatch.setattr(Engine, "generate", generate)
        return asked

    return start


CALLED = 'I look.\n<tool_call>\n{"name": "guess", "arguments": {"number": 1}}\n</tool_call>'


def asked(*more: Message) -> Conversation:
    messages = [Message(role="user", content="Guess my number."), *more]
    return Conversation("c", messages, Task("t", "train"), tools=[GUESS])


def follow(reply: AgentReply) -> Conversation:
    said = Message(role="assistant", content=reply.text, tool_calls=list(reply.calls))
    back = Message(role="tool", content="higher", tool_call_id=reply.calls[0].id)
    return asked(said, back)


def test_tools_are_offered_and_calls_are_taken_out(model: LoadedModel, dictate: Dictate) -> None:
    requests = dictate(CALLED)
    agent = LocalAgent(model)
    (reply,) = agent.reply([asked()])
    assert "Say a number." in str(model.tokenizer.decode(requests[0].tokens))
    assert reply.text == "I look."
    assert [(call.name, call.arguments) for call in reply.calls] == [("guess", {"number": 1})]
    assert len(reply.calls[0].id) == 9
    assert reply.calls[0].id.isalnum()
    assert list(reply.tokens or ()) == spelled(CALLED, model)
    assert agent.template == renderer_of(model.tokenizer).digest
    dictate(CALLED)
    (again,) = LocalAgent(model).reply([asked()])
    assert again.calls == reply.calls


def test_without_tools_a_call_is_text(model: LoadedModel, dictate: Dictate) -> None:
    dictate(CALLED)
    (reply,) = LocalAgent(model).reply([replace(asked(), tools=())])
    assert (reply.text, list(reply.calls)) == (CALLED, [])


def test_a_conversation_with_calls_goes_on_from_its_tokens(model: LoadedModel, dictate: Dictate) -> None:
    requests = dictate(CALLED, "Action: Answer")
    agent = LocalAgent(model)
    (reply,) = agent.reply([asked()])
    agent.reply([follow(reply)])
    kept = [*requests[0].tokens, *spelled(CALLED, model)[:-1]]
    assert requests[1].tokens[: len(kept)] == kept
    whole = renderer_of(model.tokenizer).prompt(follow(reply).messages, [GUESS])
    assert model.tokenizer.decode(requests[1].tokens) == model.tokenizer.decode(whole)


def test_a_call_that_the_template_writes_otherwise_is_rendered_anew(
    model: LoadedModel, dictate: Dictate
) -> None:
    requests = dictate(CALLED.replace('"number": 1', '"number":1'), "Action: Answer")
    agent = LocalAgent(model)
    (reply,) = agent.reply([asked()])
    agent.reply([follow(reply)])
    assert requests[1].tokens == renderer_of(model.tokenizer).prompt(follow(reply).messages, [GUESS])


@pytest.mark.parametrize(
    ("dialect", "replies"),
    [
        (TwoTurns(), ["Low first.", "Number: 1", "Then it is more.", "Number: 3"]),
        (Native(), [CALLED, CALLED.replace("1}", "3}")]),
    ],
    ids=["two turns", "native"],
)
def test_what_was_played_is_what_is_learned(
    model: LoadedModel, dictate: Dictate, tmp_path: Path, dialect: Dialect, replies: list[str]
) -> None:
    requests = dictate(*replies)
    environment, agent = Guess(), LocalAgent(model)
    rollout(environment, environment.tasks("train"), agent, dialect, tmp_path / "played.jsonl")
    (trajectory,) = read_records(tmp_path / "played.jsonl", Trajectory)
    assert trajectory.reward == 1
    assert [step.calls[0].arguments["number"] for step in trajectory.steps] == [1, 3]
    example = to_example(trajectory, dialect)
    assert example.template == agent.template
    (row,) = tokenize(example, model.tokenizer, 4096)
    # The row is what the model read and wrote: its last prompt, and the tokens of its last reply.
    last = spelled(replies[-1], model)
    assert row.tokens.tolist() == [*requests[-1].tokens, *last]
    sampled = [spelled(text, model) for text in replies]
    assert row.trained_tokens == sum(map(len, sampled))
    labels = {capability_of(int(kind)) for kind in row.labels[row.trained]}
    assert {"reasoning", "understanding", "instruction_following"} <= labels
