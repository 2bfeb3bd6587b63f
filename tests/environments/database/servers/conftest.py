"""MariaDB and PostgreSQL for the length of the tests, started from the programs that are installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from harness.servers import ProgramMissingError, mariadb, postgresql

pytest.importorskip("sqlalchemy", reason="the extra servers is not installed")

from trajectune.environments.database.servers.address import address
from trajectune.environments.database.servers.server import SERVERS, Server


def _url(start: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    try:
        running = start()
        with running as url:
            yield url
            SERVERS.close()
    except ProgramMissingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def mariadb_url() -> Iterator[str]:
    yield from _url(mariadb)


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    yield from _url(postgresql)


@pytest.fixture(params=["mariadb", "postgresql"])
def server_from(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a variable with a server's URL; once for each kind of server."""
    monkeypatch.setenv("TEST_SERVER", request.getfixturevalue(f"{request.param}_url"))
    return "TEST_SERVER"


@pytest.fixture
def server(server_from: str) -> Server:
    """The server, connected."""
    url = address("", server_from)
    assert url is not None
    return SERVERS.at(url)


@pytest.fixture
def mariadb_server(mariadb_url: str) -> Server:
    url = address(mariadb_url, "")
    assert url is not None
    return SERVERS.at(url)
