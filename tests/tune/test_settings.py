"""What may be set, what a label weighs, and who takes part."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trajectune.example import Capability
from trajectune.tune.data.labels import UNLABELLED, capability_of, describe, is_format, label
from trajectune.tune.data.schedule import learning_rate
from trajectune.tune.processes import join_processes
from trajectune.tune.settings import LoraSettings, TuneSettings

KINDS = [(capability, form) for capability in (None, *Capability) for form in (False, True)]


def test_every_kind_of_token_has_a_number_of_its_own() -> None:
    numbers = [label(*kind) for kind in KINDS]
    assert sorted(numbers) == list(range(len(KINDS)))
    assert [(capability_of(number), is_format(number)) for number in numbers] == KINDS
    assert label(None) == UNLABELLED
    assert len({describe(number) for number in numbers}) == len(KINDS)
    assert describe(label(Capability.RETRIEVAL, True)) == "retrieval format"
    assert describe(UNLABELLED) == "other"


@given(
    weights=st.dictionaries(st.sampled_from(list(Capability)), st.floats(0, 10)),
    form=st.floats(0, 10),
    kind=st.sampled_from(KINDS),
)
def test_a_label_weighs_its_capability_times_its_form(
    weights: dict[Capability, float], form: float, kind: tuple[Capability | None, bool]
) -> None:
    settings = TuneSettings(capability_weights=weights, format_weight=form)
    capability, is_form = kind
    expected = 1.0 if capability is None else weights.get(capability, 1.0)
    assert math.isclose(settings.weight_of(label(*kind)), expected * (form if is_form else 1.0))


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 0},
        {"steps": 0},
        {"batch_rows": 0},
        {"pack_tokens": 0},
        {"max_tokens": 1},
        {"learning_rate": 0},
        {"warmup_ratio": 1.1},
        {"weight_decay": -1},
        {"clip": 0},
        {"precision": "fp16"},
        {"capability_weights": {"reasoning": -1}},
        {"capability_weights": {"thinking": 1}},
        {"format_weight": -0.1},
        {"freeze_layers": -1},
        {"lora": {"rank": 0}},
        {"lora": {"dropout": 1}},
        {"lerning_rate": 1},
    ],
)
def test_impossible_settings_are_refused_by_name(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(options))):
        TuneSettings.model_validate(options)


def test_settings_do_not_change_behind_a_runs_back() -> None:
    settings = TuneSettings(lora=LoraSettings(rank=4))
    with pytest.raises(ValidationError, match="frozen"):
        settings.learning_rate = 1.0  # pyright: ignore[reportAttributeAccessIssue]
    assert TuneSettings.model_validate(settings.model_dump(mode="json")) == settings


@given(steps=st.integers(1, 300), ratio=st.floats(0, 1), highest=st.floats(1e-6, 1))
def test_the_rate_rises_to_its_highest_and_falls(steps: int, ratio: float, highest: float) -> None:
    rates = [learning_rate(step, steps, highest, ratio) for step in range(steps)]
    assert math.isclose(max(rates), highest)
    assert min(rates) >= 0
    assert rates[0] > 0
    top = rates.index(max(rates))
    assert all(a < b for a, b in pairwise(rates[: top + 1]))
    assert all(a >= b for a, b in pairwise(rates[top:]))


def test_alone_there_is_nobody_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    alone = join_processes("cpu")
    assert (alone.rank, alone.size, alone.device, alone.first) == (0, 1, "cpu", True)
    tensor = torch.ones(2)
    alone.add_up([tensor])
    alone.wait()
    assert tensor.tolist() == [1, 1]


MEMORY = """
import resource
from trajectune.tune.model.memory import give_back_freed_memory, keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        block = bytearray(8 << 20)
        del block
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

plain = faults()
kept = keep_freed_memory()
faults()  # what is there now is kept from here on
again = faults()

def held():  # megabytes
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() >> 20

blocks = [b"x" * (1 << 20) for _ in range(200)]
del blocks
before = held()
give_back_freed_memory()
after = held()
blocks = [b"x" * (16 << 20) for _ in range(40)]  # far more than the holes in the heap could hold
del blocks
print(int(kept), plain, again, before - after, held() - after)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_freed_memory_is_used_again_without_a_page_fault_until_it_is_given_back() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True, env=os.environ
    )
    kept, plain, later, given_back, kept_later = map(int, done.stdout.split())
    if not kept:
        pytest.skip("no glibc here")
    assert later < plain / 10
    assert given_back > 150
    assert kept_later < given_back + 20  # what follows is not kept any more, but where a hole held it
