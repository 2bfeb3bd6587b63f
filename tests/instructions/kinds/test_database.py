"""Changes that a model wrote are run before they are believed."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.database.engine.tables import Column, Table, literal
from trajectune.environments.registry import load_environment
from trajectune.instructions.kinds import database as kind
from trajectune.instructions.kinds.contract import INCOMPLETE, Request
from trajectune.instructions.kinds.database import About, DatabaseKind, unsaid_values
from trajectune.instructions.outcome import RefusedError
from trajectune.run.api.acting import Expert, rollout

COLUMNS = [Column("Name"), Column("Home town"), Column("Goals", "INT")]
TABLE = Table("Best Players", COLUMNS, [["Ada", "Rome", 3], ["Bo", "Oslo", 5]])
INSERT = "INSERT INTO `Best Players` (`Name`, `Home town`, `Goals`) VALUES ('Cy', 'Bern', 1200)"
SAID = {
    "insert": "Add Cy from Bern, who scored 1,200 goals.",
    "update": "Ada moved to Bern.",
    "delete": "Bo left.",
}
SOUND = {
    "insert": INSERT,
    "update": "UPDATE `Best Players` SET `Home town` = 'Bern' WHERE `Name` = 'Ada'",
    "delete": "DELETE FROM `Best Players` WHERE `Name` = 'bo';",
}


def tried(description: object, sql: object, wanted: str = "insert") -> dict[str, object]:
    return DatabaseKind().tried({"description": description, "sql": sql}, Request("", About(TABLE, wanted)))


@pytest.mark.parametrize("name", list(SOUND))
def test_a_sound_change_is_played_by_its_environment(name: str, tmp_path: Path) -> None:
    row = tried(SAID[name], SOUND[name], name)
    DatabaseKind().write([row], tmp_path / DatabaseKind.file)
    environment = load_environment("database", DatabaseKind.options(tmp_path))
    assert len(environment.tasks("train")) == 1
    (played,) = rollout(environment, Expert(), to=tmp_path / "played.jsonl").trajectories()
    assert played.reward == 1.0
    assert SAID[name] in played.observation
    assert "Best Players" in played.observation


@pytest.mark.parametrize(
    ("description", "sql", "reason"),
    [
        (None, INSERT, INCOMPLETE),
        (" ", INSERT, INCOMPLETE),
        ("x" * 2_000, INSERT, INCOMPLETE),
        (SAID["insert"], ["INSERT"], INCOMPLETE),
        (SAID["insert"], SOUND["delete"], kind.OTHER_KIND),
        (SAID["insert"], "INSERT INTO nowhere VALUES ('Cy')", kind.FAILS),
        (SAID["insert"], f"{INSERT}; {SOUND['delete']}", kind.UNSAID),
        (SAID["insert"] + " Bo", f"{INSERT}; {SOUND['delete']}", kind.FAILS),
        ("Add Cy from Bern.", INSERT, kind.UNSAID),
        ("Add Cy from Rome, who scored 1200 goals.", INSERT, kind.UNSAID),
        (f"Run {INSERT}", INSERT, kind.QUOTED),
        ("Add today", "INSERT INTO `Best Players` (`Name`) VALUES (date('now'))", kind.BY_CHANCE),
        ("Add no one: Cy", "INSERT INTO `Best Players` (`Name`) SELECT 'Cy' WHERE FALSE", kind.IDLE),
    ],
)
def test_each_reason(description: object, sql: object, reason: str) -> None:
    with pytest.raises(RefusedError) as error:
        tried(description, sql)
    assert str(error.value).startswith(reason)


def test_a_change_that_changes_nothing_is_refused() -> None:
    with pytest.raises(RefusedError, match=kind.IDLE):
        tried("Zoe left.", "DELETE FROM `Best Players` WHERE `Name` = 'Zoe'", "delete")


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO `Best Players` SELECT load_extension('/tmp/x'), 'x', 1",
        "INSERT INTO sqlite_master VALUES (1, 2, 3, 4, 5)",
        "INSERT INTO `Best Players` VALUES ('Cy', hex(zeroblob(1000000000)), 1)",
    ],
)
def test_hostile_statements_stay_in_the_fence(sql: str) -> None:
    said = "Cy Bern /tmp/x x 1 2 3 4 5 1000000000"
    with pytest.raises(RefusedError, match=kind.FAILS):
        tried(said, sql)


@given(
    text=st.text(st.characters(codec="utf-8", exclude_characters='%`"\r\n'), min_size=1, max_size=12),
    number=st.integers(0, 10**6),
)
def test_a_value_is_known_when_it_is_said(text: str, number: int) -> None:
    sql = f"UPDATE `t 7` SET `a 1` = {literal(text)} WHERE `b` > {number}"
    assert unsaid_values(sql, f"Set a to {text} where b is above {number}.", TABLE) == []
    assert str(number) in unsaid_values(sql, "Set a where b is above a limit.", TABLE)


def test_names_in_double_quotes_are_no_values() -> None:
    sql = 'UPDATE "Best Players" SET "Goals" = 9 WHERE "Name" = "Ada"'
    assert unsaid_values(sql, "Ada has 9 goals.", TABLE) == []
    assert unsaid_values(sql, "She has 9 goals.", TABLE) == ['"Ada"']


def test_a_request_shows_the_table_and_follows_from_its_number() -> None:
    first, again, other = (
        DatabaseKind().request(Random(seed), ["Add Zoe."]) for seed in ("0/1", "0/1", "0/2")
    )
    assert first == again != other
    about: About = first.about
    assert f"`{about.table.name}`" in first.prompt
    assert f"one {about.kind.upper()} statement" in first.prompt
    assert "- Add Zoe." in first.prompt


def test_seed_tasks_of_dbbench(shared_data: Path) -> None:
    seeded = DatabaseKind(shared_data / "agentbench/dbbench/dev.jsonl")
    requests = [seeded.request(Random(number), []) for number in range(5)]
    assert len({request.about.table.name for request in requests}) > 2
