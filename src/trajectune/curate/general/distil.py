"""Self-distillation: the base model answers prompts itself, and its answers are its general data.

The idea: a model that also trains on what it would have said anyway stays close to what it was, with
no teacher and no download.

Invariants: a prompt is answered once, also across interruptions; its answer depends on the prompt, the
model, the sampling and the seed, never on its neighbours; an answer that was cut off is recorded and
counted but is no example, for it would teach to stop in the middle or never to stop.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from trajectune.engine.engine import Engine
from trajectune.engine.requests import FinishReason, Generation, Request
from trajectune.engine.sampling import Sampling
from trajectune.errors import DataError
from trajectune.example import Example, Message
from trajectune.models.chat import renderer_of
from trajectune.progress import OnProgress, Progress, silent
from trajectune.storage import JsonlWriter, read_records
from trajectune.trajectory import Record

SAMPLING = Sampling(temperature=0.7, top_p=0.9)
"""A small model's plain samples ramble, and its greedy answers repeat; this lies between."""
MAX_NEW_TOKENS = 160
"""A quarter of a small model's answers are longer and thrown away; a lower limit keeps fewer tokens."""


class Answer(Record):
    """A prompt and what the model answered; one line of the file."""

    prompt: str
    answer: str
    finish: FinishReason
    key: str
    """Fingerprint of model, sampling, limit and seed: what else the answer depends on."""


@dataclass(frozen=True, slots=True)
class Distilled:
    """What a model answered."""

    examples: list[Example]
    """The finished answers, in the order of the prompts."""
    asked: int
    """Prompts that it was asked."""
    unusable: int
    """Answers among them that are no examples: cut off at the limit, or empty."""


def self_distil(
    prompts: Sequence[str],
    engine: Engine,
    path: Path | str,
    *,
    rows: int | None = None,
    source: str = "self",
    sampling: Sampling = SAMPLING,
    max_new_tokens: int = MAX_NEW_TOKENS,
    seed: int = 0,
    on_progress: OnProgress = silent,
) -> Distilled:
    """The model's finished answers as examples; the first `rows` of them.

    Prompts are asked in waves until `rows` answers are usable, so give more prompts than rows; where they
    run out there are fewer examples. Answers are appended to `path` in batches as they come; those that are
    there already are not asked for again. Raises DataError when `path` holds the answers of another model
    or of other settings.
    """
    key = _key(engine, sampling, max_new_tokens, seed)
    found = _answered(Path(path), key)
    different = list(dict.fromkeys(prompts))
    wanted = len(different) if rows is None else rows
    usable: list[Answer] = []
    asked = 0
    with JsonlWriter(path) as file:
        while asked < len(different) and len(usable) < wanted:
            wave = different[asked : asked + _wave(engine)]
            new = [prompt for prompt in wave if prompt not in found]
            for answer in _ask(new, engine, sampling, max_new_tokens, seed, key) if new else ():
                file.write(answer)
                found[answer.prompt] = answer
            usable += [found[prompt] for prompt in wave if _is_usable(found[prompt])]
            asked += len(wave)
            on_progress(Progress("general answers", min(len(usable), wanted), wanted))
    examples = [_example(answer, source) for answer in usable[:wanted]]
    return Distilled(examples, asked, asked - len(usable))


def _ask(
    prompts: Sequence[str], engine: Engine, sampling: Sampling, max_new_tokens: int, seed: int, key: str
) -> Iterator[Answer]:
    renderer = renderer_of(engine.composition.tokenizer)
    requests = [
        Request(
            tokens=renderer.prompt([Message(role="user", content=prompt)]),
            max_new_tokens=max_new_tokens,
            sampling=sampling,
            seed=_seed(seed, prompt),
        )
        for prompt in prompts
    ]
    replies: list[Generation] = engine.generate(requests)
    for prompt, reply in zip(prompts, replies, strict=True):
        yield Answer(prompt=prompt, answer=reply.text.strip(), finish=reply.finish, key=key)


def _wave(engine: Engine) -> int:
    """Prompts handed over at once: enough to keep the batch full, few enough to lose little when killed."""
    return 4 * engine.max_batch


def _answered(path: Path, key: str) -> dict[str, Answer]:
    if not path.exists():
        return {}
    answers = {answer.prompt: answer for answer in read_records(path, Answer)}
    if any(answer.key != key for answer in answers.values()):
        raise DataError(
            "the file holds answers of another model or with other settings",
            where=str(path),
            remedy="delete it, or name another file",
        )
    return answers


def _key(engine: Engine, sampling: Sampling, max_new_tokens: int, seed: int) -> str:
    models = [(term.model.name, term.weight) for term in engine.composition.terms]
    return hashlib.sha256(repr((models, sampling, max_new_tokens, seed)).encode()).hexdigest()[:16]


def _seed(seed: int, prompt: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}\0{prompt}".encode()).digest()[:4], "big")


def _is_usable(answer: Answer) -> bool:
    return answer.finish == "stop" and bool(answer.answer)


def _example(answer: Answer, source: str) -> Example:
    return Example(
        id=f"{source}/{hashlib.sha256(answer.prompt.encode()).hexdigest()[:12]}",
        source=source,
        messages=[
            Message(role="user", content=answer.prompt),
            Message(role="assistant", content=answer.answer, trained=True),
        ],
    )
