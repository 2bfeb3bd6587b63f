"""Files and acts that nobody should send: told or rejected, never an exception."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import mind2web
from support.steps import hostile_text, json_values
from trajectune.environments.web_navigation.page.element import Element
from trajectune.environments.web_navigation.recorded.mind2web import Mind2WebSource
from trajectune.environments.web_navigation.sites.generated import KINDS, site
from trajectune.environments.web_navigation.sites.live import LiveWalk
from trajectune.environments.web_navigation.walk import OPERATIONS, Act
from trajectune.errors import DataError

FIELDS = ("annotation_id", "confirmed_task", "action_reprs", "actions")
ACTION_FIELDS = ("cleaned_html", "operation", "pos_candidates", "neg_candidates")


def kept_and_rejected(rows: list[Any]) -> tuple[int, int]:
    with tempfile.TemporaryDirectory() as folder:
        file = mind2web.write(Path(folder), rows)
        found = Mind2WebSource(file, None)
    return len(found.tasks("train")), len(found.rejected)


@settings(deadline=None, max_examples=60)
@given(st.lists(json_values, max_size=4))
def test_every_row_of_any_json_is_kept_or_rejected(rows: list[Any]) -> None:
    kept, rejected = kept_and_rejected([mind2web.row("good"), *rows])
    assert kept == 1
    assert rejected == len(rows)


@settings(deadline=None, max_examples=60)
@given(name=st.sampled_from(FIELDS), value=json_values)
def test_a_task_with_any_value_in_a_field_is_kept_or_rejected(name: str, value: Any) -> None:
    kept, rejected = kept_and_rejected([mind2web.row("good"), mind2web.row("odd") | {name: value}])
    assert kept + rejected == 2


@settings(deadline=None, max_examples=60)
@given(name=st.sampled_from(ACTION_FIELDS), value=json_values)
def test_an_action_with_any_value_in_a_field_is_kept_or_rejected(name: str, value: Any) -> None:
    odd = mind2web.row("odd")
    odd["actions"][1][name] = value
    kept, rejected = kept_and_rejected([mind2web.row("good"), odd])
    assert kept + rejected == 2


@settings(deadline=None, max_examples=30)
@given(value=hostile_text)
def test_any_text_may_be_the_value_of_an_operation(value: str) -> None:
    clean = value.encode("utf-8", "replace").decode("utf-8")
    row = mind2web.row("odd", [mind2web.action([2], "TYPE", clean)])
    with tempfile.TemporaryDirectory() as folder:
        source = Mind2WebSource(mind2web.write(Path(folder), [row]), None)
    (wanted,) = source.walk(source.tasks("train")[0]).wanted
    assert wanted.value == " ".join(clean.split())


def test_a_damaged_file_is_told_with_its_place(tmp_path: Path) -> None:
    file = mind2web.write(tmp_path, [mind2web.row()])
    file.write_text(file.read_text(encoding="utf-8")[:-20], encoding="utf-8")
    with pytest.raises(DataError) as caught:
        Mind2WebSource(file, None)
    assert str(file) in caught.value.where


@settings(deadline=None, max_examples=60)
@given(
    kind=st.sampled_from(KINDS),
    rng=st.randoms(use_true_random=False),
    values=st.lists(hostile_text, min_size=6, max_size=6),
)
def test_any_act_on_a_site_is_refused_with_a_reason_or_carried_out(
    kind: str, rng: Random, values: list[str]
) -> None:
    walk = LiveWalk(site(kind, "2", True))
    for value in values:
        key = rng.choice(sorted(walk.page.candidates))
        act = Act(key, rng.choice(OPERATIONS), value)
        problem = walk.impossible(act)
        assert len(problem) < 300
        if problem:
            continue
        turn = walk.take(act)
        assert len(walk.previous[-1].splitlines()) == 1
        if turn.done:
            assert turn.reward == 0
            return
        assert all(isinstance(each, Element) for each in walk.page.candidates.values())
        assert walk.wanted


def test_sites_do_not_hang_on_the_hash_seed_of_a_process() -> None:
    code = (
        "from trajectune.environments.web_navigation import WebNavigationEnvironment as W\n"
        "env = W(train=12, dev=0, test=12)\n"
        "import json\n"
        "tasks = [*env.tasks('train'), *env.tasks('test')]\n"
        "print(json.dumps([env.open(task).observation for task in tasks]))\n"
    )
    seen = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", code],
                env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
                capture_output=True,
                check=True,
                text=True,
            ).stdout
        )
        for seed in ("1", "2")
    ]
    assert len(seen[0]) == 24
    assert seen[0] == seen[1]
