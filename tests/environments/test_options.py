"""Wrong options and missing packages are told by their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from trajectune.environments.options import given_path, one_of, require_packages
from trajectune.errors import RecipeError, UnavailableError


def test_a_wrong_value_is_told_with_the_nearest_right_one() -> None:
    one_of("shop", "view", "text", ["text", "actions"])
    with pytest.raises(RecipeError, match="The shop environment has no view 'actoins'") as caught:
        one_of("shop", "view", "actoins", ["text", "actions"])
    assert caught.value.where == "option view"
    assert caught.value.remedy == "did you mean 'actions'? one of: text, actions"


def test_a_path_that_a_source_needs() -> None:
    assert given_path("shop", "files", "path", "~/x") == Path.home() / "x"
    with pytest.raises(RecipeError, match="source 'files' of the shop environment needs 'path'"):
        given_path("shop", "files", "path", "")


def test_missing_packages_are_all_named_with_their_extra() -> None:
    require_packages("shop", ["json"], "web-shop")
    with pytest.raises(UnavailableError, match="The shop environment needs packages") as caught:
        require_packages("shop", ["json", "no_such_one", "nor_this"], "web-shop")
    assert caught.value.where == "missing: no_such_one, nor_this"
    assert "'.[web-shop]'" in caught.value.remedy
