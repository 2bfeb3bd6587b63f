"""Databases of episodes come and go; what is left behind is dropped; nothing is shared."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, make_url
from sqlalchemy.pool import NullPool

from trajectune.environments.database.engine.image import image_of
from trajectune.environments.database.engine.problem import Problem
from trajectune.environments.database.engine.tables import Column, Table
from trajectune.environments.database.servers.address import address
from trajectune.environments.database.servers.product import PREFIX, new_name, new_run
from trajectune.environments.database.servers.server import SERVERS, Server, Servers
from trajectune.environments.database.servers.store import ServerStore
from trajectune.errors import EpisodeError, UnavailableError

PETS = Table("pets", [Column("name"), Column("age", "INT")], [["Rex", 3], ["Ada", None]])
PROBLEM = Problem("?", "select", "SELECT 1", ["1"], [PETS])


@pytest.fixture
def other(server_from: str) -> Iterator[Server]:
    """Another program on the same server."""
    url = address("", server_from)
    assert url is not None
    other = Server(url)
    yield other
    other.close()


def names(server: Server) -> set[str]:
    return set(server._product.names(server._admin))


def test_names_fit_and_say_whose_they_are():
    run = new_run()
    name = new_name(run)
    assert name.startswith(f"{PREFIX}{run}_")
    assert len(name) <= 32
    assert name != new_name(run)


def test_a_database_is_made_read_and_dropped(server: Server):
    before = names(server)
    place = server.create(image_of([PETS]))
    assert names(server) == before | {place.name}
    state = server.state(place)
    assert state == {"pets": {("Rex", "3"): 1, ("Ada", "\0null"): 1}}
    assert place.told["url"] not in repr(place)
    server.drop(place)
    server.drop(place)
    assert names(server) - set(server._spare) == before - set(server._spare)


def test_a_database_that_is_kept_for_the_next_episode_is_empty(postgresql_url: str):
    server = Server(make_url(postgresql_url).set(drivername="postgresql+psycopg"))
    first = ServerStore(server, PROBLEM, 2)
    first.run("SELECT lo_from_bytea(77, 'a message to the next')")
    first.run("DELETE FROM pets")
    first.close()
    next_one = ServerStore(
        server, Problem("?", "select", "SELECT 1", ["1"], [Table("toys", [Column("toy")], [])]), 2
    )
    assert next_one._place.name == first._place.name
    assert next_one.run("SHOW TABLES").text == "[('toys',)]"
    assert next_one.run("SELECT lo_get(77)").failed
    first.close()
    server.drop(first._place)
    assert next_one.run("SELECT count(*) FROM toys").text == "[(0,)]"
    server.close()


def test_databases_of_living_programs_stay_and_of_others_go(
    server: Server, other: Server, server_from: str
):
    kept = server.create(image_of([PETS]))
    left = other.create(image_of([PETS]))
    other._admin.close()  # as when its program is killed
    third_program = Servers()
    url = address("", server_from)
    assert url is not None
    third = third_program.at(url)
    assert third_program.at(url) is third
    assert kept.name in names(third)
    assert left.name not in names(third)
    third_program.close()
    server.drop(kept)


def test_closing_drops_what_is_left(server: Server, other: Server):
    place = other.create(image_of([PETS]))
    assert place.name in names(server)
    other.close()
    assert place.name not in names(server)


def test_a_forgotten_episode_is_dropped_with_the_next_one(server: Server):
    store = ServerStore(server, PROBLEM, 1)
    name = store._place.name
    del store
    gc.collect()
    ServerStore(server, PROBLEM, 1).close()
    assert name not in names(server)


def test_closing_twice_is_fine_and_a_closed_database_says_so(server: Server):
    store = ServerStore(server, PROBLEM, 1)
    store.close()
    store.close()
    assert "closed" in store.run("SELECT 1").text


def test_a_forked_child_leaves_its_parents_databases(server: Server):
    store = ServerStore(server, PROBLEM, 1)
    child = os.fork()
    if child == 0:
        inside = SERVERS._open == {}
        os._exit(0 if inside else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert store.run("SELECT count(*) FROM pets").text == "[(2,)]"
    store.close()


def test_a_table_that_the_server_cannot_hold_is_broken_infrastructure(server: Server):
    before = names(server)
    with pytest.raises(EpisodeError, match="could not make a database"):
        server.create(
            image_of([Table("n" * 70, [Column("m" * 70), Column("m" * 70 + "x")], [["\0", "\0"]])])
        )
    assert names(server) <= before  # a kept one may have been tried


def test_a_server_that_is_not_there_is_unavailable(tmp_path):
    for url in (
        f"mariadb+pymysql://a:secret@/?unix_socket={tmp_path}/s",
        f"postgresql+psycopg://a:secret@/x?host={tmp_path}",
    ):
        with pytest.raises(UnavailableError) as caught:
            Server(make_url(url))
        assert "secret" not in str(caught.value)


def test_a_database_that_everybody_may_use_is_found_out(mariadb_url: str):
    url = address(mariadb_url, "")
    assert url is not None
    with create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect() as admin:
        admin.exec_driver_sql("CREATE DATABASE everybodys")
        admin.exec_driver_sql("GRANT SELECT ON everybodys.* TO PUBLIC")
        with pytest.raises(UnavailableError, match="everybodys"):
            Server(url)
        admin.exec_driver_sql("REVOKE SELECT ON everybodys.* FROM PUBLIC")
        admin.exec_driver_sql("DROP DATABASE everybodys")
    Server(url).close()


def test_a_lost_administrator_is_broken_infrastructure_and_connected_anew(server: Server, other: Server):
    servers = Servers()
    servers._open[server._url] = other
    assert servers.at(server._url) is other
    other._product.kick(server._admin, "nobody")
    other._admin.invalidate()  # as when the server was started anew
    with pytest.raises(EpisodeError):
        other.create(image_of([PETS]))
    assert servers.at(server._url) is not other
    servers.at(server._url).create(image_of([PETS]))
    servers.close()
