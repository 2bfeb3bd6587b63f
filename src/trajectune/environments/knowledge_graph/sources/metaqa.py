"""MetaQA: questions of one, two and three hops about films (Zhang et al. 2018, arXiv 1709.04071).

The idea: its files become a graph whose relations have inverses of their own (`movie.directed_by`,
`person.directed`), and a question's type (`movie_to_director_to_movie`) becomes gold calls. Its authors'
answers never hold what a question starts from, at any step (`Vocabulary.never_back`), and were found in a
graph of which the files at hand lack some triples and have others more: a question whose gold path does not
lead to exactly its answers here could not be answered rightly, and is rejected with the reason.

Layout of the folder: `entity2text.txt` and `relation2text.txt` (number, tab, name); `train.tsv`, `dev.tsv`
and `test.tsv` (subject, relation, object, by number; all of them are the graph); `questions/N-hop*.txt`
(question with [its entity], tab, answers joined by `|`), beside each a `.qtype.txt` with the types.

Invariant: rows in = kept + rejected, of triples as of questions.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from trajectune.environments.contract import Split
from trajectune.environments.knowledge_graph.facts.ntriples import RANGE, Triples
from trajectune.environments.knowledge_graph.graph.store import EmbeddedGraph, embedded
from trajectune.environments.knowledge_graph.graph.vocabulary import Vocabulary
from trajectune.environments.knowledge_graph.sources.problem import GoldCall, Problem
from trajectune.environments.knowledge_graph.sources.questions import FileSource
from trajectune.errors import DataError
from trajectune.storage import Rejected, open_binary

BASE = "https://trajectune.invalid/metaqa/"
RELATIONS = {
    "directed by": ("movie.directed_by", "person.directed", "person"),
    "written by": ("movie.written_by", "person.wrote", "person"),
    "starred actors": ("movie.starred_actors", "person.starred_in", "person"),
    "release year": ("movie.release_year", "year.movies", "year"),
    "in language": ("movie.in_language", "language.movies", "language"),
    "has tags": ("movie.has_tags", "tag.movies", "tag"),
    "has genre": ("movie.has_genre", "genre.movies", "genre"),
    "has imdb votes": ("movie.has_imdb_votes", "votes.movies", "votes"),
    "has imdb rating": ("movie.has_imdb_rating", "rating.movies", "rating"),
}
"""Of each relation of the files: its name here, its inverse's, and the class that it leads to."""
STEPS = {
    "director": "directed by",
    "writer": "written by",
    "actor": "starred actors",
    "year": "release year",
    "language": "in language",
    "genre": "has genre",
    "tags": "has tags",
    "votes": "has imdb votes",
    "rating": "has imdb rating",
}
"""What a word of a question's type stands for, beside `movie`."""
KG_FILES = ("train.tsv", "dev.tsv", "test.tsv")
_ENTITY = re.compile(r"\[(.+)\]")

Links = Mapping[str, Mapping[str, set[str]]]


@dataclass(frozen=True)
class Films:
    """The graph in plain dictionaries."""

    links: Links
    """Relation → name → names that it leads to."""
    triples: int


def metaqa(root: Path, split: Split) -> FileSource:
    """MetaQA's questions over its graph. Raises `DataError` for a folder that does not hold it."""
    rejected: list[Rejected] = []
    films = read_films(root, rejected)
    problems: dict[str, Problem] = {}
    for file in question_files(root):
        for number, problem, why in read_questions(file, films):
            if problem is None or why:
                rejected.append(Rejected(number, f"{file.name}: {why}"))
            else:
                problems[f"metaqa-{file.name.split('.')[0]}-{number}"] = problem
    if not problems:
        raise DataError("There is no usable question.", where=str(root / "questions"))
    return FileSource(graph_of(films), problems, rejected, split)


def read_films(root: Path, rejected: list[Rejected]) -> Films:
    """The triples of the three files, each once."""
    names = dict(_numbered(root / "entity2text.txt"))
    relations = dict(_numbered(root / "relation2text.txt"))
    links: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    triples: set[tuple[str, str, str]] = set()
    for file in KG_FILES:
        for number, line in _lines(root / file):
            cells = line.split()
            if len(cells) != 3 or cells[0] not in names or cells[2] not in names:
                rejected.append(
                    Rejected(number, f"{file}: not three numbers of known entities: {line[:80]!r}")
                )
            elif relations.get(cells[1]) not in RELATIONS:
                rejected.append(Rejected(number, f"{file}: an unknown relation: {line[:80]!r}"))
            else:
                triples.add((names[cells[0]], relations[cells[1]], names[cells[2]]))
    for subject, relation, thing in triples:
        forth, back, _ = RELATIONS[relation]
        links[forth][subject].add(thing)
        links[back][thing].add(subject)
    return Films(links, len(triples))


