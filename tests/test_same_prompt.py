"""A model meets, wherever it acts, the very prompts that it was tuned on.

A Qwen-like model is tuned from the command line on conversations with tools, written as glaive's are.
Then a `Pupil` takes the engine's place: it answers each prompt that it was tuned on with what it learned
there, and fails at any other. Measured in an environment, served and talked to, it meets them all.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest
from transformers import PreTrainedTokenizerBase
from typer.testing import CliRunner

import trajectune as tt
from support.models import Tiny
from support.replay import ROWS, Replay, can_be_typed
from support.served import served
from support.templates import QWEN
from trajectune.cli.app import app
from trajectune.engine.engine import Engine
from trajectune.engine.requests import Generation, Request
from trajectune.engine.row import decode
from trajectune.evaluate.suites import general_loss
from trajectune.example import Example, Message
from trajectune.models.templates import load_tokenizer
from trajectune.storage import read_records
from trajectune.trajectory import Tool
from trajectune.tune.data.masks import tokenize
from trajectune.tune.data.rows import TokenRow

GLAIVE = "glaive/glaive_toolcall_en_demo.json"
LONG = 8_192
"""Tokens of the longest conversation."""
Prompt = tuple[int, ...]


class Pupil:
    """What was learned: the reply behind each prompt of the training rows."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, examples: Sequence[Example]) -> None:
        self.tokenizer = tokenizer
        self.rows = {each.id: tokenize(each, tokenizer, LONG) for each in examples}
        self.replies: dict[Prompt, list[int]] = {}
        self.met: set[Prompt] = set()
        for row in chain(*self.rows.values()):
            self.replies |= lessons(row)

    def generate(self, requests: Sequence[Request]) -> list[Generation]:
        """Answers in the engine's place."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Request) -> Generation:
        prompt = tuple(request.tokens)
        assert prompt in self.replies, f"never trained: {self.tokenizer.decode(request.tokens)!r}"
        self.met.add(prompt)
        tokens = self.replies[prompt]
        text = decode(tokens[:-1], self.tokenizer, request.kept)
        return Generation(tokens, text, "stop", len(request.tokens), 0)

    def prompts(self, examples: Sequence[Example]) -> set[Prompt]:
        """All prompts of these examples."""
        return {prompt for example in examples for row in self.rows[example.id] for prompt in lessons(row)}


def lessons(row: TokenRow) -> dict[Prompt, list[int]]:
    """The prompts of a training row: the tokens before each trained reply; and the replies."""
    edges = np.flatnonzero(np.diff(row.trained.astype(int), append=0)) + 1
    tokens = row.tokens.tolist()
    pairs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return {tuple(tokens[:first]): tokens[first:last] for first, last in pairs}


@pytest.fixture(scope="module", params=["made up", "glaive"])
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three rows of our own; and of glaive's, where they are, some of each kind."""
    rows = ROWS
    if request.param == "glaive":
        path = request.getfixturevalue("shared_data") / GLAIVE
        found = [row for row in json.loads(path.read_text("utf-8")) if len(json.dumps(row)) < 4_000]
        rows = [row for row in found if row["tools"] != "[]"][:8]
        rows += [row for row in found if row["tools"] == "[]" and can_be_typed(row)][:3]
    written = tmp_path_factory.mktemp("data") / "glaive.json"
    written.write_text(json.dumps(rows), "utf-8")
    return written


