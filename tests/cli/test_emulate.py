"""`trajectune shrink` and `trajectune emulate` as a user meets them."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

Command = Callable[..., Any]

SAMPLED = ("--temperature", 1, "--seed", 1)
"""The tiny model's greedy reply is empty."""
MODELS = ("--large", "tiny", "--small-tuned", "tiny", "--small-base")


@pytest.fixture
def small(trajectune: Command, tmp_path: Path) -> Path:
    ended = trajectune("shrink", "tiny", "--layers", 2, "--out", "small", "--rows", 4, "--epochs", 1)
    assert ended.status == 0, ended.err
    assert ended.out == "small/heal/model"
    return tmp_path / "small" / "heal" / "model"


def disturb(model: Path) -> None:
    """Other weights: a model healed by one of its own size has learned nothing."""
    torch.manual_seed(0)
    file = model / "model.safetensors"
    weights = {name: weight + 0.1 * torch.randn_like(weight) for name, weight in load_file(file).items()}
    save_file(weights, file, {"format": "pt"})


def test_a_reply_is_the_same_whatever_the_block(trajectune: Command, small: Path) -> None:
    ask = ("emulate", "generate", "Hi there", *MODELS, small, "--max-new-tokens", 24, *SAMPLED)
    ask = (*ask, "--dtype", "float32")
    free, short, plain, guessed = (
        trajectune(*ask),
        trajectune(*ask, "--block", 1),
        trajectune(*ask, "--draft", "none"),
        trajectune(*ask, "--drafter", small),
    )
    assert free.status == short.status == plain.status == guessed.status == 0
    assert guessed.out == plain.out
    assert free.out == short.out != ""
    assert plain.out != ""
    assert re.search(r"\d+ of \d+ drafted tokens kept, in \d+ rounds", free.err)
    assert "drafted" not in plain.err


def test_weights_change_the_reply(trajectune: Command, small: Path) -> None:
    disturb(small)
    ask = ("emulate", "generate", "Hi there", "--large", "tiny", "--small-tuned", small, "--small-base")
    ask = (*ask, small.parents[1] / "cut", "--max-new-tokens", 24, *SAMPLED)
    replies = {
        trajectune(*ask, *more).out
        for more in (("--alpha", 0), ("--alpha", 40), ("--beta", 0), ("--lambda", f"{small}=-30"))
    }
    assert len(replies) > 1
    assert trajectune(*ask, "--beta", 1).out == trajectune(*ask, "--alpha", 1).out == trajectune(*ask).out


def test_the_prompt_comes_from_stdin(
    trajectune: Command, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = ("emulate", "generate", *MODELS, small, "--max-new-tokens", 8, *SAMPLED)
    monkeypatch.setattr(sys, "stdin", io.StringIO("Hi there"))
    assert trajectune(*ask, "-").out == trajectune(*ask, "Hi there").out


def test_a_conversation(trajectune: Command, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = iter(["Hi", "/new", "Hi", "/quit"])
    monkeypatch.setattr("rich.console.Console.input", lambda *_: next(lines))
    ended = trajectune("emulate", "chat", *MODELS, small, "--max-new-tokens", 6, *SAMPLED)
    assert ended.status == 0
    _, first, second = re.split(r"/quit leaves|\[cut at the limit\]", ended.out)[:3]
    assert first.strip() == second.strip() != ""


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--alpha", 1, "--beta", 1), "more than one of --alpha, --beta and --lambda"),
        (("--lambda", "0.3"), "'0.3' is no MODEL=SHARE"),
        (("--lambda", "a=0.3", "--lambda", "a=0.2"), "names a model twice"),
        (("--lambda", "my/model=much"), "write --lambda my/model=0.3"),
        (("--top-p", 1), "top_p: Input should be less than 1"),
        (("--draft", "magic"), "draft.proposer: Input should be 'model', 'lookup' or 'none'"),
    ],
)
def test_mistakes_are_said_in_a_line(trajectune: Command, more: tuple[object, ...], said: str) -> None:
    for command in (("generate", "Hi"), ("chat",), ("serve",)):
        ended = trajectune("emulate", *command, *MODELS, "tiny", *more)
        assert ended.status == 2
        assert said in ended.err


def test_a_prompt_that_does_not_fit_is_refused(trajectune: Command, small: Path) -> None:
    ended = trajectune("emulate", "generate", "word " * 20_000, *MODELS, small)
    assert ended.status == 2
    assert "the prompt has" in ended.err


def test_a_cut_reply_says_so(trajectune: Command, small: Path) -> None:
    ended = trajectune("emulate", "generate", "Hi", *MODELS, small, "--max-new-tokens", 3, *SAMPLED)
    assert "[cut at the limit]" in ended.err


def test_models_that_do_not_go_together_are_refused(trajectune: Command, small: Path) -> None:
    file = small / "tokenizer.json"
    tokenizer = json.loads(file.read_text("utf-8"))
    words = tokenizer["model"]["vocab"]
    words["a"], words["b"] = words["b"], words["a"]
    file.write_text(json.dumps(tokenizer), "utf-8")
    ask = ("emulate", "generate", "Hi", *MODELS, small)
    ended = trajectune(*ask)
    assert ended.status == 2
    assert "another tokenizer or chat template" in ended.err
    ended = trajectune(*ask, "--allow-other-template")
    assert ended.status == 2
    assert "vocabular" in ended.err


def test_layers_that_are_not_there_cannot_be_kept(trajectune: Command) -> None:
    ended = trajectune("shrink", "tiny", "--layers", 40, "--out", "small")
    assert ended.status == 2
    assert "40 layers cannot be kept of" in ended.err


def test_an_emulated_model_is_served(
    trajectune: Command, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[Any] = []

    def serve_once(app: Any, listener: Any, on_ready: Callable[[], object]) -> None:
        from fastapi.testclient import TestClient

        listener.close()
        on_ready()
        with TestClient(app) as client:
            body = {"model": "emulated", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4}
            answers.append(client.post("/v1/chat/completions", json=body))
        app.state.scheduler.close()

    monkeypatch.setattr("trajectune.serve.run.serve_app", serve_once)
    ended = trajectune("emulate", "serve", *MODELS, small, "--port", 0, "--max-context", 256)
    assert ended.status == 0, ended.err
    assert "emulated is served at http://127.0.0.1:" in ended.err
    assert answers[0].status_code == 200
    assert answers[0].json()["usage"]["completion_tokens"] <= 4
