"""Products by number and by code, and the searches that are kept."""

from __future__ import annotations

from trajectune.environments.web_shop.shop.catalogue import HITS, Catalogue, Shelf, stocked
from trajectune.environments.web_shop.shop.product import Product
from trajectune.environments.web_shop.shop.search import Index, build


def test_a_code_leads_to_its_product(small_shop: Catalogue, coat: Product) -> None:
    assert small_shop.product(coat.asin) == coat
    assert small_shop.product("B0NOTHING1") is None
    assert small_shop.products[0] == coat
    assert len(small_shop.products) == 14


def test_a_search_finds_fifty_at_most() -> None:
    catalogue = stocked([Product(f"B{n}", f"coat {n}") for n in range(80)])
    assert len(catalogue.search("coat")) == HITS
    assert catalogue.search("coat 7")[0] == 7


def test_the_same_search_is_made_once() -> None:
    asked: list[str] = []

    class Counted(Index):
        def search(self, query: str, hits: int) -> list[int]:
            asked.append(query)
            return super().search(query, hits)

    products = [Product("B1", "coat")]
    index = build(product.words for product in products)
    catalogue = Catalogue(Shelf(products), Counted(index._retriever))
    assert catalogue.search("coat") == catalogue.search("coat") == (0,)
    assert asked == ["coat"]