@pytest.fixture(scope="module")
def tuned(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of a Qwen-like model that is tuned for a step, from the command line."""
    folder = tmp_path_factory.mktemp("run")
    base = Tiny("qwen2", context=LONG).write(folder / "qwen")
    (base / "chat_template.jinja").write_text(QWEN, "utf-8")
    settings = ["tune.steps=1", "tune.batch_rows=4", f"tune.max_tokens={LONG}"]
    trajectune(
        *("tune", "--data", file, "--model", base, "--run-dir", folder / "run"),
        *(word for setting in settings for word in ("--set", setting)),
    )
    return folder / "run"


@pytest.fixture(scope="module")
def model(tuned: Path) -> str:
    return str(tuned / "tune" / "model")


@pytest.fixture(scope="module")
def examples(tuned: Path, file: Path) -> list[Example]:
    """The conversations that it was tuned on: all of them."""
    found = list(read_records(tuned / "curate" / "train.jsonl", Example))
    assert len(found) == len(json.loads(file.read_text("utf-8")))
    return found


@pytest.fixture
def pupil(model: str, examples: list[Example], monkeypatch: pytest.MonkeyPatch) -> Pupil:
    found = Pupil(load_tokenizer(model), examples)
    monkeypatch.setattr(Engine, "generate", lambda _, requests: found.generate(requests))
    return found


def trajectune(*arguments: object, typed: str = "") -> None:
    """A command, with what the user types."""
    ended = CliRunner().invoke(app, [str(each) for each in arguments], input=typed)
    assert ended.exit_code == 0, ended.output


def test_the_agent_that_is_measured(
    model: str, examples: list[Example], pupil: Pupil, tmp_path: Path
) -> None:
    suite = tt.EnvironmentSuite(Replay(examples), tasks=len(examples), dialect="native")
    (measured,) = tt.evaluate(model, [suite], to=tmp_path, max_context=LONG).measurements
    assert measured.value is not None
    assert measured.value.value == 1
    assert pupil.met == pupil.prompts(examples)


def test_the_general_loss(
    model: str, examples: list[Example], pupil: Pupil, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[TokenRow] = []
    real = general_loss.losses

    def losses(system: Any, measured: Sequence[TokenRow], *rest: Any) -> Any:
        rows.extend(measured)
        return real(system, measured, *rest)

    monkeypatch.setattr(general_loss, "losses", losses)
    tt.evaluate(model, [tt.GeneralLoss(examples, max_tokens=LONG)], to=tmp_path)
    assert set().union(*map(lessons, rows)) == pupil.prompts(examples)


def test_the_server(
    model: str, examples: list[Example], pupil: Pupil, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = Engine.submit

    def heard(self: Engine, key: Any, request: Request) -> None:
        pupil.met.add(tuple(request.tokens))
        submit(self, key, request)

    monkeypatch.setattr(Engine, "submit", heard)
    with served(model, LONG) as client:
        for example in examples:
            for number, message in enumerate(example.messages):
                if message.role == "assistant":
                    ask(client, example.messages[:number], example.tools)
    assert pupil.met == pupil.prompts(examples)


def test_the_chat(model: str, examples: list[Example], pupil: Pupil) -> None:
    plain = [example for example in examples if not example.tools]
    assert plain
    for example in plain:
        lines = [message.content for message in example.messages if message.role == "user"]
        trajectune("chat", model, "--max-context", LONG, typed="\n".join([*lines, "/quit\n"]))
    assert pupil.met == pupil.prompts(plain)


def ask(client: openai.OpenAI, messages: Sequence[Message], tools: Sequence[Tool]) -> None:
    """A token of a reply, asked for as any client would."""
    offered: Any = [{"type": "function", "function": tool.model_dump()} for tool in tools]
    told: Any = [api_message(number, message) for number, message in enumerate(messages)]
    client.chat.completions.create(
        model="tuned", messages=told, max_tokens=1, **({"tools": offered} if offered else {})
    )


def api_message(number: int, message: Message) -> dict[str, Any]:
    """Calls have ids, and results name the call before them."""
    fields: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.role == "tool":
        fields["tool_call_id"] = f"call{number - 1:05}"
    for call in message.tool_calls:
        function = {"name": call.name, "arguments": json.dumps(call.arguments)}
        fields["content"] = message.content or None
        fields["tool_calls"] = [{"id": f"call{number:05}", "type": "function", "function": function}]
    return fields
