"""The whole chain, with the tiny model: every stage, twice, and in arms."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from trajectune.errors import ModelError
from trajectune.evaluate.results import Results
from trajectune.evaluate.upscaling import UpscaleResults
from trajectune.run.recipe import Recipe, check_recipe, load_recipe, override
from trajectune.run.run import evaluate_model, run_recipe
from trajectune.storage import read_json

SMOKE = Path(__file__).parents[2] / "recipes" / "smoke.yaml"
QUIET = Console(quiet=True)


@pytest.fixture(scope="module")
def general_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of general conversations, so that the tiny model need not ramble its own."""
    path = tmp_path_factory.mktemp("general") / "chat.jsonl"
    rows = [
        {"instruction": f"Say the number {n}.", "input": "", "output": f"The number is {n}."}
        for n in range(20)
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def recipe(general_file: Path) -> Recipe:
    source = {"data": str(general_file), "rows": 12}
    return override(
        load_recipe(SMOKE), {"curate.general": {"chat": source}, "environments.database.evaluate": 2}
    )


@pytest.fixture(scope="module")
def finished(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_recipe(recipe, tmp_path_factory.mktemp("runs") / "smoke", console=QUIET)


def test_a_run_leaves_a_page_a_record_and_a_model(finished: Path) -> None:
    results = Results.model_validate(read_json(finished / "report" / "results.json"))
    assert (finished / "report" / "index.html").stat().st_size > 10_000
    assert (finished / "tune" / "model" / "model.safetensors").exists()
    assert [row.kept for row in results.funnel] == [12]
    assert {row.source: row.rows for row in results.mixture} == {"database": 12, "chat": 12}
    assert sum(row.share for row in results.mixture) == pytest.approx(1)
    assert results.agents[0].before is not None
    assert results.agents[0].before.episodes == 2
    assert results.general_after is not None
    assert results.general_after.divergence is not None
    assert results.general_after.divergence.value > 0
    assert {curve.source for curve in results.curves} == {"database", "chat"}
    assert [stage.stage for stage in results.stages][:3] == ["collect", "general", "curate"]


def test_validation_examples_are_not_trained(finished: Path) -> None:
    def questions(name: str) -> set[str]:
        lines = (finished / "curate" / name).read_text(encoding="utf-8").splitlines()
        return {json.loads(line)["messages"][0]["content"] for line in lines}

    held_out = questions("validation.jsonl")
    assert len(held_out) == 4
    assert not held_out & questions("train.jsonl")


def test_running_again_does_nothing(recipe: Recipe, finished: Path) -> None:
    def state() -> dict[str, int]:
        return {str(path): path.stat().st_mtime_ns for path in finished.rglob("*") if path.is_file()}

    before = state()
    run_recipe(recipe, finished, console=QUIET)
    assert state() == before


def test_an_ablation_shares_its_data_and_compares_its_arms(recipe: Recipe, tmp_path: Path) -> None:
    arms = {"agent-only": {"curate.eta": 1.0}, "mixed": {}}
    changed = override(recipe, {"ablation": {"arms": arms, "seeds": [0]}, "evaluate.general": False})
    run_recipe(changed, tmp_path / "arms", console=QUIET)
    compared = read_json(tmp_path / "arms" / "report" / "comparison.json")
    assert [row["arm"] for row in compared] == ["agent-only", "mixed"]
    assert {row["source"] for row in compared[0]["results"]["mixture"]} == {"database"}
    assert not (tmp_path / "arms" / "arms" / "mixed-0" / "collect" / "database.jsonl").exists()


@pytest.fixture(scope="module")
def upscaled(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = {"layers": 2, "rows": 4, "epochs": 1.0, "alphas": [0.5], "betas": [1.5]}
    path = tmp_path_factory.mktemp("runs") / "upscale"
    return run_recipe(override(recipe, {"upscale": spec}), path, console=QUIET)


def test_emulated_models_are_measured_beside_tuned_ones(upscaled: Path) -> None:
    found = UpscaleResults.model_validate(read_json(upscaled / "report" / "upscale.json"))
    assert [(each.name, each.alpha, each.beta) for each in found.systems] == [
        ("small base", None, None),
        ("small tuned", None, 0.0),
        ("large base", 0.0, None),
        ("emulated", 1.0, 1.0),
        ("large tuned", None, None),
        ("α = 0.5", 0.5, None),
        ("β = 1.5", None, 1.5),
    ]
    for each in found.systems:
        assert each.agents["database"].episodes == 2
        assert each.general is not None
    losses = {
        each.name: each.general.loss.value for each in found.systems if each.general and each.general.loss
    }
    assert len(set(losses.values())) == 7
    assert found.recovered[0].environment == "database"
    page = (upscaled / "report" / "index.html").read_text("utf-8")
    assert page.count("<svg") == 2
    assert "α = 0.5" in page


def test_a_study_goes_on_where_it_was_stopped(upscaled: Path) -> None:
    for stage in ("report", "emulated/beta-1.5"):
        (upscaled / stage / "done.json").unlink()
    before = (upscaled / "arms" / "small" / "tune" / "model" / "model.safetensors").stat().st_mtime_ns
    stored = load_recipe(upscaled / "recipe.yaml")
    run_recipe(stored, upscaled, console=QUIET)
    assert (upscaled / "report" / "done.json").exists()
    assert (
        upscaled / "arms" / "small" / "tune" / "model" / "model.safetensors"
    ).stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("spec", "said"),
    [({"layers": 99}, "99 layers cannot be kept"), ({"small": "/no/model"}, "no such model")],
)
def test_an_impossible_small_model_is_refused_before_any_work(
    recipe: Recipe, tmp_path: Path, spec: dict[str, object], said: str
) -> None:
    with pytest.raises(ModelError, match=said):
        run_recipe(override(recipe, {"upscale": spec}), tmp_path / "study", console=QUIET)
    assert not (tmp_path / "study" / "collect").exists()


def test_what_the_small_model_is_healed_on_is_not_what_measures_it(upscaled: Path) -> None:
    healed = (upscaled / "small" / "answers.jsonl").read_text("utf-8").splitlines()
    measured = (upscaled / "general" / "chat.jsonl").read_text("utf-8").splitlines()
    assert not {json.loads(line)["prompt"] for line in healed} & {
        json.loads(line)["messages"][0]["content"] for line in measured
    }


def test_own_files_are_tuned_on_without_an_environment(general_file: Path, tmp_path: Path) -> None:
    recipe = check_recipe(
        {
            "name": "own",
            "model": "tiny",
            "curate": {"eta": 1.0, "agent": {"mine": {"data": str(general_file)}}, "validation": 0},
            "tune": {"batch_rows": 8},
        },
        where="a test",
    )
    run_recipe(recipe, tmp_path / "own", until="tune", console=QUIET)
    assert (tmp_path / "own" / "tune" / "model" / "tokenizer.json").exists()
    assert not (tmp_path / "own" / "after").exists()


def test_any_model_is_measured_on_any_environment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = {"environment": "database", "evaluate": 2}
    recipe = check_recipe(
        {
            "name": "evaluate",
            "model": "tiny",
            "environments": {"db": entry},
            "evaluate": {"general": False, "max_new_tokens": 8, "max_context": 4096},
        },
        where="a test",
    )
    evaluate_model(recipe, tmp_path / "scores", QUIET)
    assert "db" in capsys.readouterr().out
    assert read_json(tmp_path / "scores" / "before" / "agent.json")["db"]["episodes"] == 2
