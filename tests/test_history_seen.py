"""Under a limit of the history a model is tuned on the very prompts that it was shown when it acted.

An engine that plays a game stands in the place of a real one and writes down its prompts; so does a server.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerBase

from support.endpoint import Server, reach_this_machine, servers
from support.guess import Guess
from support.models import Tiny
from support.templates import HERMES
from test_same_prompt import Prompt, lessons
from trajectune.agents.contract import Agent, AgentReply, Conversation
from trajectune.agents.endpoint import EndpointAgent
from trajectune.agents.local import LocalAgent
from trajectune.agents.protocol import message_body
from trajectune.dialects.conversation import to_example
from trajectune.dialects.registry import get_dialect
from trajectune.engine.engine import Engine
from trajectune.engine.requests import Generation, Request
from trajectune.history import met
from trajectune.models.loading import LoadedModel
from trajectune.rollout.rollout import rollout
from trajectune.storage import read_records
from trajectune.trajectory import Action, Step, ToolCall, Trajectory
from trajectune.tune.data.masks import tokenize

LONG = 8_192
LIMITS = {"react": 180, "json": 220, "native": 70}
"""Segments by dialect: what is shown of the game's six rounds is cut in the later ones."""


class Player:
    """Guesses 1, 2, 3 … whatever it is shown, and keeps what it was shown."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, dialect: str) -> None:
        self.tokenizer, self.dialect = tokenizer, dialect
        self.prompts: list[Prompt] = []

    def generate(self, requests: Sequence[Request]) -> list[Generation]:
        return [self._answer(request) for request in requests]

    def _answer(self, request: Request) -> Generation:
        self.prompts.append(tuple(request.tokens))
        text = written(self.dialect, len(self.prompts))
        tokens = [*self.tokenizer(text, add_special_tokens=False)["input_ids"], self.tokenizer.eos_token_id]
        return Generation(tokens, text, "stop", len(request.tokens), 0)


def written(dialect: str, number: int) -> str:
    """A guess, as a model writes it."""
    call = ToolCall(name="guess", arguments={"number": number})
    if dialect == "native":
        said = json.dumps({"name": call.name, "arguments": call.arguments})
        return f"Perhaps.\n<tool_call>\n{said}\n</tool_call>"
    step = Step(thought="Perhaps.", actions=[Action(call=call)])
    return "".join(message.content for message in get_dialect(dialect, "guess").speak(step))


def play(agent: Agent, dialect: str, path: Path, limit: int | None) -> Trajectory:
    """An episode in which the number is never guessed before the seventh round."""
    environment = Guess(8)
    tasks = environment.tasks("train")[7:]
    rollout(
        environment, tasks, agent, get_dialect(dialect, "guess"), path,
        history_limit=limit, max_steps=6, bad_format_limit=9,
    )  # fmt: skip
    (row,) = read_records(path, Trajectory)
    assert len(row.steps) == 6
    return row


@pytest.fixture
def model() -> LoadedModel:
    return Tiny("qwen2", context=LONG).loaded()


@pytest.mark.parametrize("limited", ["not", "late", "always"])
@pytest.mark.parametrize("dialect", ["react", "json", "native"])
def test_rows_are_the_prompts_that_the_local_agent_was_given(
    model: LoadedModel, dialect: str, limited: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = {"not": None, "late": LIMITS[dialect], "always": 1}[limited]
    if dialect == "native":
        monkeypatch.setattr(model.tokenizer, "chat_template", HERMES)
    player = Player(model.tokenizer, dialect)
    monkeypatch.setattr(Engine, "generate", lambda _, requests: player.generate(requests))
    agent = LocalAgent(model, max_context=LONG)
    row = play(agent, dialect, tmp_path / "t.jsonl", limit)
    rows = tokenize(to_example(row, get_dialect(dialect, "guess")), model.tokenizer, LONG)
    learned = [prompt for each in rows for prompt in lessons(each)]
    assert learned == player.prompts
    shown = [model.tokenizer.decode(list(prompt)) for prompt in player.prompts]
    cut = ["[NOTICE]" in text for text in shown]
    assert len(rows) == 1 + sum(cut), "each cut turn is its own context"
    assert {"not": sum(cut) == 0, "late": 2 <= sum(cut) <= 4, "always": sum(cut) == 5}[limited]


class Heard(LocalAgent):
    """Keeps what it was shown and what it said."""

    def __init__(self, model: LoadedModel) -> None:
        super().__init__(model, max_context=LONG, max_new_tokens=8)
        self.turns: list[tuple[Conversation, AgentReply]] = []

    def reply(self, conversations: Sequence[Conversation]) -> list[AgentReply]:
        said = super().reply(conversations)
        self.turns += zip(conversations, said, strict=True)
        return said


def test_a_cut_turn_is_decoded_as_if_nothing_had_been_cached(tmp_path: Path) -> None:
    model = Tiny("qwen2", context=LONG, spread=0.3).loaded()
    agent = Heard(model)
    play(agent, "react", tmp_path / "t.jsonl", LIMITS["react"])
    assert [conversation.length for conversation, _ in agent.turns] == [1, 3, 5, 7, 9, 11]
    fresh = LocalAgent(model, max_context=LONG, max_new_tokens=8)
    cuts = [now for before, now in pairwise(agent.turns) if now[0].omitted > before[0].omitted]
    assert len(cuts) >= 2
    for number, (conversation, said) in enumerate(cuts):
        again = fresh.reply([replace(conversation, id=str(number))])[0]
        assert (again.text, again.tokens) == (said.text, said.tokens)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    reach_this_machine(monkeypatch)
    with servers() as start:
        numbers = iter(range(1, 99))

        def guess() -> tuple[int, dict[str, str], bytes]:
            message: dict[str, Any] = {"role": "assistant", "content": written("react", next(numbers))}
            return 200, {}, json.dumps({"choices": [{"message": message}]}).encode()

        yield start(guess)


def test_contexts_are_the_messages_that_a_server_was_sent(server: Server, tmp_path: Path) -> None:
    agent = EndpointAgent(server.url, "m")
    row = play(agent, "react", tmp_path / "t.jsonl", LIMITS["react"])
    agent.close()
    assert row.history_limit == LIMITS["react"]
    contexts = met(to_example(row, get_dialect("react", "guess")))
    learned = [
        [message_body(message) for message in context.messages[:turn]]
        for context in contexts
        for turn, message in enumerate(context.messages)
        if message.trained
    ]
    assert learned == [request["messages"] for request in server.requests]
    assert len(contexts) >= 3
