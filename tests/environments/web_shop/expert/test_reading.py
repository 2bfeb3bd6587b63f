"""Pages read back: hits, products, texts; and any text at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.web_shop.expert.reading import Hit, Item, hits, item, prices, texts
from trajectune.environments.web_shop.shop import pages
from trajectune.environments.web_shop.shop.pages import shown
from trajectune.environments.web_shop.shop.product import Product

lines = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)
products = st.builds(
    Product,
    asin=st.text("B0123456789", min_size=10, max_size=10),
    title=lines,
    prices=st.lists(st.integers(1, 500).map(float), min_size=1, max_size=2).map(tuple),
    options=st.dictionaries(lines, st.lists(lines, min_size=1, max_size=3).map(tuple), max_size=2),
)
views = st.sampled_from(["actions", "text"])


@given(st.lists(products, max_size=10), st.integers(1, 5), views)
def test_results_are_read_back(found: list[Product], number: int, view: pages.View) -> None:
    page = shown(pages.results_page("wish", found, number, 50), view)
    assert hits(page) == [Hit(each.asin, each.title, each.prices) for each in found]


@given(products, views)
def test_a_product_is_read_back(product: Product, view: pages.View) -> None:
    choices = [part for name, values in product.options.items() for part in (name, *values)]
    found = item(shown(pages.item_page("wish", product), view))
    assert found == Item(tuple(choices), product.title, product.prices)


def test_texts_are_read_in_lower_case() -> None:
    page = shown(pages.text_page("wish", ["Machine Washable.", "Soft"]), "actions")
    assert texts(page) == "machine washable. soft"


@pytest.mark.parametrize(
    ("tag", "found"), [("$5.0", (5.0,)), ("$15.99 to $32.5", (15.99, 32.5)), ("free", ()), ("", ())]
)
def test_prices_are_read(tag: str, found: tuple[float, ...]) -> None:
    assert prices(tag) == found


pieces = st.lists(
    st.sampled_from(["Next >", "< Prev", "Price: ", "$1", " [SEP] ", "[SEP]", "x", pages.ACTIONS])
)


@given(st.text() | pieces.map("".join) | pieces.map(" [SEP] ".join))
def test_any_text_is_read(text: str) -> None:
    assert all(isinstance(hit, Hit) for hit in hits(text))
    assert isinstance(item(text), Item)
    assert texts(text) == texts(text).lower()
