"""WebShop's rows as products and goals, and the sentence that every bad row gets."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.web_shop.files.rows import (
    read_attributes,
    read_human,
    read_product,
    read_synthetic,
)
from trajectune.environments.web_shop.shop.product import Product

ROW: dict[str, Any] = {
    "asin": "b0abc12345",
    "name": "Rain Coat",
    "full_description": "Keeps dry.",
    "small_description": ["Light.", "Long."],
    "pricing": "$1,015.99 - $32.50",
    "customization_options": {
        "Color": [{"value": " Black/White ", "image": "x"}, {"value": "Red"}, {"value": "red"}],
        "Size": None,
    },
    "images": ["x"],
    "query": " Rain Coats ",
    "category": "fashion",
    "product_category": "Clothing › Coats › Rain",
}
HUMAN = {"instruction": "find a coat.", "instruction_attributes": ["dry"], "instruction_options": ["red"]}
COAT = Product("B0ABC12345", "Rain Coat", prices=(12.0,), options={"size": ("s", "m"), "color": ("red",)})


def test_a_whole_row() -> None:
    assert read_product(ROW, ("dry",)) == Product(
        "B0ABC12345",
        "Rain Coat",
        "Keeps dry.",
        ("Light.", "Long."),
        (1015.99, 32.5),
        {"color": ("black | white", "red"), "size": ()},
        ("dry",),
        "rain coats",
        ("Clothing", "Coats", "Rain"),
    )


def test_a_row_with_nothing_but_a_code_and_a_title() -> None:
    bare = dict.fromkeys(ROW) | {"asin": "B1", "name": "t", "pricing": float("nan")}
    assert read_product(bare) == Product("B1", "t")
    assert read_product({"asin": "B1", "name": "t", "small_description": "One."}).bullets == ("One.",)
    assert read_product({"asin": "B1", "name": "t", "customization_options": ""}).options == {}


@pytest.mark.parametrize(
    ("pricing", "prices"),
    [("", ()), ("$5", (5.0,)), ("$5.5 - $7", (5.5, 7.0)), ("$1 $2 $3", (1.0, 2.0)), ("free", ())],
)
def test_prices(pricing: str, prices: tuple[float, ...]) -> None:
    assert read_product(ROW | {"pricing": pricing}).prices == prices


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"asin": "nan"}, "asin: expected up to ten"),
        ({"asin": "B0123456789"}, "asin: expected up to ten"),
        ({"asin": ""}, "asin: expected up to ten"),
        ({"asin": "B0-1"}, "asin: expected up to ten"),
        ({"asin": 7}, "asin: expected a text, found a number"),
        ({"name": "  "}, "name: a product needs a title"),
        ({"name": None}, "name: a product needs a title"),
        ({"full_description": ["x"]}, "full_description: expected a text, found an array"),
        ({"small_description": [1]}, "small_description: expected a text, found a number"),
        ({"pricing": "$5.5.5"}, "pricing: expected prices"),
        ({"pricing": "$"}, "pricing: expected prices"),
        ({"customization_options": []}, None),
        ({"customization_options": [1]}, "customization_options: expected an object"),
        ({"customization_options": {"size": "s"}}, "customization_options: expected lists"),
        ({"customization_options": {"size": [{"value": 7}]}}, "value: expected a text"),
    ],
)
def test_a_bad_row_says_what_is_wrong(changes: dict[str, Any], said: str | None) -> None:
    if said is None:
        assert read_product(ROW | changes).options == {}
        return
    with pytest.raises(ValueError, match=said):
        read_product(ROW | changes)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(list(ROW)), json_values) | json_values)
def test_any_row_is_a_product_or_a_sentence(row: Any) -> None:
    with suppress(ValueError):
        product = read_product(row)
        assert product.asin == product.asin.upper()
        assert product.title
        assert product.tag
        assert all(value == value.lower() for each in product.options.values() for value in each)


@given(json_values, json_values, json_values)
def test_any_goal_is_a_goal_or_a_sentence(instruction: Any, attributes: Any, options: Any) -> None:
    row = {"instruction": instruction, "instruction_attributes": attributes, "instruction_options": options}
    for read in (read_human, read_synthetic):
        with suppress(ValueError):
            goal = read(row, COAT, "key")
            assert goal is None or (goal.attributes and goal.instruction)


def test_attributes() -> None:
    assert read_attributes({"attributes": ["dry", "light"]}) == ("dry", "light")
    assert read_attributes({}) == ()
    with pytest.raises(ValueError, match="expected an object, found an array"):
        read_attributes([])


def test_a_human_goal_gets_a_limit_in_webshops_words() -> None:
    goal = read_human(HUMAN, COAT, "B0ABC12345/0")
    assert goal.limit in (30.0, 40.0, 50.0)
    assert goal.instruction == f"find a coat, and price lower than {goal.limit:.2f} dollars"
    assert (goal.attributes, goal.options) == (("dry",), ("red",))
    assert goal == read_human(HUMAN, COAT, "B0ABC12345/0")
    dear = Product("B1", "t", prices=(5_000.0,))
    assert read_human(HUMAN, dear, "k").instruction == "find a coat"


@pytest.mark.parametrize("options", [["red"], "red", {"color": "red"}])
def test_options_of_goals_in_several_shapes(options: Any) -> None:
    assert read_human(HUMAN | {"instruction_options": options}, COAT, "k").options == ("red",)
    plain = {"instruction": "find", "attributes": ["dry"], "options": options}
    assert read_human(plain, COAT, "k").options == ("red",)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ([], "expected an object"),
        (HUMAN | {"instruction_attributes": []}, "a goal needs at least one"),
        (HUMAN | {"instruction": " "}, "instruction: is empty"),
        (HUMAN | {"instruction": 3}, "instruction: expected a text"),
    ],
)
def test_bad_goals(row: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_human(row, COAT, "k")


def test_a_synthetic_goal_names_one_value_of_each_option() -> None:
    row = {
        "attributes": ["dry", "light"],
        "instruction": "Find me dry coats",
        "instruction_attributes": ["dry"],
    }
    found = {read_synthetic(row, COAT, f"{n}") for n in range(20)}
    goals = [goal for goal in found if goal is not None]
    assert {goal.options for goal in goals} == {("red", "s"), ("red", "m")}
    assert all(
        goal.instruction.startswith("Find me dry coats with color: red, and size: ") for goal in goals
    )
    assert read_synthetic({"attributes": ["dry"]}, COAT, "k") is None
    assert read_synthetic([], COAT, "k") is None
