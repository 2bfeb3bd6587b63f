"""Do AgentBench's database tasks hold on SQLite, MariaDB and PostgreSQL, and do their judges agree?

    python benchmarks/dbbench_servers.py --data dev.jsonl --out benchmarks/results/dbbench-servers.json

The gold statement of every task is played on each engine. Then every change is tried in right and wrong
ways, and judged by the rows on SQLite, by the rows on MariaDB, and by AgentBench's hash on MariaDB.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from harness.machine import machine
from harness.servers import mariadb, postgresql
from trajectune.environments.database.engine.problem import Problem
from trajectune.environments.database.engine.scoring import answers_match
from trajectune.environments.database.engine.store import Opening, SqliteStore, Store
from trajectune.environments.database.engine.tables import literal, quote
from trajectune.environments.database.expert.expert import read_values
from trajectune.environments.database.servers.hashing import bare
from trajectune.environments.database.servers.server import SERVERS, Server
from trajectune.environments.database.servers.store import ServerStore
from trajectune.environments.database.servers.tables import unholdable
from trajectune.environments.database.sources import FileSource, dbbench

SECONDS = 10.0
TEXT = re.compile(r"'((?:[^']|'')*)'")


def main() -> None:
    """Play everything, print the tables, keep the numbers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    from sqlalchemy import make_url

    from trajectune.storage import write_json

    typed, texts = (dbbench(options.data, "test", typed=each) for each in (True, False))
    with mariadb() as first, postgresql() as second:
        maria = SERVERS.at(make_url(first).set(drivername="mariadb+pymysql"))
        postgres = SERVERS.at(make_url(second).set(drivername="postgresql+psycopg"))
        why = {
            "SQLite": played(typed, partial(SqliteStore, seconds=SECONDS), lambda _: ""),
            "MariaDB": played(texts, opening(maria), partial(unholdable, mysql=True)),
            "PostgreSQL": played(typed, opening(postgres), partial(unholdable, mysql=False)),
        }
        found = {
            "gold": {engine: reasons(outcomes) for engine, outcomes in why.items()},
            "hashes": hashes(texts, maria),
            "judges": judges(typed, texts, maria),
            "why": {
                engine: {id: each for id, each in words.items() if each} for engine, words in why.items()
            },
        }
        SERVERS.close()
    show(found)
    if options.out:
        write_json(options.out, machine("SQLAlchemy", "PyMySQL", "psycopg", "sqlglot") | found)


def opening(server: Server) -> Opening:
    """Databases on this server."""
    return partial(ServerStore, server, seconds=SECONDS)


def played(source: FileSource, opening: Opening, unholdable: Callable[[Problem], str]) -> dict[str, str]:
    """By task: why its gold statement earns nothing; empty where it earns the reward."""
    return {id: unholdable(problem) or earned(problem, opening) for id, problem in source.problems.items()}


def reasons(outcomes: dict[str, str]) -> dict[str, int]:
    """How many hold, and how many do not for which reason."""
    return dict(Counter(words.partition(":")[0] or "holds" for words in outcomes.values()).most_common())


def earned(problem: Problem, opening: Opening) -> str:
    """Why the gold statement earns nothing; empty where it earns the reward."""
    with closing(opening(problem)) as store:
        answer = store.run(problem.gold)
        if answer.failed:
            return f"the gold statement fails: {answer.text}"
        if problem.answers is None:
            return "" if store.is_right() else "its rows are not the gold's"
        values = read_values(answer.text)
        if values is None:
            return "its rows are not shown whole"
        return "" if answers_match(values, problem.answers) else f"its rows are not the label: {values[:5]}"


def hashes(source: FileSource, server: Server) -> dict[str, Any]:
    """Of the rows with a hash: how many are what MariaDB computes after the gold statement."""
    rows = {
        id: each for id, each in source.problems.items() if each.answer_md5 and not unholdable(each, True)
    }
    wrong = []
    for id, problem in rows.items():
        with closing(ServerStore(server, problem, SECONDS)) as store:
            store.solve()
            if store.hash() != bare(problem.answer_md5):
                wrong.append(id)
    return {"rows": len(rows), "equal": len(rows) - len(wrong), "unequal": wrong}


def judges(typed: FileSource, texts: FileSource, server: Server) -> dict[str, dict[str, Any]]:
    """By way of carrying out a change: what each judge says, and how often the three agree."""
    table: dict[str, dict[str, Any]] = {}
    for id, problem in texts.problems.items():
        if problem.answers is not None or unholdable(problem, mysql=True):
            continue
        for way, statements in ways(problem):
            said = (
                judged(SqliteStore(typed.problems[id], SECONDS), statements),
                judged(ServerStore(server, problem, SECONDS), statements),
                judged(ServerStore(server, problem, SECONDS, "hash"), statements),
            )
            row = table.setdefault(
                way,
                {
                    "changes": 0,
                    "right_rows_sqlite": 0,
                    "right_rows": 0,
                    "right_hash": 0,
                    "agree": 0,
                    "apart": [],
                },
            )
            row["changes"] += 1
            for key, right in zip(("right_rows_sqlite", "right_rows", "right_hash"), said, strict=True):
                row[key] += right
            row["agree"] += len(set(said)) == 1
            row["apart"] += [id] if len(set(said)) > 1 else []
    return table


def ways(problem: Problem) -> Iterator[tuple[str, list[str]]]:
    """Right and wrong ways to carry out a change."""
    table = problem.tables[0]
    name, column = quote(table.name), quote(table.columns[0].name)
    yield "the gold", [problem.gold]
    yield (
        "the gold, and all cells set to themselves",
        [problem.gold, f"UPDATE {name} SET {column} = {column}"],
    )
    yield "nothing", ["SELECT 1"]
    yield "the gold twice", [problem.gold, problem.gold]
    texts = list(TEXT.finditer(problem.gold))
    for which, match in (("first", texts[:1]), ("last", texts[-1:])):
        for found in match:
            end = found.end() - 1
            yield f"the {which} text of the gold altered", [f"{problem.gold[:end]} x{problem.gold[end:]}"]
    first = literal(str(table.rows[0][0]))
    yield "the gold, and a row deleted", [problem.gold, f"DELETE FROM {name} WHERE {column} = {first}"]
    yield "the gold, and all rows deleted", [problem.gold, f"DELETE FROM {name}"]


def judged(store: Store, statements: list[str]) -> bool:
    """What the judge says after these statements."""
    with closing(store):
        for statement in statements:
            store.run(statement)
        return store.is_right()


def show(found: dict[str, Any]) -> None:
    """The tables as text."""
    for engine, counts in found["gold"].items():
        print(f"{engine}: {counts}")
        for id, words in found["why"][engine].items():
            print(f"  {id}: {words}")
    print(f"hashes equal: {found['hashes']}")
    for way, row in found["judges"].items():
        print(f"{way}: {row}")


if __name__ == "__main__":
    main()
