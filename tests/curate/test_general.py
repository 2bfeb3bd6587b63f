"""General data: distinct prompts that never cross into the held-out ones, answered once each."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.composition.composition import Composition
from trajectune.curate.general.distil import self_distil
from trajectune.curate.general.prompts import general_prompts, own_prompts, puzzle_prompts
from trajectune.engine.engine import Engine
from trajectune.engine.sampling import Sampling
from trajectune.errors import DataError, UnavailableError
from trajectune.models.loading import load_model
from trajectune.models.tiny import write_tiny_model
from trajectune.progress import Progress


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = write_tiny_model(tmp_path_factory.mktemp("model") / "tiny")
    model = load_model(str(folder), "float32", "cpu")
    # Every fourth token ends an answer, so that some answers end and some are cut off.
    model.model.generation_config.eos_token_id = list(range(0, len(model.tokenizer), 4))  # pyright: ignore
    return Engine(Composition.single(model), max_batch=4, max_context=256)


def test_our_own_list_is_long_and_without_repetition() -> None:
    own = own_prompts()
    assert len(own) > 600
    assert len({prompt.casefold() for prompt in own}) == len(own)
    assert all(prompt == prompt.strip() and "{" not in prompt for prompt in own)


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(1, 60))
@settings(max_examples=6, deadline=None)
def test_held_out_prompts_are_never_trained(seed: int, other: int, count: int) -> None:
    trained = general_prompts(count, seed)
    held = general_prompts(count, other, held_out=True)
    assert len(set(trained)) == len(set(held)) == count
    assert not set(trained) & set(held)
    assert trained == general_prompts(count, seed)


def test_half_of_the_prompts_are_puzzles() -> None:
    pytest.importorskip("reasoning_gym")
    own = set(own_prompts())
    assert sum(prompt in own for prompt in general_prompts(100, 1)) == 50
    assert len(puzzle_prompts(40, 1)) == 40


def test_without_reasoning_gym_our_own_list_stands_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    assert set(general_prompts(300)) <= set(own_prompts())
    assert len(general_prompts(5000, at_least=300)) < 5000
    with pytest.raises(UnavailableError, match="5000 are asked for"):
        general_prompts(5000)


def test_answers_are_examples_and_cut_ones_are_not(engine: Engine, tmp_path: Path) -> None:
    prompts = own_prompts()[:24]
    path = tmp_path / "answers.jsonl"
    distilled = self_distil(prompts, engine, path, max_new_tokens=6, sampling=Sampling(1.5))
    found = distilled.examples
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [line["prompt"] for line in lines] == prompts
    finished = [line for line in lines if line["finish"] == "stop" and line["answer"]]
    assert 0 < len(finished) < len(lines), "the made model should end some answers and not others"
    assert (distilled.asked, distilled.unusable) == (24, 24 - len(finished))
    assert [e.messages[1].content for e in found] == [line["answer"] for line in finished]
    assert all(e.messages[1].trained and e.source == "self" for e in found)


def test_prompts_are_asked_until_enough_answers_are_usable(engine: Engine, tmp_path: Path) -> None:
    ask = partial(self_distil, engine=engine, max_new_tokens=6, sampling=Sampling(1.5))
    prompts = own_prompts()[:60]
    everything = ask(prompts, path=tmp_path / "all.jsonl")
    some = ask(prompts, path=tmp_path / "some.jsonl", rows=5)
    assert some.examples == everything.examples[:5]
    assert some.asked == len((tmp_path / "some.jsonl").read_text().splitlines()) < len(prompts)
    assert ask(prompts, path=tmp_path / "all.jsonl", rows=99) == everything


def test_too_few_answers_are_part_of_the_result_and_nothing_is_drawn(
    engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[Progress] = []
    prompts = own_prompts()[:20]
    found = self_distil(
        prompts, engine, tmp_path / "a.jsonl", rows=99, max_new_tokens=6, on_progress=told.append
    )
    assert found.asked == 20
    assert len(found.examples) + found.unusable == 20
    assert [(each.what, each.done, each.total) for each in told][-1] == (
        "general answers",
        len(found.examples),
        99,
    )
    assert capsys.readouterr() == ("", "")


def test_an_interrupted_run_goes_on_and_ends_the_same(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = own_prompts()[:20]
    whole, cut = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    wanted = self_distil(prompts, engine, whole, max_new_tokens=6, sampling=Sampling(1.5))
    cut.write_bytes(whole.read_bytes()[:-30])  # the last line is torn
    asked = []
    generate = engine.generate
    monkeypatch.setattr(
        engine, "generate", lambda requests: asked.append(len(requests)) or generate(requests)
    )
    found = self_distil(prompts, engine, cut, max_new_tokens=6, sampling=Sampling(1.5))
    assert found == wanted
    assert asked == [1]
    assert cut.read_bytes() == whole.read_bytes()


def test_an_answer_does_not_depend_on_its_neighbours(engine: Engine, tmp_path: Path) -> None:
    prompts = own_prompts()[:8]
    ask = partial(self_distil, engine=engine, max_new_tokens=6, sampling=Sampling(1.5))
    together = ask(prompts, path=tmp_path / "a.jsonl").examples
    turned = ask(prompts[::-1], path=tmp_path / "b.jsonl").examples
    assert together == turned[::-1]


def test_answers_of_other_settings_are_not_mixed_in(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    self_distil(["Hi"], engine, path, max_new_tokens=2)
    with pytest.raises(DataError, match="other settings"):
        self_distil(["Hi"], engine, path, max_new_tokens=3)
