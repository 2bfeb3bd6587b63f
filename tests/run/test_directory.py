"""A run directory keeps what was made, says what is meant, and lets one process in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from trajectune.errors import RecipeError
from trajectune.run.directory import RunDirectory, changed_keys
from trajectune.run.recipe import Recipe
from trajectune.run.stage import Result, Stage
from trajectune.storage import read_json


def result(value: int = 0, name: str = "collect") -> Result:
    return Result(Stage(name, lambda _: value, lambda _: None), Recipe(name="x"))


def made(home: RunDirectory, what: Result, link: str = "") -> Path:
    with home.making(what) as folder:
        (folder / "rows.jsonl").write_text("{}\n" * 100, encoding="utf-8")
    if link:
        home.link(link, what)
    return folder


def claimed(path: Path) -> RunDirectory:
    home = RunDirectory(path)
    home.store(Recipe(name="x"))
    return home


def test_a_result_is_whole_only_after_its_body(tmp_path: Path) -> None:
    home = claimed(tmp_path / "run")
    with pytest.raises(KeyboardInterrupt), home.making(result()):
        raise KeyboardInterrupt
    assert not home.is_done(result())
    with home.making(result()) as folder:
        assert folder.parent == tmp_path / "run" / "stages"
        assert folder.name.startswith("collect-")
    assert RunDirectory(tmp_path / "run").is_done(result())


def test_the_time_of_all_attempts_is_added_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 5.0, 100.0, 107.0])
    monkeypatch.setattr("trajectune.run.directory.time.monotonic", lambda: next(clock))
    home = claimed(tmp_path / "run")
    with pytest.raises(ValueError, match="broken"), home.making(result()):
        raise ValueError("broken")
    assert home.seconds(result()) == 0
    with home.making(result()):
        pass
    assert home.seconds(result()) == 12


def test_the_marker_says_what_was_read(tmp_path: Path) -> None:
    folder = made(claimed(tmp_path), result(7))
    marker = read_json(folder / "done.json")
    assert (marker["values"], marker["fingerprint"]) == (7, result(7).fingerprint)


def test_a_marker_of_another_fingerprint_counts_for_nothing(tmp_path: Path) -> None:
    home = claimed(tmp_path)
    marker = made(home, result()) / "done.json"
    marker.write_text(marker.read_text("utf-8").replace(result().fingerprint, "0" * 64), "utf-8")
    assert not home.is_done(result())


def test_links_are_relative_so_that_a_run_can_be_moved(tmp_path: Path) -> None:
    home = claimed(tmp_path / "run")
    made(home, result(), "arms/a-0/evaluate/base")
    (tmp_path / "run").rename(tmp_path / "moved")
    assert (tmp_path / "moved" / "arms" / "a-0" / "evaluate" / "base" / "rows.jsonl").exists()
    assert RunDirectory(tmp_path / "moved").is_done(result())


def test_only_a_result_that_was_begun_and_is_not_there_any_more_is_replaced(tmp_path: Path) -> None:
    home = claimed(tmp_path)
    assert home.replaced({"collect": result(0)}) == []
    made(home, result(0), "collect")
    assert home.replaced({"collect": result(0)}) == []
    assert home.replaced({"collect": result(1)}) == ["collect"]
    made(home, result(1))
    assert home.replaced({"collect": result(1)}) == []  # it is there already
    with home.making(result(2)) as folder:
        home.link("collect", result(2))
        for file in folder.iterdir():
            file.unlink()
        assert home.replaced({"collect": result(3)}) == []  # nothing was made yet


def test_clean_removes_what_nothing_stands_for(tmp_path: Path) -> None:
    home = claimed(tmp_path)
    old, nested = made(home, result(0), "collect"), made(home, result(0, "evaluate/base"), "evaluate/base")
    kept = made(home, result(1))
    assert home.clean() > 0
    assert not kept.exists()
    new = made(home, result(1))
    home.relink({"collect": result(1)})
    assert old.exists()
    assert home.clean() == pytest.approx(2 * 300, abs=2_000)
    assert (old.exists(), nested.exists(), new.exists()) == (False, False, True)
    assert home.clean() == 0
    assert sorted(home.links()) == ["collect"]


def test_relinking_makes_no_link_that_leads_nowhere(tmp_path: Path) -> None:
    home = claimed(tmp_path)
    made(home, result(0), "collect")
    home.relink({"collect": result(1), "tune": result(0, "tune")})
    assert home.links() == {}


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(RecipeError, match="something else"):
        RunDirectory(tmp_path)
    with pytest.raises(RecipeError, match="something else"):
        RunDirectory(tmp_path / "thesis.txt")
    assert (tmp_path / "thesis.txt").read_text(encoding="utf-8") == "mine"


def test_a_run_of_an_older_version_is_refused(tmp_path: Path) -> None:
    home = claimed(tmp_path)
    (tmp_path / "collect").mkdir()
    with pytest.raises(RecipeError, match="older version"):
        home.link("collect", result())


WORKER = """
import sys, time
from pathlib import Path
from trajectune.run.directory import RunDirectory
with RunDirectory(Path(sys.argv[1])).locked():
    print("in", flush=True)
    time.sleep(600)
"""


def test_a_second_process_is_refused_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", WORKER, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "in\n"
        with pytest.raises(RecipeError, match="another process"), RunDirectory(tmp_path).locked():
            pass
    finally:
        process.kill()
        process.wait(timeout=30)
    with RunDirectory(tmp_path).locked():
        pass


def test_changed_keys_names_the_deepest_difference() -> None:
    assert changed_keys({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}, "d": 4}) == ["a.c", "d"]
    assert changed_keys({"a": 1}, {"a": 1}) == []
