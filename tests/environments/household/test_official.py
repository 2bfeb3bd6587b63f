"""Finding official games: folders, archives, hostile archives, and what a user may get wrong."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from trajectune.environments.household import HouseholdEnvironment
from trajectune.environments.household.official import official_root, official_tasks, read_game
from trajectune.environments.registry import load_environment
from trajectune.errors import DataError, RecipeError, UnavailableError

GAME = {"pddl_domain": "d", "grammar": "g", "pddl_problem": "p"}


def trajectory(kind: str = "pick_and_place_simple", sliced: bool = False) -> dict[str, object]:
    return {"task_type": kind, "pddl_params": {"object_sliced": sliced}}


def put_game(folder: Path, **changes: object) -> None:
    folder.mkdir(parents=True)
    (folder / "game.tw-pddl").write_text(json.dumps(GAME))
    (folder / "traj_data.json").write_text(json.dumps(trajectory(**changes)))  # type: ignore[arg-type]


def test_splits_follow_alfworlds_folders(tmp_path: Path) -> None:
    for split in ("train", "valid_seen", "valid_unseen", "elsewhere"):
        put_game(tmp_path / "root" / split / f"task-{split}" / "trial_1")
    put_game(tmp_path / "root" / "train" / "sliced" / "trial_1", sliced=True)
    put_game(tmp_path / "root" / "train" / "movable" / "trial_1", kind="pick_and_place_with_movable_recep")
    tasks = official_tasks(tmp_path / "root")
    assert {task.id: task.split for task in tasks} == {
        "official/task-train/trial_1": "train",
        "official/task-valid_seen/trial_1": "dev",
        "official/task-valid_unseen/trial_1": "test",
        "official/task-elsewhere/trial_1": "test",
    }
    assert read_game(tmp_path / "root", tasks[0].data["game"]) == GAME


def test_the_variable_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RecipeError, match="ALFWORLD_DATA"):
        HouseholdEnvironment(source="official").tasks("test")
    put_game(tmp_path / "data" / "train" / "a" / "b")
    monkeypatch.setenv("ALFWORLD_DATA", str(tmp_path / "data"))
    environment = HouseholdEnvironment(source="official")
    assert [task.split for task in environment.tasks("train")] == ["train"]
    assert environment.tasks("test") == ()
    assert "official" in environment.note
    assert "not ALFWorld's official" in HouseholdEnvironment().note


@pytest.mark.parametrize("name", ["missing", "file.txt"])
def test_a_path_that_is_no_set_of_games(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.txt").write_text("x")
    with pytest.raises(DataError):
        official_root(tmp_path / name)


def test_an_empty_folder_and_a_broken_game(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"game\.tw-pddl"):
        official_tasks(tmp_path / "empty")
    put_game(tmp_path / "games" / "a")
    (tmp_path / "games" / "a" / "game.tw-pddl").write_text("[]")
    with pytest.raises(DataError, match="not a game"):
        read_game(tmp_path / "games", "a")


def archive_of(path: Path, names: list[str]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name in names:
            text = json.dumps(trajectory() if name.endswith("traj_data.json") else GAME).encode()
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))
    return path


def test_an_archive_is_unpacked_once_into_the_cache(tmp_path: Path) -> None:
    names = ["train/a/b/game.tw-pddl", "train/a/b/traj_data.json", "train/a/b/picture.png"]
    archive = archive_of(tmp_path / "games.tar.gz", names)
    root = official_root(archive)
    assert root.is_relative_to(tmp_path / "games")
    assert [task.id for task in official_tasks(root)] == ["official/a/b"]
    assert not list(root.rglob("picture.png"))
    assert official_root(archive) == root
    assert [folder.name for folder in (tmp_path / "games").iterdir()] == [root.name]


@pytest.mark.parametrize("name", ["../outside/game.tw-pddl", "a/../../../outside/game.tw-pddl"])
def test_an_archive_cannot_write_outside(tmp_path: Path, name: str) -> None:
    archive = archive_of(tmp_path / "evil.tar.gz", [name])
    with pytest.raises(DataError, match="cannot be unpacked"):
        official_root(archive)
    assert not list(tmp_path.rglob("outside"))


def test_a_torn_archive_leaves_nothing_behind(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "games.tar.gz", ["train/a/game.tw-pddl"])
    archive.write_bytes(archive.read_bytes()[:60])
    with pytest.raises(DataError, match="cannot be unpacked"):
        official_root(archive)
    assert list((tmp_path / "games").iterdir()) == []


@pytest.mark.parametrize(
    "options", [{"source": "real"}, {"expert": "oracle"}, {"kinds": ["pick_everything"]}, {"colour": 1}]
)
def test_wrong_options_say_what_is_right(options: dict[str, object]) -> None:
    with pytest.raises(RecipeError):
        load_environment("household", options)


def test_without_the_extra_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trajectune.environments.options.find_spec", lambda _: None)
    environment = HouseholdEnvironment()
    assert environment.tools  # can be listed and described
    with pytest.raises(UnavailableError, match=r"pip install .\.\[household\]"):
        environment.tasks("train")


@pytest.mark.parametrize("name", ["games.tgz", "games.tar.gz"])
def test_archives_of_any_name_that_tar_reads(tmp_path: Path, name: str) -> None:
    archive = archive_of(tmp_path / name, ["valid_seen/a/b/game.tw-pddl", "valid_seen/a/b/traj_data.json"])
    (task,) = official_tasks(official_root(archive))
    assert (task.id, task.split) == ("official/a/b", "dev")


def test_another_archive_of_the_same_name_is_unpacked_anew(tmp_path: Path) -> None:
    roots = []
    for game in ("a", "b"):
        names = [f"train/x/{game}/game.tw-pddl", f"train/x/{game}/traj_data.json"]
        roots.append(official_root(archive_of(tmp_path / "games.tar.gz", names * (1 + len(roots)))))
    assert [task.id for root in roots for task in official_tasks(root)] == ["official/x/a", "official/x/b"]


def test_links_in_an_archive_are_not_followed(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "evil.tar", [])
    with tarfile.open(archive, "w") as tar:
        member = tarfile.TarInfo("train/a/b/game.tw-pddl")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(member)
    root = official_root(archive)
    assert not [path for path in root.rglob("*") if path.is_symlink() or path.is_file()]


def test_an_archive_that_holds_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trajectune.environments.household.official.MAX_MEMBERS", 3)
    archive = archive_of(tmp_path / "big.tar.gz", [f"train/{n}/game.tw-pddl" for n in range(9)])
    with pytest.raises(DataError, match="more than any set of games"):
        official_root(archive)
    monkeypatch.setattr("trajectune.environments.household.official.MAX_MEMBERS", 99)
    monkeypatch.setattr("trajectune.environments.household.official.MAX_UNPACKED", 100)
    with pytest.raises(DataError, match="more than any set of games"):
        official_root(archive)


def test_only_the_kinds_asked_for_are_listed(tmp_path: Path) -> None:
    put_game(tmp_path / "root" / "train" / "a" / "1")
    put_game(tmp_path / "root" / "train" / "b" / "1", kind="look_at_obj_in_light")
    environment = HouseholdEnvironment(
        source="official", path=tmp_path / "root", kinds=["look_at_obj_in_light"]
    )
    assert [task.id for task in environment.tasks("train")] == ["official/b/1"]


@pytest.mark.parametrize("text", ["{}", "[]", '{"pddl_domain": "d"}', "not json"])
def test_a_game_with_parts_missing_is_an_error_with_its_place(tmp_path: Path, text: str) -> None:
    put_game(tmp_path / "a")
    (tmp_path / "a" / "game.tw-pddl").write_text(text)
    with pytest.raises(DataError) as caught:
        read_game(tmp_path, "a")
    assert str(tmp_path / "a" / "game.tw-pddl") in caught.value.where
