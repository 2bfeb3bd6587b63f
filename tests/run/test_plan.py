"""A forecast needs no weights, no network and no run directory."""

from __future__ import annotations

import io
import json
from pathlib import Path

from rich.console import Console

from trajectune.run.plan import plan_recipe, planned_rows, print_plan
from trajectune.run.recipe import check_recipe, load_recipe

RECIPES = Path(__file__).parents[2] / "recipes"


def test_the_papers_recipe_is_planned_without_its_model() -> None:
    found = plan_recipe(load_recipe(RECIPES / "agentlm-7b.yaml"), rate=400)
    assert found.steps == 2_000
    assert 6.5e9 < found.parameters < 7.1e9  # exact where the hub is reached, else from the name
    assert found.workload.rows == 2_000 * 64
    # 6 operations for each parameter and token, and something for attention.
    least = 6 * 6.5e9 * found.workload.unique_tokens
    assert least < found.operations < 1.6 * least


def test_rows_are_counted_where_they_can_be(tmp_path: Path) -> None:
    chat = tmp_path / "chat.jsonl"
    rows = [json.dumps({"instruction": f"{n}?", "output": "yes"}) for n in range(7)]
    chat.write_text("\n".join(rows), encoding="utf-8")
    recipe = check_recipe(
        {
            "name": "x",
            "environments": {"database": {"collect": 10, "attempts": 3}},
            "curate": {
                "steps": [{"filter": {"per_task": 2}}],
                "general": {"chat": {"data": str(chat)}, "self": {"data": "self", "rows": 5}},
                "agent": {"far": {"data": "hf:owner/name"}},
            },
            "tune": {"batch_rows": 4},
        },
        where="a test",
    )
    assert planned_rows(recipe) == 10 * 2 + 7 + 5 + 4


def test_a_plan_is_shown_in_words() -> None:
    page = io.StringIO()
    print_plan(plan_recipe(load_recipe(RECIPES / "smoke.yaml"), rate=1), Console(file=page, width=80))
    text = page.getvalue()
    assert "optimizer steps" in text
    assert "minutes" in text
