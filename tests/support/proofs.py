"""What is done with a model, each as a proof on a model's folder: it raises AssertionError where it fails.

The idea: the tests and the page `docs/proven/families.md` run the same proofs, so the page cannot claim
what the tests do not hold.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from support.served import served
from trajectune.composition.composition import Composition
from trajectune.engine.engine import Engine
from trajectune.engine.requests import Request
from trajectune.engine.row import decode
from trajectune.example import Example, Message
from trajectune.models.chat import renderer_of
from trajectune.models.loading import load_model
from trajectune.models.templates import load_tokenizer
from trajectune.tune.data.groups import Group
from trajectune.tune.data.masks import tokenize
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.data.tree import build_pack
from trajectune.tune.model.loss import group_weights
from trajectune.tune.model.trainable import load_trainable
from trajectune.tune.settings import LoraSettings, TuneSettings

CONTEXT, NEW = 512, 12
LONG = "Which players of the team from Łódź scored more than 10 goals?\n\nName them, 東京 first."
"""A question that is longer, in tokens, than the sliding windows of the tiny models."""


def example(number: int) -> Example:
    """A conversation of two turns; those with other numbers begin alike."""
    said = [
        Message(role="user", content=LONG),
        Message(role="assistant", content="I look.\n\nOne: café 42", trained=True),
        Message(role="user", content=f"And number {number}?"),
        Message(role="assistant", content=f"Number {number} is “x”.", trained=True),
    ]
    return Example(id=str(number), source="agent", messages=said)


def _rows(folder: Path) -> list[TokenRow]:
    tokenizer = load_tokenizer(str(folder))
    return [row for number in range(4) for row in tokenize(example(number), tokenizer, CONTEXT)]


def masks(folder: Path) -> None:
    """The trained tokens are the replies and their ends, and the context of each is its serving prompt."""
    tokenizer = load_tokenizer(str(folder))
    renderer = renderer_of(tokenizer)
    for number in range(4):
        proven = 0
        for row in tokenize(example(number), tokenizer, CONTEXT):
            ids, messages = row.tokens.tolist(), example(number).messages
            edges = np.flatnonzero(np.diff(row.trained.astype(int), append=0)) + 1
            for start, end in edges.reshape(-1, 2).tolist():
                turn = next(i for i in (1, 3) if renderer.prompt(messages[:i]) == ids[:start])
                assert messages[turn].content.strip() in tokenizer.decode(ids[start:end])
                proven += 1
        assert proven == 2


def _proves_loss(folder: Path, settings: TuneSettings) -> None:
    rows, groups = _rows(folder), [Group("agent", 0)]
    model = load_trainable(folder, settings, "fp32", "cpu")
    pack = build_pack(rows, range(len(rows)), groups, min_shared=4)
    assert len(pack) < sum(len(row.tokens) for row in rows)  # what rows share is computed once
    weights = group_weights(pack.counts.sum(0, dtype=np.float64), groups, {"agent": 1.0})
    ours = weights.total(model.accumulate([pack], weights))
    assert any(parameter.grad is not None for _, parameter in model.trained)
    plain = load_model(str(folder), "float32", "cpu").model
    plain.set_attn_implementation("eager")
    wanted, count = 0.0, 0
    for row in rows:
        ids = torch.from_numpy(row.tokens).long()
        with torch.inference_mode():
            log_p = plain(ids[None]).logits[0].log_softmax(-1)
        trained = np.flatnonzero(row.trained)
        wanted -= float(log_p[trained - 1, ids[trained]].double().sum())
        count += len(trained)
    assert abs(ours - wanted / count) <= 1e-5 * abs(ours)


def tunes(folder: Path) -> None:
    """The loss over packed rows that share their beginnings is that of transformers, row by row."""
    _proves_loss(folder, TuneSettings())


def tunes_adapters(folder: Path) -> None:
    """The same with fresh adapters, which change nothing yet."""
    _proves_loss(folder, TuneSettings(lora=LoraSettings(rank=2)))


def decodes(folder: Path) -> None:
    """Greedy replies in a batch are those of `transformers.generate`, token for token."""
    loaded = load_model(str(folder), "float32", "cpu")
    renderer = renderer_of(loaded.tokenizer)
    prompts = [renderer.prompt(example(0).messages[:count]) for count in (1, 3)]
    engine = Engine(Composition.single(loaded), max_batch=4, max_context=CONTEXT, prefill_tokens=16)
    asked = [Request(prompt, NEW, stop_tokens=()) for prompt in prompts]
    for prompt, reply in zip(prompts, engine.generate(asked), strict=True):
        assert reply.tokens == _generated(folder, prompt)


def serves(folder: Path) -> None:
    """The official client gets the reply that `transformers.generate` writes."""
    loaded = load_model(str(folder), "float32", "cpu")
    prompt = renderer_of(loaded.tokenizer).prompt([Message(role="user", content=LONG)])
    whole = _generated(folder, prompt)
    ends = [place for place, token in enumerate(whole) if token in loaded.end_tokens]
    wanted = decode(whole[: ends[0] if ends else None], loaded.tokenizer)
    with served(str(folder), CONTEXT) as client:
        answer = client.chat.completions.create(
            model="tuned", messages=[{"role": "user", "content": LONG}], temperature=0, max_tokens=NEW
        )
    said = answer.choices[0].message.content or ""
    assert said == wanted, f"{said!r} is not {wanted!r}"


def _generated(folder: Path, prompt: list[int]) -> list[int]:
    loaded = load_model(str(folder), "float32", "cpu")
    ids = torch.tensor([prompt])
    given = loaded.model.generate(  # pyright: ignore[reportCallIssue]
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW, do_sample=False, eos_token_id=None
    )
    return given[0, len(prompt) :].tolist()


PROOFS: dict[str, Callable[[Path], None]] = {
    "masks": masks,
    "tune": tunes,
    "tune, LoRA": tunes_adapters,
    "decode": decodes,
    "serve": serves,
}