def graph_of(films: Films) -> EmbeddedGraph:
    """The graph that is asked."""
    triples = Triples(BASE)
    for forth, back, kind in RELATIONS.values():
        triples.link(BASE + forth, RANGE, BASE + kind)
        triples.link(BASE + back, RANGE, f"{BASE}movie")
        for subject, things in sorted(films.links[forth].items()):
            for thing in sorted(things):
                triples.both(triples.iri(subject), BASE + forth, BASE + back, triples.iri(thing))
    return embedded(triples.encoded(), Vocabulary(base=BASE, never_back=True))


def question_files(root: Path) -> list[Path]:
    """The files of questions, in order."""
    found = [
        file
        for file in sorted((root / "questions").glob("*-hop*.txt"))
        if not file.name.endswith(".qtype.txt")
    ]
    if not found:
        raise DataError(
            "There are no questions of MetaQA.",
            where=str(root / "questions"),
            remedy="give a folder with questions/N-hop*.txt and N-hop*.qtype.txt",
        )
    return found


def read_questions(file: Path, films: Films) -> Iterator[tuple[int, Problem | None, str]]:
    """Of each row: its number, the problem, and why it does not hold (empty where it does)."""
    types = [line for _, line in _lines(file.with_suffix(".qtype.txt"))]
    for number, line in _lines(file):
        try:
            problem = _problem(line, types[number - 1])
        except (ValueError, KeyError, IndexError) as error:
            yield number, None, f"not a question of MetaQA: {type(error).__name__}: {error}"
            continue
        yield number, problem, _why_not(problem, films)


def path_of(kind: str) -> list[str]:
    """The relations of a question's type. Raises `ValueError` for one that is none."""
    words = kind.split("_to_")
    relations = []
    for left, right in pairwise(words):
        if (left == "movie") == (right == "movie"):
            raise ValueError(f"not a type of question: {kind[:80]!r}")
        forth, back, _ = RELATIONS[STEPS[right if left == "movie" else left]]
        relations.append(forth if left == "movie" else back)
    if not relations:
        raise ValueError(f"not a type of question: {kind[:80]!r}")
    return relations


def _problem(line: str, kind: str) -> Problem:
    question, _, answers = line.partition("\t")
    found = _ENTITY.search(question)
    if found is None or not answers:
        raise ValueError("no [entity], or no answers")
    name = " ".join(found[1].split())
    words = question.replace(f"[{found[1]}]", name)
    gold, variable = [], name
    for number, relation in enumerate(path_of(kind)):
        gold += [GoldCall("get_relations", (variable,)), GoldCall("get_neighbors", (variable, relation))]
        variable = f"#{number}"
    triples = Triples(BASE)
    right = frozenset(triples.iri(answer).removeprefix(BASE) for answer in answers.split("|"))
    hops = f"{len(path_of(kind))}_hop"
    return Problem(words, hops, {name: triples.iri(name)}, right, tuple(gold))


def _why_not(problem: Problem, films: Films) -> str:
    """Why the gold path does not lead to the answers; empty where it does."""
    (iri,) = problem.entities.values()
    path = [call.arguments[1] for call in problem.gold if call.tool == "get_neighbors"]
    triples = Triples(BASE)
    names = {triples.iri(name): name for name in problem.entities}
    found = _walk(films.links, names[iri], path)
    reached = {triples.iri(name).removeprefix(BASE) for name in found}
    missing, more = len(problem.answers - reached), len(reached - problem.answers)
    if missing and more:
        return "its path misses answers and reaches others"
    if missing:
        return "its path misses answers: triples are lacking"
    return "its path reaches more than its answers" if more else ""


def _walk(links: Links, start: str, path: Sequence[str]) -> set[str]:
    """What a path of relations reaches, leaving out the start at every step."""
    here = {start}
    for relation in path:
        here = {thing for each in here for thing in links[relation].get(each, ())} - {start}
    return here


def _numbered(file: Path) -> Iterator[tuple[str, str]]:
    for _, line in _lines(file):
        number, _, name = line.partition("\t")
        yield number, name


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """Number and text of each line. Raises `DataError` for what cannot be read as UTF-8."""
    with open_binary(file) as opened:
        try:
            content = opened.read().decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"The file is not UTF-8: {error}", where=str(file)) from None
    for number, line in enumerate(content.split("\n"), 1):
        if line.strip():
            yield number, line.rstrip("\r")
