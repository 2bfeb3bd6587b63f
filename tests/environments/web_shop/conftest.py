"""The shop is tested where its search library is installed; every test has a cache of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from trajectune.environments.contract import StepResult
from trajectune.environments.web_shop import WebShopEnvironment
from trajectune.environments.web_shop.episode import ShopEpisode
from trajectune.environments.web_shop.shop.catalogue import Catalogue, stocked
from trajectune.environments.web_shop.shop.goal import Goal
from trajectune.environments.web_shop.shop.product import Product
from trajectune.trajectory import ToolCall

pytest.importorskip("bm25s")
pytest.importorskip("Stemmer")
pytest.importorskip("rapidfuzz")

COAT = Product(
    "B0COAT0001",
    "Nordby Waterproof Rain Coat for Storms",
    "A coat for bad weather.",
    ("Comes with zip pockets.", "Packed without any plastic."),
    (39.5,),
    {"color": ("black", "navy"), "size": ("small", "large")},
    ("waterproof", "zip pockets"),
    "rain coat",
    ("Clothing", "Apparel", "Rain Coat"),
)
HAT = Product(
    "B0HAT00001",
    "Nordby Rain Hat",
    "A hat.",
    ("Windproof.",),
    (15.0, 25.0),
    {"color": ("black", "red")},
    ("windproof",),
    "rain hat",
    ("Clothing", "Apparel", "Rain Hat"),
)
TEA = Product(
    "B0TEA00001", "Herbal Tea", "Caffeine free.", (), (), {}, ("caffeine free",), "tea", ("Grocery",)
)
WISH = Goal(
    "i need a waterproof rain coat with zip pockets in color navy, and price lower than 50.00 dollars",
    COAT.asin,
    COAT.title,
    COAT.query,
    COAT.path,
    ("waterproof", "zip pockets"),
    ("navy",),
    50.0,
)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAJECTUNE_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def coat() -> Product:
    return COAT


@pytest.fixture(scope="session")
def wished() -> Goal:
    return WISH


@pytest.fixture(scope="session")
def small_shop() -> Catalogue:
    """A coat, a hat, a tea, and eleven more coats to fill pages."""
    more = [Product(f"B0MORE{n:04d}", f"Plain Coat {n}", prices=(60.0 + n,)) for n in range(11)]
    return stocked([COAT, HAT, TEA, *more])


@pytest.fixture
def episode(small_shop: Catalogue) -> ShopEpisode:
    return ShopEpisode(small_shop, WISH)


Do = Callable[[str, str], StepResult]


@pytest.fixture
def do(episode: ShopEpisode) -> Do:
    """`do("click", "Buy Now")` in the episode of the test."""

    def step(tool: str, value: str) -> StepResult:
        name = "keywords" if tool == "search" else "value"
        return episode.step(ToolCall(name=tool, arguments={name: value}))

    return step


@pytest.fixture(scope="session")
def environment() -> WebShopEnvironment:
    """Tasks of all kinds, as many as the promises about a thousand need in all."""
    return WebShopEnvironment(train=120, dev=30, test=120)
