"""Made-up products: what they are known for is what their pages say, and near misses stand beside them."""

from __future__ import annotations

import pytest

from trajectune.environments.web_shop.generator.goods import Kind, bare, kinds
from trajectune.environments.web_shop.generator.products import FAMILIES, MEMBERS, products_of


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.name)
def test_pages_say_exactly_what_a_product_is_known_for(kind: Kind) -> None:
    for seed in (0, 1):
        for product in products_of(kind, seed):
            text = " ".join([product.title, product.description, *product.bullets]).lower()
            said = {bare(feature) for feature in kind.features if bare(feature) in text}
            assert said == set(product.attributes), product


@pytest.mark.parametrize("kind", kinds()[::7], ids=lambda kind: kind.name)
def test_products_are_sound(kind: Kind) -> None:
    products = products_of(kind, 0)
    assert len(products) == FAMILIES * MEMBERS == len({product.asin for product in products})
    for product in products:
        assert kind.name in product.title.lower()
        assert (product.query, product.path) == (kind.name, kind.path)
        assert all(kind.low * 0.7 <= price <= kind.high * 1.6 for price in product.prices)
        assert product.options.keys() == kind.options.keys()
        for name, values in product.options.items():
            assert values
            assert list(values) == [value for value in kind.options[name] if value in values]
        assert "{" not in f"{product.title}{product.description}{product.bullets}"
        assert "  " not in product.title


@pytest.mark.parametrize("kind", kinds()[::7], ids=lambda kind: kind.name)
def test_members_of_a_family_differ_by_a_feature_at_most(kind: Kind) -> None:
    products = products_of(kind, 0)
    differ = 0
    for start in range(0, len(products), MEMBERS):
        first, *others = products[start : start + MEMBERS]
        brand = first.title.split()
        for other in others:
            assert len(set(first.attributes) ^ set(other.attributes)) <= 2
            differ += set(first.attributes) != set(other.attributes)
            assert set(brand) & set(other.title.split())
    assert differ >= FAMILIES


def test_the_same_seed_makes_the_same_products() -> None:
    kind = kinds()[0]
    assert products_of(kind, 3) == products_of(kind, 3)
    assert products_of(kind, 3) != products_of(kind, 4)


def test_no_two_products_of_a_shop_share_a_code() -> None:
    codes = [product.asin for kind in kinds() for product in products_of(kind, 0)]
    assert len(set(codes)) == len(codes)
    assert {len(code) for code in codes} == {10}
