"""WebShop's folder: its goals in its order, its splits, and its real files where they are at hand."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from trajectune.environments.check import check_environment
from trajectune.environments.play import start
from trajectune.environments.web_shop import WebShopEnvironment
from trajectune.environments.web_shop.expert.wishes import searches, wish
from trajectune.environments.web_shop.files.source import read_goals, split_of, store
from trajectune.environments.web_shop.shop.goal import Goal
from trajectune.environments.web_shop.shop.search import split
from trajectune.errors import DataError, RecipeError


def rows(count: int) -> list[dict[str, Any]]:
    words = ("red", "blue", "green", "light", "warm", "dry", "soft")
    return [
        {
            "asin": f"B0{n:08d}",
            "name": f"{words[n % 7].title()} Coat Model{n}",
            "full_description": f"It is waterproof. Style{n}.",
            "small_description": ["Machine washable."],
            "pricing": f"${n % 40 + 5}",
            "customization_options": {"size": [{"value": "Small"}, {"value": "Large"}]},
            "query": "coat",
            "product_category": "Clothing › Coats",
        }
        for n in range(count)
    ]


def human(count: int) -> dict[str, list[dict[str, Any]]]:
    goal = {"instruction_attributes": ["waterproof"], "instruction_options": ["large"]}
    return {
        f"B0{n:08d}": [goal | {"instruction": f"i want a waterproof coat model{n} in size large."}]
        for n in range(count)
    }


def folder(tmp_path: Path, count: int = 40, **files: object) -> Path:
    path = tmp_path / "webshop"
    path.mkdir()
    known = {f"B0{n:08d}": {"attributes": ["waterproof"]} for n in range(count)}
    default = {
        "items_shuffle.json": rows(count),
        "items_ins_v2.json": known,
        "items_human_ins.json": human(count),
    }
    for name, value in (default | files).items():
        (path / name).write_text(json.dumps(value))
    return path


def test_an_environment_over_files_keeps_the_contract(tmp_path: Path) -> None:
    environment = WebShopEnvironment("webshop", path=folder(tmp_path))
    findings = check_environment(environment, tasks_per_split=2)
    assert [str(finding) for finding in findings if finding.severity == "error"] == []
    assert environment.rejected == []
    assert "WebShop's products and goals" in environment.note
    tasks = environment.tasks("test")
    assert len(tasks) == 40
    assert tasks[0].id.startswith("webshop/00000-B0")
    assert {task.kind for task in tasks} == {"clothing"}
    assert environment.tasks("train") == ()


def test_the_expert_of_a_human_goal_earns_one_or_does_not_play(tmp_path: Path) -> None:
    environment = WebShopEnvironment("webshop", path=folder(tmp_path))
    plays = [start(environment, task, seed) for seed, task in enumerate(environment.tasks("test"))]
    assert sum(play is not None for play in plays) >= 30
    for play in plays:
        if play is not None:
            while play.advance() is not None:
                pass
            assert play.last is not None
            assert play.last.reward == 1


def test_goals_are_shuffled_as_webshop_does(tmp_path: Path) -> None:
    goals, rejected = read_goals(folder(tmp_path, 30), "human")
    order = [f"B0{n:08d}" for n in range(30)]
    Random(233).shuffle(order)
    assert [goal.asin for goal in goals] == order
    assert rejected == []


def test_splits_are_webshops() -> None:
    assert [split_of(number) for number in (0, 499, 500, 1499, 1500, 12_086)] == [
        "test", "test", "dev", "dev", "train", "train",
    ]  # fmt: skip


def test_goals_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    bad = human(3) | {"B0GONE": [{}], "B000000001": [7, {"instruction": "x", "instruction_attributes": []}]}
    environment = WebShopEnvironment("webshop", path=folder(tmp_path, 5, **{"items_human_ins.json": bad}))
    assert len(environment.tasks("test")) == 2
    assert [(row.line, row.reason.partition(":")[0]) for row in environment.rejected] == [
        (2, "items_human_ins.json, B000000001"),
        (2, "items_human_ins.json, B000000001"),
        (4, "items_human_ins.json, B0GONE"),
    ]


def test_packed_files_and_the_small_set(tmp_path: Path) -> None:
    path = tmp_path / "small"
    path.mkdir()
    with gzip.open(path / "items_shuffle_1000.json.gz", "wt") as file:
        json.dump(rows(4), file)
    known = {
        "B000000001": {
            "attributes": ["dry"],
            "instruction": "Find dry coats",
            "instruction_attributes": ["dry"],
        }
    }
    (path / "items_ins_v2_1000.json").write_text(json.dumps(known))
    (goal,), _ = read_goals(path, "synthetic")
    assert goal.asin == "B000000001"
    assert goal.instruction.startswith("Find dry coats with size: ")
    with pytest.raises(DataError, match=r"no items_human_ins\.json"):
        read_goals(path, "human")


@pytest.mark.parametrize(
    ("files", "said"),
    [({"items_human_ins.json": {}}, "No goal"), ({"items_shuffle.json": []}, "No product")],
)
def test_empty_files(tmp_path: Path, files: dict[str, object], said: str) -> None:
    with pytest.raises(DataError, match=said):
        WebShopEnvironment("webshop", path=folder(tmp_path, 3, **files)).tasks("test")


def test_a_folder_without_the_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no items_shuffle\.json or items_shuffle_1000\.json"):
        WebShopEnvironment("webshop", path=tmp_path).tasks("test")
    with pytest.raises(RecipeError, match="needs 'path'"):
        WebShopEnvironment("webshop")


def test_real_attributes_make_goals(tmp_path: Path, shared_data: Path) -> None:
    """The real attribute file, over products made up for its codes."""
    real = shared_data / "webshop" / "items_ins_v2_1000.json"
    codes = json.loads(real.read_text())
    path = tmp_path / "real"
    path.mkdir()
    (path / "items_ins_v2_1000.json").symlink_to(real)
    products = [row | {"asin": asin} for asin, row in zip(codes, rows(len(codes)), strict=True)]
    (path / "items_shuffle_1000.json").write_text(json.dumps(products))
    goals, rejected = read_goals(path, "synthetic")
    assert (len(goals), rejected) == (415, [])
    catalogue = store(path).catalogue
    assert len(catalogue.products) == 1000
    for goal in goals:
        product = catalogue.product(goal.asin)
        assert product is not None
        assert set(goal.attributes) <= set(product.attributes)


def test_real_instructions_become_searches(shared_data: Path) -> None:
    """All 12,087 wishes that people wrote for WebShop."""
    told = json.loads((shared_data / "webshop" / "human_goals.json").read_text())
    assert len(told) == 12_087
    lengths: list[int] = []
    for instruction in told:
        priced = f"{instruction}, and price lower than 40.00 dollars"
        wished = wish(Goal(priced, "B0", "", "", (), ("easy to use",)))
        for search in searches(wished):
            words = search.split()
            assert words
            assert set(words) <= set(split(priced)) - {"dollars"}
            lengths.append(len(words))
    assert sum(lengths) / len(lengths) > 4
