"""MetaQA: a small folder of its layout, and the real one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from trajectune.environments.knowledge_graph import KnowledgeGraphEnvironment
from trajectune.environments.knowledge_graph.sources.metaqa import metaqa, path_of
from trajectune.environments.knowledge_graph.sources.problem import GoldCall
from trajectune.environments.knowledge_graph.sources.replay import answers_of
from trajectune.environments.play import start
from trajectune.errors import DataError

NAMES = ["Kismet", "W. Dieterle", "Fashions of 1934", "Edward Knoblock", "Odd, [name] (1)", "Drama"]
RELATIONS = ["directed by", "written by", "starred actors", "release year", "in language", "has genre"]
TRIPLES = "0\t0\t1\n2\t0\t1\n0\t1\t3\n4\t0\t1\n0\t5\t5\n"
QUESTIONS = {
    "1-hop": [("who directed [Kismet]\tW. Dieterle", "movie_to_director")],
    "2-hop": [
        (
            "the director of [Kismet] also made\tFashions of 1934|Odd, [name] (1)",
            "movie_to_director_to_movie",
        ),
        ("the director of [Kismet] also made\tFashions of 1934|Lost", "movie_to_director_to_movie"),
        ("the director of [Kismet] also made\tFashions of 1934", "movie_to_director_to_movie"),
        (
            "the director of [Kismet] also made\tFashions of 1934|Odd, [name] (1)|Lost",
            "movie_to_director_to_movie",
        ),
        ("who shares it with [Odd, [name] (1)]\tKismet|Fashions of 1934", "movie_to_director_to_movie"),
        ("no entity\tKismet", "movie_to_director"),
        ("no answers [Kismet]", "movie_to_director"),
        ("a wrong type [Kismet]\tDrama", "movie_to_mood"),
        ("a wrong type [Kismet]\tDrama", "director_to_actor"),
        ("a wrong type [Kismet]\tDrama", "movie"),
    ],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "metaqa"
    (root / "questions").mkdir(parents=True)
    (root / "entity2text.txt").write_text("".join(f"{n}\t{name}\n" for n, name in enumerate(NAMES)))
    (root / "relation2text.txt").write_text("".join(f"{n}\t{name}\n" for n, name in enumerate(RELATIONS)))
    (root / "train.tsv").write_text(TRIPLES)
    (root / "dev.tsv").write_text("0\t0\t1\n")
    (root / "test.tsv").write_text("0\t0\n9\t0\t1\n0\t77\t1\n")
    for name, listed in QUESTIONS.items():
        (root / "questions" / f"{name}.txt").write_text("".join(f"{row}\n" for row, _ in listed))
        (root / "questions" / f"{name}.qtype.txt").write_text("".join(f"{kind}\n" for _, kind in listed))
    return root


def test_questions_that_hold_are_tasks_and_the_others_rejected_with_the_reason(folder: Path):
    found = metaqa(folder, "test")
    assert [(task.id, task.kind) for task in found.tasks("test")] == [
        ("metaqa-1-hop-1", "1_hop"),
        ("metaqa-2-hop-1", "2_hop"),
        ("metaqa-2-hop-5", "2_hop"),
    ]
    reasons = [(row.line, row.reason.split(": ")[0], row.reason.split(": ")[1]) for row in found.rejected]
    assert reasons == [
        (1, "test.tsv", "not three numbers of known entities"),
        (2, "test.tsv", "not three numbers of known entities"),
        (3, "test.tsv", "an unknown relation"),
        (2, "2-hop.txt", "its path misses answers and reaches others"),
        (3, "2-hop.txt", "its path reaches more than its answers"),
        (4, "2-hop.txt", "its path misses answers"),
        *[(number, "2-hop.txt", "not a question of MetaQA") for number in range(6, 11)],
    ]


def test_what_holds_is_what_the_graph_answers(folder: Path):
    found = metaqa(folder, "test")
    for task in found.tasks("test"):
        problem = found.problem(task)
        assert answers_of(found.graph, problem.entities, problem.gold) == problem.answers


def test_the_question_loses_its_brackets_and_keeps_its_entity(folder: Path):
    found = metaqa(folder, "test")
    problem = found.problem(found.tasks("test")[2])
    assert problem.text == ("Question: who shares it with Odd, [name] (1)\nEntities: [Odd, [name] (1)]")
    assert problem.gold[1] == GoldCall("get_neighbors", ("Odd, [name] (1)", "movie.directed_by"))
    assert problem.gold[3] == GoldCall("get_neighbors", ("#0", "person.directed"))


def test_types_are_paths():
    assert path_of("actor_to_movie_to_year") == ["person.starred_in", "movie.release_year"]
    assert path_of("movie_to_tags") == ["movie.has_tags"]


@pytest.mark.parametrize("lacking", ["entity2text.txt", "train.tsv", "questions/1-hop.qtype.txt"])
def test_a_folder_that_lacks_a_file_is_an_error(folder: Path, lacking: str):
    (folder / lacking).unlink()
    with pytest.raises(DataError, match="does not exist"):
        metaqa(folder, "test")


def test_a_folder_without_questions_is_an_error(folder: Path):
    for file in (folder / "questions").iterdir():
        file.unlink()
    with pytest.raises(DataError, match="no questions of MetaQA"):
        metaqa(folder, "test")


def test_a_folder_of_questions_that_do_not_hold_is_an_error(folder: Path):
    (folder / "train.tsv").write_text("0\t1\t3\n")
    (folder / "dev.tsv").write_text("")
    with pytest.raises(DataError, match="no usable question"):
        metaqa(folder, "test")


def test_the_real_metaqa(shared_data: Path):
    environment = KnowledgeGraphEnvironment("metaqa", path=shared_data / "metaqa")
    tasks = environment.tasks("test")
    assert Counter(task.kind for task in tasks) == {"1_hop": 2_822, "2_hop": 2_417, "3_hop": 1_849}
    assert len(environment.rejected) == 9_000 - 7_088 + 2
    for task in tasks[::200]:
        play = start(environment, task, seed=1)
        assert play is not None
        while play.advance() is not None:
            pass
        assert play.last is not None
        assert play.last.reward == 1
