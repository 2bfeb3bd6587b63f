"""The benchmark of web navigation on few tasks: shares in order, blind agents without reward."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import tables
import web_navigation
from trajectune.environments.web_navigation import WebNavigationEnvironment
from trajectune.environments.web_navigation.ranking.lexical import LexicalRanker


def test_the_script_leaves_a_file_with_its_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "out.json"
    monkeypatch.setattr(sys, "argv", ["web_navigation.py", "--tasks", "12", "--out", str(file)])
    web_navigation.main()
    found = json.loads(file.read_text(encoding="utf-8"))
    assert found["expert_steps_per_second"] > 0
    for shares in found["recall"].values():
        assert list(shares.values()) == sorted(shares.values())
    assert found["recall"]["test"]["10"] > found["recall"]["test, in the page's order"]["10"]
    assert {name: means[0] for name, means in found["blind"].items() if name != "random, CLICK"} == {
        "always none": 0,
        **{f"always {letter}, CLICK": 0 for letter in "BCDEF"},
    }
    assert "| test | " in tables.table_of(found)
    assert "recall" in capsys.readouterr().out


def test_ranks_are_noted_once_for_each_act() -> None:
    environment = WebNavigationEnvironment(train=3, dev=0, test=0, stray=0.0)
    places = web_navigation.ranks(environment, environment.tasks("train"), LexicalRanker())
    assert len(places) >= 9
    assert all(place >= 0 for place in places)
