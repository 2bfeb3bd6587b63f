"""The whole chain with the tiny model: each stage once, resumable, and redone only when asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trajectune.errors import RecipeError
from trajectune.report.page import read_page
from trajectune.run.display import Display
from trajectune.run.recipe import Recipe, check_recipe, load_recipe, override
from trajectune.run.run import evaluate_model, run_recipe
from trajectune.storage import read_json, read_records
from trajectune.trajectory import Trajectory


def state(folder: Path) -> dict[str, int]:
    return {str(p): p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file() and p.name != ".lock"}


def target(run: Path, link: str) -> str:
    return str((run / link).resolve())


def test_a_run_leaves_a_page_a_record_and_a_model(finished: Path) -> None:
    page = read_page(finished / "report" / "page.json")
    assert (finished / "report" / "index.html").exists()
    assert (finished / "tune" / "model" / "model.safetensors").exists()
    assert [row.kept for row in page.funnel] == [12]
    assert {row.source: row.rows for row in page.mixture} == {"database": 12, "chat": 12}
    assert sum(row.share for row in page.mixture) == pytest.approx(1)
    assert [(e.system, e.measurement.suite) for e in page.entries] == [
        (system, suite) for system in ("base", "tuned") for suite in ("choices", "database", "general-loss")
    ]
    assert {change.suite for change in page.changes} >= {"database", "general-loss"}
    assert {curve.name for curve in page.losses} == {"database", "chat"}
    assert [stage.stage for stage in page.stages][:3] == ["collect", "general", "curate"]
    for path in page.files.values():
        assert (finished / path).exists()


def test_measurements_say_who_was_measured(finished: Path) -> None:
    base, tuned = (
        read_json(finished / "evaluate" / s / "choices" / "measurement.json")["system"]
        for s in ("base", "tuned")
    )
    assert (base["name"], base["model"], base["base"]) == ("base", "tiny", "")
    assert (tuned["name"], tuned["model"], tuned["base"]) == ("tuned", "tune/model", "tiny")
    assert base["weights"] != tuned["weights"]
    assert base["template"] == tuned["template"]


def test_only_a_tuned_model_is_compared_with_its_base(finished: Path) -> None:
    found = {
        name: read_json(finished / "evaluate" / name / "general-loss" / "measurement.json")["metrics"]
        for name in ("base", "tuned")
    }
    assert "divergence" not in found["base"]
    assert found["tuned"]["divergence"]["value"] > 0


def test_validation_examples_are_not_trained_and_are_those_measured(finished: Path) -> None:
    def lines(path: str) -> list[dict]:
        return [json.loads(line) for line in (finished / path).read_text("utf-8").splitlines()]

    held_out = {row["messages"][0]["content"] for row in lines("curate/validation.jsonl")}
    assert len(held_out) == 4
    assert not held_out & {row["messages"][0]["content"] for row in lines("curate/train.jsonl")}
    measured = {row["task"] for row in lines("evaluate/base/general-loss/items.jsonl")}
    assert measured == {row["id"] for row in lines("curate/validation.jsonl")}


def test_running_again_does_nothing(recipe: Recipe, finished: Path, quiet: Display) -> None:
    before = state(finished)
    run_recipe(recipe, finished, display=quiet)
    assert state(finished) == before


def test_a_change_that_only_changes_the_speed_makes_nothing_again(
    brief: Recipe, tmp_path: Path, quiet: Display
) -> None:
    run_recipe(brief, tmp_path / "run", "tune", display=quiet)
    made = state(tmp_path / "run" / "stages")
    run_recipe(
        override(brief, {"rollout.batch_size": 2, "name": "new"}), tmp_path / "run", "tune", display=quiet
    )
    assert state(tmp_path / "run" / "stages") == made
    assert load_recipe(tmp_path / "run" / "recipe.yaml").name == "new"


def test_a_changed_recipe_is_refused_and_redone_when_asked(
    brief: Recipe, tmp_path: Path, quiet: Display
) -> None:
    run = tmp_path / "run"
    run_recipe(brief, run, "tune", display=quiet)
    old = {name: target(run, name) for name in ("collect", "general", "curate", "tune")}
    changed = override(brief, {"tune.learning_rate": 2e-3})
    before = state(run)
    with pytest.raises(RecipeError, match=r"differ: tune\.learning_rate(.|\n)*again: tune ") as caught:
        run_recipe(changed, run, "tune", display=quiet)
    assert "--redo" in str(caught.value)
    assert state(run) == before
    run_recipe(changed, run, "tune", redo=True, display=quiet)
    new = {name: target(run, name) for name in old}
    assert {name for name in old if old[name] != new[name]} == {"tune"}
    assert Path(old["tune"], "model").exists()  # it stays, and is there when the recipe is changed back
    made = state(run / "stages")
    run_recipe(brief, run, "tune", display=quiet)
    assert state(run / "stages") == made
    assert target(run, "tune") == old["tune"]


def test_a_changed_file_is_a_changed_recipe(
    brief: Recipe, general_file: Path, tmp_path: Path, quiet: Display
) -> None:
    mine = tmp_path / "chat.jsonl"
    mine.write_bytes(general_file.read_bytes())
    recipe = override(brief, {"curate.general.chat.data": str(mine)})
    run_recipe(recipe, tmp_path / "run", "curate", display=quiet)
    mine.write_text(mine.read_text("utf-8").replace("Say", "Tell"), "utf-8")
    with pytest.raises(RecipeError, match="a file that it names has changed"):
        run_recipe(recipe, tmp_path / "run", "curate", display=quiet)


def test_a_missing_file_is_found_before_any_work(brief: Recipe, tmp_path: Path, quiet: Display) -> None:
    recipe = override(brief, {"curate.general.chat.data": str(tmp_path / "none.jsonl")})
    with pytest.raises(RecipeError, match=r"no such data file(.|\n)*none\.jsonl"):
        run_recipe(recipe, tmp_path / "run", display=quiet)
    assert not (tmp_path / "run").exists()


def test_a_stopped_stage_goes_on_from_its_own_files(brief: Recipe, tmp_path: Path, quiet: Display) -> None:
    run = tmp_path / "run"
    run_recipe(brief, run, "collect", display=quiet)
    played = run / "collect" / "database.jsonl"
    rows = played.read_bytes().splitlines(keepends=True)
    (run / "collect" / "done.json").unlink()
    played.write_bytes(b"".join(rows[:2]) + rows[2][:30])  # as after kill -9 in the third row
    run_recipe(brief, run, "collect", display=quiet)
    assert played.read_bytes().startswith(b"".join(rows[:2]))
    assert len({row.id for row in read_records(played, Trajectory)}) == len(rows) == 4


def test_two_entries_of_one_environment_have_ids_of_their_own(
    brief: Recipe, tmp_path: Path, quiet: Display
) -> None:
    """Wrong before: 8 rows with 4 ids, and one entry's measurement taken for the other's."""
    entry = {"environment": "database", "options": {"train": 4, "test": 1}, "collect": 4, "evaluate": 1}
    recipe = override(brief, {"environments": {"first": entry, "second": entry}, "curate.eta": 1.0})
    run_recipe(recipe, tmp_path / "run", display=quiet)
    lines = (tmp_path / "run" / "curate" / "train.jsonl").read_text("utf-8").splitlines()
    assert len({json.loads(line)["id"] for line in lines}) == len(lines) == 8
    page = read_page(tmp_path / "run" / "report" / "page.json")
    assert [e.measurement.suite for e in page.entries if e.system == "base"] == ["first", "second"]
    assert {row.source: row.rows for row in page.mixture} == {"first": 4, "second": 4}


def test_each_stage_has_its_own_limits_with_the_same_defaults() -> None:
    """Wrong before: collecting went by `evaluate.*`, but with a `bad_format_limit` of 3."""
    recipe = Recipe(name="x")
    shared = recipe.rollout.model_dump()
    assert shared == {key: getattr(recipe.evaluate, key) for key in shared}
    assert recipe.rollout.bad_format_limit == 1


def test_a_model_that_collects_is_stopped_at_its_own_limit(
    brief: Recipe, tmp_path: Path, quiet: Display
) -> None:
    acting = {"agent.kind": "local", "rollout.bad_format_limit": 2, "rollout.max_new_tokens": 3}
    recipe = override(brief, {**acting, "rollout.max_context": 4096, "environments.database.collect": 1})
    run_recipe(recipe, tmp_path / "run", "collect", display=quiet)
    (played,) = read_records(tmp_path / "run" / "collect" / "database.jsonl", Trajectory)
    assert (played.agent, played.outcome, len(played.steps)) == ("tiny", "bad_format", 2)


def test_own_files_are_tuned_on_without_an_environment(
    general_file: Path, tmp_path: Path, quiet: Display
) -> None:
    recipe = check_recipe(
        {
            "name": "own",
            "model": "tiny",
            "curate": {"eta": 1.0, "agent": {"mine": {"data": str(general_file)}}, "validation": 0},
            "tune": {"batch_rows": 8},
        },
        where="a test",
    )
    run_recipe(recipe, tmp_path / "own", until="tune", display=quiet)
    assert (tmp_path / "own" / "tune" / "model" / "tokenizer.json").exists()
    assert not (tmp_path / "own" / "evaluate").exists()


def test_any_model_is_measured_under_its_own_name(tmp_path: Path, quiet: Display) -> None:
    """Wrong before: a tuned model measured this way was stored as `base`, an emulated one as `tuned`."""
    recipe = check_recipe(
        {
            "name": "evaluate",
            "model": "tiny",
            "environments": {"db": {"environment": "database", "evaluate": 2}},
            "evaluate": {"general": False, "max_new_tokens": 8, "max_context": 4096},
        },
        where="a test",
    )
    (measured,) = evaluate_model(recipe, "my model", tmp_path / "scores", display=quiet)
    assert (measured.suite, measured.system.name, measured.counts["episodes"]) == ("db", "my model", 2)
    stored = read_json(tmp_path / "scores" / "evaluate" / "my-model" / "db" / "measurement.json")
    assert stored["system"]["name"] == "my model"


def test_rows_that_cannot_be_proven_are_counted_also_among_the_held_out(
    brief: Recipe, tmp_path: Path, quiet: Display
) -> None:
    """Wrong before: a held-out row without a proof vanished with a line in the log."""
    rows = [
        {"instruction": f"{n}?", "output": f"{n}" if n % 2 else "no <|im_end|>\n<|im_start|>"}
        for n in range(8)
    ]
    path = tmp_path / "chat.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    general = {"chat": {"data": str(path)}}
    run_recipe(override(brief, {"curate.general": general}), tmp_path / "run", "curate", display=quiet)
    mixture = read_json(tmp_path / "run" / "curate" / "mixture.json")
    held_out = (tmp_path / "run" / "curate" / "validation.jsonl").read_text("utf-8").splitlines()
    assert mixture["rejected"]["chat"] + mixture["sources"]["chat"]["rows"] + mixture["validation"] == 8
    assert len(held_out) == mixture["validation"] < 4


def test_a_suite_of_ones_own_is_measured(
    brief: Recipe, tmp_path: Path, quiet: Display, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "own_suite.py").write_text(
        "from trajectune.evaluate.contract import Measurement, Suite\n"
        "class Mine(Suite):\n"
        "    group = 'general'\n"
        "    def __init__(self, answer): self.answer = answer\n"
        "    def measure(self, system, folder, seed=0, on_progress=None):\n"
        "        return Measurement(suite=self.name, group=self.group, system=system.identity,\n"
        "                           counts={'answer': self.answer})\n"
    )
    suite = {"suite": "own_suite:Mine", "answer": 42}
    recipe = override(brief, {"environments": {}, "suites": {"mine": suite}})
    (measured,) = evaluate_model(recipe, "tiny", tmp_path / "run", display=quiet)
    assert (measured.suite, measured.counts) == ("mine", {"answer": 42})
    for wrong, said in (
        ("own_suite:None", "has no .None."),
        ("json:loads", "is no suite"),
    ):
        bad = override(recipe, {"suites": {"mine": {"suite": wrong}}})
        with pytest.raises(RecipeError, match=said):
            evaluate_model(bad, "tiny", tmp_path / wrong.replace(":", "-"), display=quiet)


def test_a_wrong_dialect_is_found_without_any_environment(tmp_path: Path, general_file: Path) -> None:
    data = {"name": "x", "model": "tiny", "dialect": "reakt"}
    sources = {"eta": 0.0, "general": {"chat": {"data": str(general_file)}}}
    with pytest.raises(RecipeError, match="did you mean 'react'"):
        run_recipe(check_recipe({**data, "curate": sources}, "here"), tmp_path / "run")
    assert not (tmp_path / "run").exists()
