"""What of the rows of files is not trained on is said while curating, and stands in the funnel."""

from __future__ import annotations

import io
import json
from pathlib import Path

from rich.console import Console

from trajectune.curate.funnel import Funnel
from trajectune.run.display import Display
from trajectune.run.recipe import check_recipe
from trajectune.run.run import run_recipe
from trajectune.run.stages.sources import OMITTED

UNREAD = "a row holds `observation`, which no reader knows"


def test_notes_of_agent_and_general_files_are_in_the_funnel(tiny_dir: Path, tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "thinking": "hm"}]
    path = tmp_path / "chat.jsonl"
    rows = [{"messages": turns, "observation": "o"}, {"messages": turns, "id": "2"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    spec = {"data": str(path), "reasoning": "omit"}
    curate = {"agent": {"mine": spec}, "general": {"theirs": spec}, "validation": 0}
    recipe = check_recipe({"name": "x", "model": str(tiny_dir), "curate": curate}, where="")
    said = io.StringIO()
    home = run_recipe(recipe, tmp_path / "run", "curate", display=Display(Console(file=said, width=200)))
    found = Funnel.load(home / "curate" / "funnel.json")
    assert found.notes == {name: {UNREAD: 1, OMITTED: 2} for name in ("mine", "theirs")}
    assert f"mine: {UNREAD} (1 rows)" in said.getvalue()
    assert f"theirs: {OMITTED} (2 rows)" in said.getvalue()
    trained = [json.loads(line) for line in (home / "curate" / "train.jsonl").read_text().splitlines()]
    assert [message["reasoning"] for row in trained for message in row["messages"]] == [""] * 8
