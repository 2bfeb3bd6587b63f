"""What may name a server, and that no password is written anywhere."""

from __future__ import annotations

import pytest

from trajectune.environments import options
from trajectune.environments.database import DatabaseEnvironment
from trajectune.environments.database.servers.address import address, is_mysql
from trajectune.errors import RecipeError, UnavailableError


def test_no_option_is_no_server():
    assert address("", "") is None


@pytest.mark.parametrize(
    ("text", "driver", "mysql"),
    [
        ("mysql://a@h/", "mysql+pymysql", True),
        ("mariadb://a@h/?unix_socket=/s", "mariadb+pymysql", True),
        ("mariadb+pymysql://a@h/", "mariadb+pymysql", True),
        ("postgresql://a@/postgres?host=/s", "postgresql+psycopg", False),
    ],
)
def test_urls_get_their_driver(text: str, driver: str, mysql: bool):
    url = address(text, "")
    assert url is not None
    assert (url.drivername, is_mysql(url)) == (driver, mysql)


@pytest.mark.parametrize(
    ("server", "variable", "words"),
    [
        ("mysql://a:secret@h/", "", "holds a password"),
        ("sqlite:///x", "", "no kind of server"),
        ("mysql+mysqldb://a@h/", "", "no kind of server"),
        ("not a url", "", "no URL"),
        ("mysql://a@h:port/", "", "no URL"),
        ("mysql://a@h/", "NAME", "Both"),
        ("", "NOT_SET_ANYWHERE", "not set"),
    ],
)
def test_wrong_options_say_what_is_right(server: str, variable: str, words: str):
    with pytest.raises(RecipeError, match=words) as caught:
        DatabaseEnvironment(server=server, server_from=variable)
    assert caught.value.remedy
    assert "secret" not in str(caught.value)


def test_a_variable_may_hold_a_password(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SOME_URL", "postgresql://a:secret@h/postgres")
    environment = DatabaseEnvironment(server_from="SOME_URL")
    assert "secret" not in repr(vars(environment))
    monkeypatch.setenv("SOME_URL", "nonsense://a:secret@h/")
    with pytest.raises(RecipeError) as caught:
        DatabaseEnvironment(server_from="SOME_URL")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"score": "hash"}, "computed by MySQL"),
        ({"score": "hash", "server": "postgresql://a@h/"}, "computed by MySQL"),
        ({"score": "md5"}, "no score"),
    ],
)
def test_a_hash_needs_mysql(options: dict[str, str], words: str):
    with pytest.raises(RecipeError, match=words):
        DatabaseEnvironment(**options)  # type: ignore[arg-type]


def test_without_the_extra_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(options, "find_spec", lambda name: None if name == "pymysql" else object())
    with pytest.raises(UnavailableError, match="database environment needs packages") as caught:
        DatabaseEnvironment(server="mysql://a@h/")
    assert "pymysql" in caught.value.where


def test_the_note_names_the_engine(tmp_path):
    for server, engine in (
        ("", "SQLite"),
        ("mariadb://a@h/", "MariaDB"),
        ("postgresql://a@h/", "PostgreSQL"),
    ):
        file = tmp_path / "dev.jsonl"
        file.write_text(
            '{"description": "?", "label": ["7"], "type": ["other"], "table": {"table_name": "t",'
            ' "table_info": {"columns": [{"name": "a", "type": "INT"}], "rows": [["7"]]}}}\n'
        )
        environment = DatabaseEnvironment("dbbench", path=file, server=server)
        assert environment.note == f"AgentBench's tasks, played on {engine} instead of MySQL."
