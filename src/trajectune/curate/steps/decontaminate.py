"""Training rows that hold an evaluation sample do not go on.

The idea: `{decontaminate: {against: [gsm8k.jsonl, {environment: database}], above: 0.8}}` rejects a row
that by itself holds at least this share of a sample's tokens, in spans as AgentTuning's analysis finds
them (`trajectune.curate.contamination`). The training row is dropped and the evaluation set stays whole,
so that measurements with and without the step compare.

Invariants: no row that is kept holds so much of a sample; the verdict on a row does not depend on the
others. A sample may still be dirty by fragments of several rows: `trajectune data contamination` tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from trajectune.curate.contamination.index import LENGTH, SKIPS, Index
from trajectune.curate.contamination.kept import batched
from trajectune.curate.contamination.shares import row_shares
from trajectune.curate.contamination.sources import Source, evaluation_file, evaluation_tasks
from trajectune.curate.contamination.texts import example_texts
from trajectune.curate.contamination.tokens import Words
from trajectune.curate.steps.contract import Context, CurateStep, Reject, StepOptions
from trajectune.environments.contract import Split
from trajectune.environments.registry import load_environment
from trajectune.errors import DataError
from trajectune.example import Example
from trajectune.storage import WarningSink


class TasksOf(StepOptions):
    """An environment whose tasks are kept out of the training data."""

    environment: str
    split: Split = "test"
    options: dict[str, Any] = Field(default_factory=dict)
    """Of the environment, as a recipe sets them."""


class DecontaminateOptions(StepOptions):
    """What `decontaminate` takes."""

    against: Annotated[list[str | TasksOf], Field(min_length=1)]
    """Question files, and environments."""
    above: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Share of a sample's tokens from which on a row that holds them is dropped."""


class Decontaminate(CurateStep[Example]):
    """Rejects an example that holds `above` or more of an evaluation sample."""

    name = "decontaminate"
    level = "examples"
    Options = DecontaminateOptions
    options: DecontaminateOptions

    def judge(self, rows: Iterable[Example], context: Context) -> Iterator[Example | Reject]:
        del context
        index, names = _index(self.options.model_dump_json(), *map(_stamp, self.files()))
        for batch in batched((row, example_texts(row)) for row in rows):
            held, samples, shares = row_shares(index, [texts for _, texts in batch])
            worst = shares >= self.options.above - 1e-9
            found = dict(zip(held[worst][::-1].tolist(), samples[worst][::-1].tolist(), strict=True))
            for number, (row, _) in enumerate(batch):
                yield Reject(row.id, self._reason(names[found[number]])) if number in found else row

    def files(self) -> list[str]:
        given = [each if isinstance(each, str) else each.options for each in self.options.against]
        paths = [each for each in given if isinstance(each, str)]
        values = [value for each in given if isinstance(each, dict) for value in each.values()]
        return paths + [value for value in values if isinstance(value, str) and Path(value).is_file()]

    def _reason(self, name: str) -> str:
        return f"holds {self.options.above:.0%} or more of a sample of {name}"


@lru_cache(maxsize=1)
def _index(options: str, *stamps: object) -> tuple[Index, list[str]]:
    """The index of what is kept out, and for each sample the name of its set. One serves a whole recipe."""
    del stamps  # they are in the key of the cache: a file that was changed is read again
    texts, names = list[tuple[str, ...]](), list[str]()
    for each in DecontaminateOptions.model_validate_json(options).against:
        source = _source(each)
        rows = list(source)
        sink = WarningSink(source.name)
        for row in source.rejected:
            sink.append(row)
        if not rows:
            raise DataError(
                "no sample can be read", where=source.name, remedy="see what the log says of it"
            )
        texts += [row.texts for row in rows]
        names += [source.name] * len(rows)
    return Index(texts, Words(), LENGTH, SKIPS), names


def _source(given: str | TasksOf) -> Source:
    if isinstance(given, str):
        return evaluation_file(given)
    return evaluation_tasks(load_environment(given.environment, given.options), given.split)


def _stamp(file: str) -> object:
    path = Path(file)
    status = path.stat() if path.is_file() else None
    return status and (status.st_size, status.st_mtime_ns)
