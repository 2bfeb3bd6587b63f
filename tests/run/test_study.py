"""Studies: arms share what their changes leave equal, and give the numbers that modes gave before."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from trajectune.errors import ModelError
from trajectune.report.contents import Page
from trajectune.report.page import read_page
from trajectune.run.display import Display
from trajectune.run.page.gather import write_report
from trajectune.run.recipe import Recipe, load_recipe, override
from trajectune.run.run import run_recipe
from trajectune.run.study import Study
from trajectune.storage import read_records
from trajectune.trajectory import Trajectory

RECIPES = Path(__file__).parents[2] / "recipes"
GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text("utf-8"))


def study_of(recipe: Recipe, **section: Any) -> Study:
    return Study(override(recipe, {"study": section}), write_report)


def shared(study: Study) -> dict[str, int]:
    """How many different results the arms have of each stage."""
    return {
        stage: len({arm.results[stage].fingerprint for arm in study.arms})
        for stage in study.arms[0].results
    }


def numbers(page: Page) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for entry in page.entries:
        values = {name: metric.value for name, metric in entry.measurement.metrics.items()}
        found.setdefault(f"{entry.system}-{entry.seed}", {}).update(values)
    return found


def assert_as_before(page: Page, golden: dict[str, dict[str, float]]) -> None:
    found = numbers(page)
    assert found.keys() == golden.keys()
    for system, values in golden.items():
        assert {name: found[system][name] for name in values} == pytest.approx(values, abs=1e-4), system


@pytest.fixture(scope="module")
def ablation(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory, quiet: Display, fp32: None) -> Path:
    del fp32
    section = {"seeds": [0, 1], "arms": {"agent-only": {"curate.eta": 1.0}, "mixed": {}}}
    path = tmp_path_factory.mktemp("runs") / "ablation"
    return run_recipe(override(recipe, {"study": section}), path, display=quiet)


def test_an_ablation_gives_the_numbers_that_the_mode_gave(ablation: Path) -> None:
    page = read_page(ablation / "report" / "page.json")
    assert_as_before(page, GOLDEN["ablation"]["systems"])
    losses = {curve.name: curve.losses for curve in page.losses}
    assert losses.keys() == GOLDEN["ablation"]["training"].keys()
    for name, values in GOLDEN["ablation"]["training"].items():
        assert losses[name] == pytest.approx(values, abs=1e-4)


def test_every_seed_of_an_arm_is_compared_with_the_base_model(ablation: Path) -> None:
    page = read_page(ablation / "report" / "page.json")
    pairs = [(each.before, each.after) for each in page.changes if each.suite == "general-loss"]
    assert pairs == [("base", f"{arm}, seed {seed}") for arm in ("agent-only", "mixed") for seed in (0, 1)]


def test_arms_are_found_by_name_and_share_their_folders(ablation: Path) -> None:
    arms = ablation / "arms"
    assert {path.name for path in arms.iterdir()} == {
        f"{arm}-{seed}" for arm in ("agent-only", "mixed") for seed in (0, 1)
    }
    for stage, different in {"collect": 1, "general": 1, "curate": 2, "tune": 4}.items():
        assert len({(arm / stage).resolve() for arm in arms.iterdir()}) == different
    made = Counter(path.name.rpartition("-")[0] for path in (ablation / "stages").iterdir())
    assert (made["collect"], made["curate"], made["tune"]) == (1, 2, 4)


@pytest.fixture(scope="module")
def upscale(recipe: Recipe) -> Recipe:
    """The shipped study of up-scaling, with the tiny model and the weights of the golden numbers."""
    spec = load_recipe(RECIPES / "upscale.yaml").study
    assert spec is not None
    section = json.loads(spec.model_dump_json(exclude_none=True))
    section["arms"]["small"]["model"] = {"shrink": "tiny", "layers": 2, "rows": 4, "epochs": 1.0}
    gone = {"α = 0.25", "α = 0.75", "β = 0.5"}
    section["systems"] = {name: each for name, each in section["systems"].items() if name not in gone}
    curves = section["comparisons"]["curves"]
    for name, curve in curves.items():
        curves[name] = {weight: system for weight, system in curve.items() if system not in gone}
    return override(recipe, {"study": section})


@pytest.fixture(scope="module")
def upscaled(upscale: Recipe, tmp_path_factory: pytest.TempPathFactory, quiet: Display, fp32: None) -> Path:
    del fp32
    return run_recipe(upscale, tmp_path_factory.mktemp("runs") / "upscale", display=quiet)


def test_up_scaling_gives_the_numbers_that_the_mode_gave(upscaled: Path) -> None:
    assert_as_before(read_page(upscaled / "report" / "page.json"), GOLDEN["upscale"]["systems"])


def test_a_composition_is_compared_as_any_system_is(upscaled: Path) -> None:
    page = read_page(upscaled / "report" / "page.json")
    assert {(each.before, each.after) for each in page.changes} == {
        ("small base", "small tuned"),
        ("large base", "emulated"),
        ("large base", "large tuned"),
    }
    assert {(gap.floor, gap.suite) for gap in page.gaps} == {
        ("large base", "database"),
        ("small tuned", "database"),
    }
    curves = {(curve.suite, curve.weight): [at for at, _ in curve.points] for curve in page.curves}
    assert curves["general-loss", "α: share of the tuning"] == [0, 0.5, 1]
    assert curves["database", "β: share of the scale"] == [0, 1, 1.5]
    emulated = next(e for e in page.entries if e.system == "emulated").measurement.system
    assert emulated.model == "upscale(large=large/base, tuned=small/tuned, base=small/base, strength=1)"
    assert (upscaled / "systems" / "emulated-0" / "composition.yaml").exists()


def test_the_small_arm_shares_all_but_its_model(upscale: Recipe) -> None:
    assert shared(Study(upscale, write_report)) == {
        "collect": 1,
        "general": 1,
        "curate": 1,
        "tune": 2,
        "evaluate/base": 2,
        "evaluate/tuned": 2,
    }


def test_a_study_goes_on_where_it_was_stopped(upscale: Recipe, upscaled: Path, quiet: Display) -> None:
    for name in ("report", "systems/β-1.5-0"):
        (upscaled / name / "done.json").unlink()
    weights = upscaled / "arms" / "small-0" / "tune" / "model" / "model.safetensors"
    before = weights.stat().st_mtime_ns
    run_recipe(upscale, upscaled, display=quiet)
    assert (upscaled / "report" / "done.json").exists()
    assert weights.stat().st_mtime_ns == before


def test_what_the_small_model_is_healed_on_is_not_what_measures_it(upscaled: Path) -> None:
    arm = upscaled / "arms" / "small-0"
    healed = (arm / "base" / "answers.jsonl").read_text("utf-8").splitlines()
    measured = (arm / "general" / "chat.jsonl").read_text("utf-8").splitlines()
    assert not {json.loads(line)["prompt"] for line in healed} & {
        json.loads(line)["messages"][0]["content"] for line in measured
    }


@pytest.mark.parametrize(
    ("model", "said"),
    [({"shrink": "tiny", "layers": 99}, "99 layers cannot be kept"), ("/no/model", "no such model")],
)
def test_an_impossible_small_model_is_refused_before_any_work(
    upscale: Recipe, tmp_path: Path, model: object, said: str, quiet: Display
) -> None:
    wrong = override(upscale, {"study.arms.small": {"model": model}})
    with pytest.raises(ModelError, match=said):
        run_recipe(wrong, tmp_path / "study", display=quiet)
    assert not (tmp_path / "study").exists()


def test_an_arm_in_another_dialect_has_a_base_of_its_own(recipe: Recipe) -> None:
    """Wrong before: an arm with `dialect: react` was compared with a base that wrote agentbench."""
    study = study_of(recipe, arms={"plain": {}, "react": {"dialect": "react"}})
    assert shared(study)["evaluate/base"] == 2
    assert shared(study)["collect"] == 1  # the expert's trajectories are structure
    assert [row.system for row in study.rows] == ["base (plain)", "base (react)", "plain", "react"]
    assert study.comparisons.changes == [("base (plain)", "plain"), ("base (react)", "react")]


def test_an_arm_that_collects_less_trains_on_less_and_says_so(
    brief: Recipe, tmp_path: Path, quiet: Display
) -> None:
    """Wrong before: an arm with `collect: 2` trained on 4 trajectories and reported 2."""
    arms = {"four": {}, "two": {"environments.database.collect": 2}}
    recipe = override(brief, {"study": {"arms": arms}, "curate.eta": 1.0})
    run_recipe(recipe, tmp_path / "run", display=quiet)
    page = read_page(tmp_path / "run" / "report" / "page.json")
    assert {row.source: row.tasks for row in page.funnel} == {"four: database": 4, "two: database": 2}
    assert {row.source: row.rows for row in page.mixture} == {"four: database": 4, "two: database": 2}
    played = tmp_path / "run" / "arms" / "two-0" / "collect" / "database.jsonl"
    assert len(list(read_records(played, Trajectory))) == 2


def test_whatever_an_arm_changes_it_shares_the_rest(recipe: Recipe) -> None:
    arms = {
        "plain": {},
        "limit": {"evaluate.max_new_tokens": 5},
        "dialect": {"dialect": "react"},
        "rate": {"tune.learning_rate": 1e-4},
        "file": {"curate.general": {"chat": {"data": "hf:a/b"}}},
    }
    assert shared(study_of(recipe, arms=arms)) == {
        "collect": 1,
        "general": 2,
        "curate": 3,
        "tune": 4,
        "evaluate/base": 4,
        "evaluate/tuned": 5,
    }


def test_a_study_that_nobody_planned_for_is_a_recipe_only(
    brief: Recipe, tmp_path: Path, quiet: Display
) -> None:
    """Two dialects × two seeds, as `recipes/dialects.yaml` writes it."""
    spec = load_recipe(RECIPES / "dialects.yaml").study
    assert spec is not None
    recipe = override(brief, {"study": json.loads(spec.model_dump_json(exclude_none=True))})
    run_recipe(recipe, tmp_path / "run", display=quiet)
    page = read_page(tmp_path / "run" / "report" / "page.json")
    systems = [(entry.system, entry.seed) for entry in page.entries]
    assert systems == [
        ("base (agentbench)", 0),
        ("base (react)", 0),
        *((arm, seed) for seed in (0, 1) for arm in ("agentbench", "react")),
    ]
    spoken = {entry.system: entry.measurement.system.dialect for entry in page.entries}
    assert spoken["base (react)"] == spoken["react"] == "react"
    assert spoken["base (agentbench)"] == spoken["agentbench"] == "agentbench"
    assert Counter(p.name.rpartition("-")[0] for p in (tmp_path / "run" / "stages").iterdir())["tune"] == 4


def test_stages_before_the_end_are_made_for_every_arm(
    brief: Recipe, tmp_path: Path, quiet: Display
) -> None:
    recipe = override(brief, {"study": {"arms": {"a": {}, "b": {"dialect": "react"}}}})
    run_recipe(recipe, tmp_path / "run", "curate", display=quiet)
    arms = tmp_path / "run" / "arms"
    texts = {(arms / f"{arm}-0" / "curate" / "train.jsonl").read_text("utf-8") for arm in "ab"}
    assert len(texts) == 2
    assert not (tmp_path / "run" / "report").is_symlink()
