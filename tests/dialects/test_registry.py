"""Which dialect a name stands for: an environment's own, else its grammar, else the one for all."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint

import pytest

from support.toys import Staged
from trajectune import plugins
from trajectune.dialects import registry
from trajectune.dialects.json import Json
from trajectune.dialects.native import Native
from trajectune.dialects.react import ReAct
from trajectune.dialects.registry import dialect_names, get_dialect
from trajectune.errors import RecipeError


def test_what_is_installed_is_known_by_name() -> None:
    assert {"agentbench", "json", "native", "react"} <= set(dialect_names())
    assert dialect_names() == sorted(dialect_names())
    assert not any("." in name for name in dialect_names())


@pytest.mark.parametrize("name", ["json", "native", "react"])
def test_a_general_dialect_is_one_instance_for_all_environments(name: str) -> None:
    found = get_dialect(name, "database")
    assert found.name == name
    assert get_dialect(name, "whatever") is found


def test_a_grammar_is_the_environments() -> None:
    database, household = (get_dialect("agentbench", name) for name in ("database", "household"))
    assert type(database) is not type(household)
    assert {database.name, household.name} == {"agentbench"}


def test_an_environments_own_dialect_goes_first() -> None:
    own = {"json": Staged(), "mine": Staged()}
    assert get_dialect("json", "database", own) is own["json"]
    assert get_dialect("mine", "database", own) is own["mine"]
    assert isinstance(get_dialect("react", "database", own), ReAct)


def test_a_wrong_name_is_told_all_names_the_environments_own_among_them() -> None:
    with pytest.raises(RecipeError, match="there is no dialect 'staed'") as caught:
        get_dialect("staed", "database", {"staged": Staged()})
    assert "did you mean 'staged'?" in caught.value.remedy
    for name in (*dialect_names(), "staged"):
        assert name in caught.value.remedy


def test_a_missing_grammar_is_told_for_what_there_is_one() -> None:
    with pytest.raises(RecipeError, match="no grammar for the environment 'shop'") as caught:
        get_dialect("agentbench", "shop")
    assert "database, household" in caught.value.remedy


def _forget() -> None:
    """What packages announce, and the dialects that were made of it."""
    plugins._announced.cache_clear()  # pyright: ignore[reportPrivateUsage]
    registry._instance.cache_clear()  # pyright: ignore[reportPrivateUsage]


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A user's package with a dialect for one environment and one for all."""
    found = [
        EntryPoint(name, value, registry.GROUP)
        for name, value in (
            ("mine", "trajectune.dialects.json:Json"),
            ("mine.shop", "trajectune.dialects.native:Native"),
        )
    ]

    def entry_points(group: str, name: str | None = None) -> list[EntryPoint]:
        return [each for each in found if each.group == group and name in (None, each.name)]

    monkeypatch.setattr(plugins, "entry_points", entry_points)
    _forget()
    yield
    _forget()


@pytest.mark.usefixtures("package")
def test_a_package_adds_a_dialect_also_for_one_environment() -> None:
    assert dialect_names() == ["mine"]
    assert isinstance(get_dialect("mine", "shop"), Native)
    assert isinstance(get_dialect("mine", "database"), Json)
