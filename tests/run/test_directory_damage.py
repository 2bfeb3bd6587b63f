"""A run directory that something happened to: torn notes, other people's files, places without rights."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.errors import DataError, RecipeError
from trajectune.run.directory import RunDirectory, changed_keys, seconds_of
from trajectune.run.recipe import Recipe
from trajectune.run.stage import Result, Stage

NAMES = ("collect", "tune", "evaluate/base", "arms/a-0/tune")


def result(value: int = 0, name: str = "collect") -> Result:
    return Result(Stage(name, lambda _: value, lambda _: None), Recipe(name="x"))


@pytest.fixture
def home(tmp_path: Path) -> RunDirectory:
    found = RunDirectory(tmp_path / "run")
    found.store(Recipe(name="x"))
    return found


TORN = ["", "{", '{"fingerprint": "', "[]", "3", "{}", '{"seconds": 3}', "\x00\x00\x00"]


@pytest.mark.parametrize("content", TORN)
def test_a_marker_that_is_torn_stands_for_nothing_and_is_made_again(
    home: RunDirectory, content: str
) -> None:
    with home.making(result()) as folder:
        pass
    (folder / "done.json").write_text(content)
    assert not home.is_done(result())
    assert home.seconds(result()) == 0
    with home.making(result()):
        pass
    assert home.is_done(result())


@pytest.mark.parametrize("content", TORN)
def test_a_torn_note_of_the_time_spent_stops_nothing(home: RunDirectory, content: str) -> None:
    folder = home.folder(result())
    folder.mkdir(parents=True)
    (folder / "spent.json").write_text(content)
    with home.making(result()):
        pass
    assert home.is_done(result())
    assert not (folder / "spent.json").exists()
    assert seconds_of(folder) < 60


def test_what_a_killed_process_was_writing_is_gone_when_the_stage_goes_on(home: RunDirectory) -> None:
    folder = home.folder(result())
    (folder / "deep").mkdir(parents=True)
    for name in (".rows.jsonl.17.part", "deep/.x.json.9.part", "rows.jsonl", "deep/my.part"):
        (folder / name).write_text("half")
    with home.making(result()):
        pass
    left = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert left == {"rows.jsonl", "deep/my.part", "done.json"}


@pytest.mark.parametrize("content", ["name: [", "- a\n", "", "nam: x\n", "\x00"])
def test_a_stored_recipe_that_is_damaged_is_named(home: RunDirectory, content: str) -> None:
    (home.path / "recipe.yaml").write_text(content)
    with pytest.raises(RecipeError) as caught:
        home.recipe()
    assert str(home.path / "recipe.yaml") in caught.value.where


def test_the_recipe_that_is_stored_is_the_one_that_is_read(home: RunDirectory) -> None:
    recipe = Recipe(name="y", seed=3)
    home.store(recipe)
    assert RunDirectory(home.path).recipe() == recipe
    before = (home.path / "recipe.yaml").stat().st_mtime_ns
    home.store(recipe)
    assert (home.path / "recipe.yaml").stat().st_mtime_ns == before


def test_a_place_below_a_file_gives_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(DataError, match=r"cannot be written: Not a directory") as caught,
        RunDirectory(tmp_path / "file" / "run").locked(),
    ):
        pytest.fail("nothing can be locked there")
    assert caught.value.where == str(tmp_path / "file" / "run")


def test_a_folder_without_rights_gives_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir(mode=0o500)
    if os.access(tmp_path / "run", os.W_OK):
        pytest.skip("this user may write everywhere")
    with pytest.raises(DataError, match="cannot be written"), RunDirectory(tmp_path / "run").locked():
        pytest.fail("nothing can be locked there")


def test_an_error_inside_the_lock_is_told_as_it_is_and_frees_it(home: RunDirectory) -> None:
    with pytest.raises(OSError, match="mine"), home.locked():
        raise OSError("mine")
    with (
        home.locked(),
        pytest.raises(RecipeError, match="another process"),
        RunDirectory(home.path).locked(),
    ):
        pass
    with home.locked():
        pass


@given(
    made=st.sets(st.tuples(st.sampled_from(NAMES), st.integers(0, 3)), max_size=8),
    meant=st.dictionaries(st.sampled_from(NAMES), st.integers(0, 3)),
)
def test_clean_keeps_exactly_what_is_linked(
    made: set[tuple[str, int]], meant: dict[str, int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = RunDirectory(tmp_path_factory.mktemp("runs") / "run")
    home.store(Recipe(name="x"))
    for name, value in made:
        with home.making(result(value, name)) as folder:
            (folder / "rows.jsonl").write_text("{}\n")
    home.relink({name: result(value, name) for name, value in meant.items()})
    kept = {(name, value) for name, value in meant.items() if (name, value) in made}
    assert set(home.links()) == {name for name, _ in kept}
    freed = home.clean()
    assert (freed > 0) == (kept != made)
    assert {(name, value) for name, value in made if home.is_done(result(value, name))} == kept
    assert all((home.path / name / "rows.jsonl").exists() for name, _ in kept)


def test_clean_follows_no_link_out_of_the_run(home: RunDirectory, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "me.jpg").write_text("!")
    with home.making(result()) as folder:
        (folder / "data").symlink_to(tmp_path / "photos")
    assert home.clean() > 0
    assert not folder.exists()
    assert (tmp_path / "photos" / "me.jpg").exists()


def test_a_link_is_moved_to_another_result_at_once(home: RunDirectory) -> None:
    for value in (0, 1):
        with home.making(result(value)):
            home.link("collect", result(value))
        assert home.links() == {"collect": home.folder(result(value))}
    assert not (home.path / ".collect.part").is_symlink()
    (home.path / ".collect.part").symlink_to("nowhere")  # of a process killed between two moves
    home.link("collect", result(0))
    assert home.links() == {"collect": home.folder(result(0))}


NESTED = st.recursive(
    st.integers(0, 2) | st.lists(st.integers(0, 1), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


@given(NESTED, NESTED)
def test_keys_differ_exactly_where_values_do(old: object, new: object) -> None:
    assert (changed_keys(old, new) == []) == (old == new)
    assert changed_keys(old, new, "k") == [] or all(
        key.startswith("k") for key in changed_keys(old, new, "k")
    )
    assert sorted(changed_keys(old, new)) == sorted(changed_keys(new, old))
