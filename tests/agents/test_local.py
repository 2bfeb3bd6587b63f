"""The local agent keeps every token of a conversation, whatever the tokenizer would make of the text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from trajectune.agents.contract import AgentReply, Conversation
from trajectune.agents.local import LocalAgent
from trajectune.engine.engine import Engine
from trajectune.engine.requests import Generation, Request
from trajectune.environments.contract import Task
from trajectune.errors import ModelError
from trajectune.example import Message
from trajectune.models.chat import renderer_of
from trajectune.models.loading import LoadedModel, load_model
from trajectune.models.tiny import CHATML, write_tiny_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture
def model(folder: Path) -> LoadedModel:
    return load_model(str(folder), dtype="float32", device="cpu")


Log = list[tuple[Request, Generation]]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    """What passes between the agent and its engine."""
    seen: Log = []
    generate = Engine.generate

    def spy(self: Engine, requests: Sequence[Request], *rest: Any) -> list[Generation]:
        generations = generate(self, requests, *rest)
        seen.extend(zip(requests, generations, strict=True))
        return generations

    monkeypatch.setattr(Engine, "generate", spy)
    return seen


def talk(name: str, *said: str, seed: int = 0, stop: tuple[str, ...] = ()) -> Conversation:
    roles = ("user", "assistant")
    messages = [Message(role=roles[n % 2], content=text) for n, text in enumerate(said)]
    return Conversation(name, messages, Task("t", "train"), seed=seed, stop=stop)


def second_turn(agent: LocalAgent, stop: tuple[str, ...] = ()) -> tuple[AgentReply, AgentReply]:
    first = agent.reply([talk("c", "How many rows?", stop=stop)])[0]
    return first, agent.reply([talk("c", "How many rows?", first.text, "Go on.", stop=stop)])[0]


def test_a_conversation_goes_on_from_its_tokens_and_its_cache(model: LoadedModel, log: Log) -> None:
    agent = LocalAgent(model, max_new_tokens=12)
    first, second = second_turn(agent)
    (one, said), (two, after) = log
    assert said.text == first.text
    assert second.usage.generated_tokens == len(after.tokens)
    kept = one.tokens + [token for token in said.tokens if token not in model.end_tokens]
    assert two.tokens[: len(kept)] == kept
    assert after.cached_tokens >= len(kept) - 1
    assert str(model.tokenizer.decode(two.tokens[len(kept) :])).startswith(
        "<|im_end|>\n<|im_start|>user\nGo on."
    )


def test_the_prompt_reads_as_the_template_says(model: LoadedModel, log: Log) -> None:
    first, _ = second_turn(LocalAgent(model, max_new_tokens=12))
    messages = [
        {"role": m.role, "content": m.content}
        for m in talk("c", "How many rows?", first.text, "Go on.").messages
    ]
    whole = model.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert model.tokenizer.decode(log[1][0].tokens) == whole


@pytest.mark.parametrize(
    "template",
    [
        "{{ messages | length }}" + CHATML,
        CHATML.replace("message['content']", "message['content'][1:]"),
    ],
)
def test_a_template_that_rewrites_its_past_is_rendered_anew(
    model: LoadedModel, log: Log, template: str
) -> None:
    model.tokenizer.chat_template = template
    first, _ = second_turn(LocalAgent(model, max_new_tokens=12))
    messages = talk("c", "How many rows?", first.text, "Go on.").messages
    assert log[1][0].tokens == renderer_of(model.tokenizer).prompt(messages)


def test_a_reply_cut_at_a_stop_string_is_spelled_anew(model: LoadedModel, log: Log) -> None:
    whole = LocalAgent(model, max_new_tokens=12).reply([talk("c", "How many rows?")])[0].text
    stop = whole[len(whole) // 2 :][:2]
    log.clear()
    first, _ = second_turn(LocalAgent(model, max_new_tokens=12), (stop,))
    assert first.text == whole[: whole.index(stop)]
    assert first.finish == "stop"
    messages = talk("c", "How many rows?", first.text, "Go on.").messages
    assert log[1][0].tokens == renderer_of(model.tokenizer).prompt(messages)


def test_a_batch_says_what_each_would_say_alone(model: LoadedModel) -> None:
    questions = ["One?", "A rather longer question than that.", "Two?"]
    alone = [
        LocalAgent(model, max_new_tokens=8).reply([talk("c", question)])[0].text for question in questions
    ]
    agent = LocalAgent(model, max_new_tokens=8, batch_size=2)
    together = agent.reply([talk(question, question) for question in questions])
    assert [reply.text for reply in together] == alone
    assert all(reply.finish == "length" and reply.usage.seconds > 0 for reply in together)


def test_sampling_follows_from_the_seed(model: LoadedModel) -> None:
    def say(seed: int) -> str:
        agent = LocalAgent(model, max_new_tokens=12, temperature=1.0)
        return agent.reply([talk("c", "Say anything.", seed=seed)])[0].text

    assert say(1) == say(1) != say(2)


def test_what_does_not_fit_ends_as_context(model: LoadedModel) -> None:
    agent = LocalAgent(model, max_new_tokens=8, max_context=64)
    long, short = agent.reply([talk("a", "many words " * 100), talk("b", "Hi")])
    assert (long.text, long.finish) == ("", "context")
    assert short.finish == "length"


def test_a_forgotten_conversation_starts_anew(model: LoadedModel, log: Log) -> None:
    agent = LocalAgent(model, max_new_tokens=8)
    second_turn(agent)
    agent.forget("c")
    agent.forget("never seen")
    second_turn(agent)
    assert [request.tokens for request, _ in log[:2]] == [request.tokens for request, _ in log[2:]]


def test_a_model_without_a_template_is_the_users_to_mend(model: LoadedModel) -> None:
    model.tokenizer.chat_template = None
    with pytest.raises(ModelError, match="no chat template"):
        LocalAgent(model).reply([talk("c", "Hi")])
