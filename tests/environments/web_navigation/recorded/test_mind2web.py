"""Files in Mind2Web's shape: tasks, splits, bad rows, and how they are played."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support import mind2web
from trajectune.environments.play import start
from trajectune.environments.web_navigation import WebNavigationEnvironment
from trajectune.environments.web_navigation.recorded.mind2web import Mind2WebSource, split_of
from trajectune.environments.web_navigation.walk import Act
from trajectune.errors import DataError


def source(folder: Path, rows: list[Any], name: str = "train_0.json") -> Mind2WebSource:
    return Mind2WebSource(mind2web.write(folder, rows, name), None)


def test_a_task_is_read_with_its_steps(tmp_path: Path) -> None:
    found = source(tmp_path, [mind2web.row()])
    (task,) = found.tasks("train")
    assert (task.id, task.kind) == ("mind2web-one", "train")
    walk = found.walk(task)
    assert walk.task.startswith("Search for flights")
    assert walk.wanted == (Act("2", "TYPE", "Oslo Airport"),)
    assert list(walk.page.candidates) == ["2", "3", "4", *map(str, range(10, 24))]
    walk.take(None)
    assert walk.wanted == (Act("3", "SELECT", "Lima"),)
    assert walk.previous == ["[element] 0 -> TYPE"]


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train_10.json", "train"),
        ("test_task_0.json", "test"),
        ("test_domain_3.json", "test"),
        ("x.json", "test"),
    ],
)
def test_the_name_of_a_file_says_its_split(name: str, split: str) -> None:
    assert split_of(Path(name)) == split


def test_a_folder_is_read_whole_and_a_split_may_be_given(tmp_path: Path) -> None:
    mind2web.write(tmp_path, [mind2web.row("a")])
    mind2web.write(tmp_path, [mind2web.row("b"), mind2web.row("c")], "test_website_0.json")
    both = Mind2WebSource(tmp_path, None)
    assert [task.kind for task in both.tasks("test")] == ["test_website"] * 2
    assert len(both.tasks("train")) == 1
    assert [len(Mind2WebSource(tmp_path, "dev").tasks(split)) for split in ("train", "dev", "test")] == [
        0,
        3,
        0,
    ]


def broken(**changes: Any) -> dict[str, Any]:
    return mind2web.row("bad") | changes


def broken_action(**changes: Any) -> dict[str, Any]:
    row = mind2web.row("bad", [mind2web.action([4], "CLICK"), mind2web.action([4], "CLICK")])
    row["actions"][1] |= changes
    return row


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (7, "expected a JSON object, found"),
        ({}, "no 'confirmed_task'"),
        (broken(confirmed_task=" "), "confirmed_task is no text"),
        (broken(actions="x"), "1 actions, but 3"),
        (broken(action_reprs=[]), "3 actions, but 0 action_reprs"),
        (broken_action(operation={"op": "HOVER"}), "action 2: operation 'HOVER'"),
        (broken_action(operation=None), "action 2: "),
        (broken_action(cleaned_html="<html>"), "action 2: not XML"),
        (broken_action(cleaned_html=None), "action 2: "),
        (broken_action(pos_candidates=[{}]), "action 2: no 'backend_node_id'"),
        (broken_action(pos_candidates=[], neg_candidates=[]), "none of its candidates is on the page"),
        (mind2web.row("bad", [mind2web.action([], "CLICK")]), "no action has a right element"),
        (mind2web.row("good"), "a second task with the id"),
    ],
)
def test_a_bad_row_is_rejected_with_its_place_and_the_others_are_kept(
    tmp_path: Path, row: Any, said: str
) -> None:
    found = source(tmp_path, [mind2web.row("good"), row, mind2web.row("last")])
    assert [task.id for task in found.tasks("train")] == ["mind2web-good", "mind2web-last"]
    (rejected,) = found.rejected
    assert rejected.line == 2
    assert rejected.reason.startswith("train_0.json: ")
    assert said in rejected.reason


@pytest.mark.parametrize("rows", [[], [1, 2]])
def test_a_file_without_any_task_is_told(tmp_path: Path, rows: list[Any]) -> None:
    with pytest.raises(DataError, match=rf"{len(rows)} rows were rejected"):
        source(tmp_path, rows)


def test_what_is_no_list_and_an_empty_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no \.json file"):
        Mind2WebSource(tmp_path, None)
    (tmp_path / "train_0.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="Not a list"):
        Mind2WebSource(tmp_path, None)


def test_steps_without_a_right_element_are_dropped_from_training_and_wrong_elsewhere(
    tmp_path: Path,
) -> None:
    actions = [mind2web.action([], "CLICK"), mind2web.action([4], "CLICK")]
    mind2web.write(tmp_path, [mind2web.row("a", actions)])
    mind2web.write(tmp_path, [mind2web.row("b", actions)], "test_task_0.json")
    home = WebNavigationEnvironment("mind2web", path=tmp_path)
    play = start(home, home.tasks("train")[0], 0)
    assert play is not None
    assert start(home, home.tasks("test")[0], 0) is None
    walk = home.source.walk(home.tasks("test")[0])
    assert not walk.take(Act("4", "CLICK")).done
    assert walk.take(Act("4", "CLICK")).reward == 0.5


def test_the_expert_earns_everything_and_what_it_says_is_in_the_record(tmp_path: Path) -> None:
    home = WebNavigationEnvironment("mind2web", path=mind2web.write(tmp_path, [mind2web.row()]))
    play = start(home, home.tasks("train")[0], 0)
    assert play is not None
    acts: list[tuple[object, ...]] = []
    while (moved := play.advance()) is not None:
        acts += [tuple(moved[0].calls[0].arguments.values())[1:]]
    assert play.last is not None
    assert play.last.reward == 1
    assert [act for act in acts if act] == [("TYPE", "Oslo Airport"), ("SELECT", "Lima"), ("CLICK",)]


def test_a_target_that_is_ranked_too_low_is_asked_about_in_training_alone(tmp_path: Path) -> None:
    actions = [mind2web.action([23], "CLICK")]
    mind2web.write(tmp_path, [mind2web.row("a", actions)])
    mind2web.write(tmp_path, [mind2web.row("b", actions)], "test_task_0.json")
    home = WebNavigationEnvironment("mind2web", path=tmp_path, top_k=6)
    assert start(home, home.tasks("train")[0], 0) is not None
    assert start(home, home.tasks("test")[0], 0) is None
