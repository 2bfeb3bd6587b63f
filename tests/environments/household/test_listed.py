"""AgentBench's lists of games: what is offered, in which order, and what is left out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trajectune.environments.household import HouseholdEnvironment
from trajectune.environments.household.environment import CUTTING, INSTRUCTION
from trajectune.environments.play import start
from trajectune.errors import DataError, RecipeError

SIMPLE, TWO = "pick_and_place_simple", "pick_two_obj_and_place"


def put(root: Path, split: str, name: str, kind: str | None) -> str:
    """A game below `root` and its path as a list has it."""
    place = f"json_2.1.1/{split}/{name}/trial_1"
    (root / place).mkdir(parents=True)
    (root / place / "game.tw-pddl").write_text(
        json.dumps({"pddl_domain": "", "grammar": "", "pddl_problem": ""})
    )
    if kind is not None:
        (root / place / "traj_data.json").write_text(json.dumps({"task_type": kind}))
    return f"{place}/game.tw-pddl"


def listed(file: Path, **kinds: list[str]) -> Path:
    file.write_text(json.dumps(kinds))
    return file


def test_exactly_the_games_of_the_list_in_its_order(tmp_path: Path):
    b, a, c, _ = (
        put(tmp_path, "valid_unseen", name, kind)
        for name, kind in (("b", SIMPLE), ("a", SIMPLE), ("c", TWO), ("d", TWO))
    )
    d = put(tmp_path, "train", "e", None)
    file = listed(tmp_path / "list.json", pick_two_obj=[c], pick_and_place=[b, a, d])
    environment = HouseholdEnvironment("official", path=tmp_path, games=file)
    assert environment.rejected == []
    tasks = environment.tasks("test")
    assert [(task.id, task.kind) for task in tasks] == [
        ("official/c/trial_1", TWO),
        ("official/b/trial_1", SIMPLE),
        ("official/a/trial_1", SIMPLE),
    ]
    assert [(task.id, task.kind) for task in environment.tasks("train")] == [("official/e/trial_1", SIMPLE)]
    assert environment.max_steps == 35
    # Wherever the tree was put, its games are found by their last two folders.
    inner = HouseholdEnvironment("official", path=tmp_path / "json_2.1.1" / "valid_unseen", games=file)
    assert [task.id for task in inner.tasks("test")] == [task.id for task in tasks]


def test_what_cannot_be_played_is_rejected_with_its_number_and_the_reason(tmp_path: Path):
    a, wrong = put(tmp_path, "train", "a", SIMPLE), put(tmp_path, "train", "w", TWO)
    missing = "json_2.1.1/train/x/trial_1/game.tw-pddl"
    file = listed(
        tmp_path / "list.json",
        pick_and_place=[a, missing, wrong, a, "json_2.1.1/a.txt"],
        pick_up=[a],
        **{"": [a]},
    )
    environment = HouseholdEnvironment("official", path=tmp_path, games=file)
    found = [(row.line, row.reason) for row in environment.rejected]
    assert [line for line, _ in found] == [2, 3, 4, 5, 6, 7]
    for words, (_, reason) in zip(
        ("not among", "of kind 'pick_two", "twice", "no game.tw-pddl", "none of ALFWorld's", "none of"),
        found,
        strict=True,
    ):
        assert words in reason
    assert len(environment.tasks("train")) == 1
    assert len(environment.rejected) == 6


@pytest.mark.parametrize("text", ["[]", "7", '{"pick_and_place": "path"}', "not json"])
def test_a_file_that_is_no_list(tmp_path: Path, text: str):
    put(tmp_path, "train", "a", SIMPLE)
    (tmp_path / "list.json").write_text(text)
    with pytest.raises(DataError):
        HouseholdEnvironment("official", path=tmp_path, games=tmp_path / "list.json").tasks("train")


@pytest.mark.parametrize("paths", [[], ["json_2.1.1/train/x/trial_1/game.tw-pddl"]])
def test_a_list_without_any_game_left(tmp_path: Path, paths: list[str]):
    put(tmp_path, "train", "a", SIMPLE)
    file = listed(tmp_path / "list.json", pick_and_place=paths)
    with pytest.raises(DataError, match=f"None of the {len(paths)} games") as caught:
        HouseholdEnvironment("official", path=tmp_path, games=file).tasks("train")
    assert "path:" in caught.value.remedy


def test_a_list_is_of_official_games(tmp_path: Path):
    with pytest.raises(RecipeError, match="official"):
        HouseholdEnvironment(games=tmp_path / "list.json")


def test_where_something_must_be_cut_the_agent_is_told_how(tmp_path: Path):
    name = "pick_heat_then_place_in_recep-PotatoSliced-None-Fridge-2"
    path = put(tmp_path, "train", name, "pick_heat_then_place_in_recep")
    other = put(tmp_path, "train", "a", SIMPLE)
    file = listed(tmp_path / "list.json", pick_heat_then_place=[path], pick_and_place=[other])
    environment = HouseholdEnvironment("official", path=tmp_path, games=file)
    sliced, plain = environment.tasks("train")
    assert (environment.instruction(sliced), environment.instruction(plain)) == (CUTTING, INSTRUCTION)
    assert "slice (thing) with (knife)" in CUTTING
    assert environment.expert(sliced, "") is None


def test_agentbenchs_dev_list_over_its_games(shared_data: Path):
    folder = shared_data / "agentbench" / "alfworld"
    environment = HouseholdEnvironment(
        "official", path=folder / "dev_games.tar.gz", games=folder / "dev.json"
    )
    paths = [path for each in json.loads((folder / "dev.json").read_text()).values() for path in each]
    tasks = environment.tasks("test")
    assert [task.id for task in tasks] == ["official/" + "/".join(path.split("/")[-3:-1]) for path in paths]
    assert len(tasks) == 20
    assert environment.rejected == []
    assert len({task.kind for task in tasks}) == 6


def test_agentbenchs_train_list_rejects_the_games_that_are_not_there(shared_data: Path, tmp_path: Path):
    file = shared_data / "agentbench" / "alfworld" / "train_valid.json"
    first = next(iter(json.loads(file.read_text()).values()))[1]
    put(tmp_path, "train", Path(first).parts[-3], SIMPLE)
    (tmp_path / Path(first).parent).mkdir()
    game = tmp_path / "json_2.1.1" / "train" / Path(first).parts[-3] / "trial_1"
    game.rename(game.with_name(Path(first).parts[-2] + "_")).rename(tmp_path / Path(first).parent)
    environment = HouseholdEnvironment("official", path=tmp_path, games=file)
    assert len(environment.rejected) == 3_149
    (task,) = environment.tasks("train")
    assert first.split("/")[-2] in task.id


def test_a_listed_game_is_won(shared_data: Path):
    pytest.importorskip("alfworld")
    folder = shared_data / "agentbench" / "alfworld"
    environment = HouseholdEnvironment(
        "official",
        path=folder / "dev_games.tar.gz",
        games=folder / "dev.json",
        kinds=["look_at_obj_in_light"],
    )
    play = start(environment, environment.tasks("test")[0], 0)
    assert play is not None
    while play.advance() is not None:
        pass
    assert play.last is not None
    assert play.last.reward == 1
    play.episode.close()
