"""Pages as WebShop's text mode has them, what can be clicked, and pages that are too long."""

from __future__ import annotations

import ast
import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.contract import MAX_OBSERVATION_CHARS
from trajectune.environments.web_shop.expert import reading
from trajectune.environments.web_shop.shop import pages
from trajectune.environments.web_shop.shop.pages import Page, shown
from trajectune.environments.web_shop.shop.product import Product


def clickables(text: str) -> list[str]:
    return ast.literal_eval(text.partition(pages.ACTIONS)[2])["clickables"]


def test_golden_pages(coat: Product) -> None:
    assert shown(pages.search_page("buy tea"), "actions") == (
        "WebShop [SEP] Instruction: [SEP] buy tea [SEP] Search\n\n"
        "Available Actions:\n{'has_search_bar': True, 'clickables': ['search']}"
    )
    assert shown(pages.results_page("buy", [coat], 1, 7), "actions") == (
        "Instruction: [SEP] buy [SEP] Back to Search [SEP] Page 1 (Total results: 7) [SEP] Next > [SEP] "
        "B0COAT0001 [SEP] Nordby Waterproof Rain Coat for Storms [SEP] $39.5\n\n"
        "Available Actions:\n"
        "{'has_search_bar': False, 'clickables': ['back to search', 'next >', 'b0coat0001']}"
    )
    assert shown(pages.item_page("buy", coat), "text") == (
        "Instruction: [SEP] buy [SEP] Back to Search [SEP] < Prev [SEP] color [SEP] black [SEP] navy [SEP] "
        "size [SEP] small [SEP] large [SEP] Nordby Waterproof Rain Coat for Storms [SEP] "
        "Price: $39.5 [SEP] Rating: N.A. [SEP] Description [SEP] Features [SEP] Reviews [SEP] Buy Now"
    )
    assert shown(pages.text_page("buy", ["Dry.", "Light."]), "text") == (
        "Instruction: [SEP] buy [SEP] Back to Search [SEP] < Prev [SEP] Dry. [SEP] Light."
    )


def test_later_pages_lead_back() -> None:
    text = shown(pages.results_page("buy", [], 6, 50), "actions")
    assert "[SEP] Page 6 (Total results: 50) [SEP] < Prev [SEP] Next >\n" in text
    assert clickables(text) == ["back to search", "< prev", "next >"]


def test_buttons_come_first_and_values_carry_their_option(coat: Product) -> None:
    assert pages.item_page("buy", coat).clickable() == {
        **dict.fromkeys(["back to search", "< prev", "description", "features", "reviews", "buy now"], ""),
        **dict.fromkeys(["black", "navy"], "color"),
        **dict.fromkeys(["small", "large"], "size"),
    }


def test_a_value_of_two_options_belongs_to_the_last() -> None:
    item = Product("B1", "t", options={"top": ("red", "blue"), "bottom": ("red",)})
    found = pages.item_page("", item).clickable()
    assert (found["red"], found["blue"]) == ("bottom", "top")


@pytest.mark.parametrize("view", ["actions", "text"])
def test_a_page_that_is_too_long_is_shortened_and_says_so(view: pages.View) -> None:
    item = Product("B1", "t " * 900, options={"color": tuple(f"shade {n}" for n in range(900))})
    text = shown(pages.item_page("buy it", item), view)
    assert len(text) <= MAX_OBSERVATION_CHARS
    assert "buy it" in text
    assert "Buy Now" in text
    assert " more) [SEP]" in text
    assert "... (cut) [SEP] Price: $100.0" in text
    if view == "actions":
        named = [name for name in clickables(text) if name.startswith("shade")]
        assert named == [f"shade {n}" for n in range(len(named))]
        assert f"({900 - len(named)} more)" in text
    assert len(pages.item_page("", item).clickable()) == 906


def test_long_descriptions_are_cut_and_say_so() -> None:
    text = shown(pages.text_page("buy", ["word " * 5_000]), "actions")
    assert len(text) <= MAX_OBSERVATION_CHARS
    assert "... (cut)\n\nAvailable Actions:" in text


words = st.text(max_size=30)
items = st.builds(
    Product,
    asin=st.text("ABC", min_size=1),
    title=words,
    options=st.dictionaries(words, st.lists(st.text(min_size=1, max_size=400), max_size=30).map(tuple)),
)


@given(words, items, st.sampled_from(["actions", "text"]), st.integers(200, MAX_OBSERVATION_CHARS))
def test_no_page_is_longer_than_its_room(told: str, item: Product, view: pages.View, room: int) -> None:
    for page in (pages.item_page(told, item), pages.results_page(told, [item] * 10, 2, 50)):
        assert len(shown(page, view, room)) <= room


@given(st.text(), st.integers(20, 100))
def test_a_text_is_put_on_one_line(text: str, chars: int) -> None:
    line = pages.short(text, chars)
    assert len(line) <= chars
    assert line.split() == text.split() or line.endswith(pages.CUT)


def _observations(shared_data: Path) -> list[str]:
    """Pages of the real WebShop, out of recorded trajectories."""
    with gzip.open(shared_data / "agentgym_trajectories/all.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines if "webshop" in line[:200]]
    turns = [turn for row in rows for turn in row["conversations"][2:] if turn["from"] == "human"]
    return [" ".join(turn["value"].split()) for turn in turns]


def _told(observation: str) -> str:
    parts = observation.split(pages.SEPARATOR)
    return parts[parts.index("Instruction:") + 1]


def _same(observation: str) -> Page | None:
    """The page that should read like this one, made of what was read on it."""
    told = _told(observation)
    if observation.startswith("WebShop"):
        return pages.search_page(told)
    if hits := reading.hits(observation):
        heading = observation.split(pages.SEPARATOR)[3]
        number, total = (int(word) for word in heading.replace(")", "").split() if word.isdigit())
        return pages.results_page(
            told, [Product(h.asin, h.title, prices=h.prices) for h in hits], number, total
        )
    item = reading.item(observation)
    options = {item.choices[0]: item.choices[1:]} if item.choices else {}
    return pages.item_page(told, Product("B", item.title, prices=item.prices, options=options))


def test_pages_read_as_those_of_the_real_webshop(shared_data: Path) -> None:
    seen = _observations(shared_data)
    assert len(seen) == 2089
    for observation in seen:
        page = _same(observation)
        assert page is not None
        if len(observation) <= MAX_OBSERVATION_CHARS:
            assert shown(page, "text") == observation
        assert len(shown(page, "actions")) <= MAX_OBSERVATION_CHARS
