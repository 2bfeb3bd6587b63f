"""Prices as pages show them and as they are paid; what the search reads; records."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.web_shop.shop.product import Product, product

texts = st.text(max_size=20)
several = st.lists(texts, max_size=3).map(tuple)
products = st.builds(
    Product,
    asin=texts,
    title=texts,
    description=texts,
    bullets=several,
    prices=st.lists(st.floats(0, 1e4), max_size=2).map(tuple),
    options=st.dictionaries(texts, several, max_size=3),
    attributes=several,
    query=texts,
    path=several,
)


@given(products)
def test_a_record_is_read_back(made: Product) -> None:
    assert product(json.loads(json.dumps(made.record()))) == made


def test_price_tags() -> None:
    tags = {(): "$100.0", (9.99,): "$9.99", (15.99, 32.5): "$15.99 to $32.5"}
    assert {prices: Product("A", "t", prices=prices).tag for prices in tags} == tags


@given(st.floats(1, 500), st.floats(1, 500), st.text("AB", min_size=1, max_size=4))
def test_a_price_out_of_a_range_is_drawn_once(low: float, high: float, asin: str) -> None:
    ranged = Product(asin, "t", prices=(min(low, high), max(low, high)))
    assert min(low, high) <= ranged.price <= max(low, high)
    assert ranged.price == Product(asin, "other title", prices=ranged.prices).price


def test_what_has_no_price_costs_a_hundred_dollars() -> None:
    assert Product("A", "t").price == 100.0
    assert Product("A", "t", prices=(7.0,)).price == 7.0


def test_the_search_reads_title_description_first_bullet_and_options(coat: Product) -> None:
    assert coat.words == (
        "Nordby Waterproof Rain Coat for Storms A coat for bad weather. Comes with zip pockets. "
        "color: black, navy, and size: small, large"
    )
