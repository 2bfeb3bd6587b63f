"""Whole files read back: every row is a trajectory or refused with its line and reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from curate.importing.conversations import MOVES, OPENINGS, released
from trajectune.curate.formats import write_examples
from trajectune.curate.importing.conversation import LOST_WORDS, NO_GRAMMAR
from trajectune.curate.importing.files import Imported, import_trajectories
from trajectune.storage import Rejected
from trajectune.trajectory import Trajectory


def imported(path: Path) -> tuple[list[Trajectory], Imported, list[Rejected]]:
    count, rejected = Imported(), list[Rejected]()
    return list(import_trajectories(path, count, rejected)), count, rejected


def test_a_file_and_its_account(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write_examples(path, [released(name) for name in OPENINGS], "agentinstruct", [])
    with path.open("a", encoding="utf-8") as file:
        turns = [
            {"from": "human", "loss": None, "value": "Hi"},
            {"from": "gpt", "loss": True, "value": "Yes"},
        ]
        file.write(json.dumps({"id": "other", "conversations": turns}) + "\nnonsense\n")
        file.write(path.read_text(encoding="utf-8").splitlines()[0] + "\n")
    found, count, rejected = imported(path)
    assert [each.environment for each in found] == [*OPENINGS, "database"]
    assert [each.id for each in found[::6]] == ["database/row_1/0", "database/row_1/1"]
    assert count.rows == {**dict.fromkeys(OPENINGS, 1), "database": 2}
    assert count.turns.total() == count.steps.total() == sum(len(each.steps) for each in found)
    assert count.refused == {NO_GRAMMAR: 1, "no conversation that can be read": 1}
    assert [row.line for row in rejected] == [7, 8]
    assert count.share == 7 / 9


def test_an_empty_file_has_no_share(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("", encoding="utf-8")
    found, count, rejected = imported(path)
    assert (found, count.share, rejected) == ([], None, [])


@given(
    rows=st.lists(st.tuples(st.sampled_from(list(OPENINGS)), st.integers(0, 3), st.booleans()), max_size=8)
)
def test_every_row_is_a_trajectory_or_refused(
    rows: list[tuple[str, int, bool]], tmp_path_factory: Any
) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for environment, number, whole in rows:
            turns = [*OPENINGS[environment], *(MOVES[environment] if whole else ())]
            messages = [
                {"role": "assistant" if place % 2 else "user", "content": turn}
                for place, turn in enumerate(turns)
            ]
            file.write(json.dumps({"id": f"{environment}{number}", "messages": messages}) + "\n")
    found, count, rejected = imported(path)
    assert len(found) == count.rows.total()
    assert len(rejected) == count.refused.total()
    assert len(found) + len(rejected) == len(rows)
    assert len({each.id for each in found}) == len(found)


def test_all_released_database_rows_come_back(shared_data: Path) -> None:
    found, count, rejected = imported(shared_data / "agentinstruct" / "db.jsonl")
    assert (len(found), rejected) == (538, [])
    assert count.turns == {"exact": 923, "values": 186}
    assert sum(len(each.steps) for each in found) == 1_109
    assert all(step.trained for each in found for step in each.steps)


def test_the_five_rows_of_each_other_split_come_back(shared_data: Path) -> None:
    for split in ("os", "alfworld", "webshop", "kg", "db"):
        found, count, rejected = imported(shared_data / "agentinstruct" / f"sample_{split}.json")
        assert (len(found), rejected) == (5, []), split
        assert set(count.turns) <= {"exact", "spaces"}, split
    found, count, rejected = imported(shared_data / "agentinstruct" / "sample_mind2web.json")
    assert (len(found), count.turns) == (4, {"exact": 4})
    assert [row.reason for row in rejected] == [f"mind2web_46: {LOST_WORDS}"]


def test_of_agenttraj_only_web_shopping_has_the_grammar(shared_data: Path) -> None:
    found, count, _ = imported(shared_data / "agentgym_trajectories" / "all.jsonl.gz")
    assert count.rows == {"web_shop": 412}
    assert count.refused == {NO_GRAMMAR: 3_226, LOST_WORDS: 1}
    assert set(count.turns) == {"exact", "spaces"}
    assert all(each.steps[-1].calls for each in found)
