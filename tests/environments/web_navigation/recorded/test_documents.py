"""Tasks over HTML files: drawn from real links and played page by page; what is missing is counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from trajectune.environments.play import start
from trajectune.environments.web_navigation import WebNavigationEnvironment
from trajectune.environments.web_navigation.expert.expert import earns
from trajectune.environments.web_navigation.page.page import Page
from trajectune.environments.web_navigation.page.parse import read_html
from trajectune.environments.web_navigation.ranking.lexical import LexicalRanker
from trajectune.environments.web_navigation.recorded import installed
from trajectune.environments.web_navigation.recorded.documents import PACKAGES, DocumentSource
from trajectune.environments.web_navigation.recorded.installed import Package
from trajectune.errors import UnavailableError

pytest.importorskip("selectolax")

NAMES = ("garden", "kitchen", "cellar", "attic")


def page(name: str) -> str:
    """A page with a search field, links to its sisters, to a place of its own and out of the package."""
    ways = "".join(
        f"<li><a href='{other}.html'>The {other} page</a></li>" for other in NAMES if other != name
    )
    fill = "".join(f"<li><a href='#s{n}'>Part number {n}</a></li>" for n in range(20))
    return (
        f"<title>{name}</title><h1>About the {name}</h1><ul>{ways}{fill}</ul><p id=s1>text</p>"
        "<label for=q>Search these pages</label><input id=q name=q>"
        "<a href='https://example.org/'>Out of here</a> <a href='../../etc/passwd'>Up and away</a>"
        "<a href='garden.html'>Twice told</a><a href='attic.html'>Twice told</a>"
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with one package for each split."""
    for names in PACKAGES.values():
        folder = tmp_path / names[0]
        folder.mkdir()
        for name in NAMES:
            (folder / f"{name}.html").write_text(page(name), encoding="utf-8")
    return tmp_path


def test_tasks_are_drawn_from_real_links_and_can_be_earned(root: Path) -> None:
    source = DocumentSource(0, {"train": 20, "dev": 4, "test": 4}, (root,))
    tasks = [task for split in ("train", "dev", "test") for task in source.tasks(split)]
    assert {task.kind for task in tasks} == {"link", "field"}
    assert len({task.data["task"] for task in tasks if task.split == "train"}) == len(source.tasks("train"))
    for task in tasks:
        assert 2 <= len(task.data["steps"]) <= 3
        assert all(step["name"] in task.data["task"] for step in task.data["steps"])
        assert earns(source.walk(task), LexicalRanker(), 10)
        assert task.data["package"] in PACKAGES[task.split]


def test_packages_that_are_missing_are_counted(root: Path) -> None:
    source = DocumentSource(0, {"train": 1, "dev": 1, "test": 1}, (root,))
    assert len(source.rejected) == sum(len(names) - 1 for names in PACKAGES.values())
    assert "valgrind: no HTML pages are installed" in source.rejected[0].reason


def test_without_any_page_it_is_said_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as caught:
        DocumentSource(0, {"train": 1, "dev": 1, "test": 1}, (tmp_path,))
    assert "source: sites" in caught.value.remedy


def test_the_same_seed_draws_the_same_tasks(root: Path) -> None:
    sizes = {"train": 6, "dev": 2, "test": 2}
    first, second = (DocumentSource(5, {**sizes}, (root,)).tasks("train") for _ in range(2))  # type: ignore[arg-type]
    assert first == second


def test_only_links_inside_the_package_that_have_words_of_their_own_are_followed(root: Path) -> None:
    package = Package("nodejs", root / "nodejs")
    garden = package.page("garden.html")
    assert garden is not None
    ways = installed.links(package, "garden.html", garden)
    assert ways["The attic page"] == "attic.html"
    assert ways["Part number 3"] == "garden.html"
    assert not {"Out of here", "Up and away", "Twice told"} & ways.keys()
    assert list(installed.fields(garden)) == ["Search these pages"]
    assert installed.title(garden) == "About the garden"


def test_pages_too_small_or_unreadable_do_not_exist(root: Path) -> None:
    folder = root / "nodejs"
    (folder / "small.html").write_text("<a href='garden.html'>one link</a>", encoding="utf-8")
    (folder / "deep.html").write_text("<div>" * 2000, encoding="utf-8")
    package = Package("nodejs", folder)
    assert package.page("small.html") is None
    assert package.page("deep.html") is None
    assert package.page("missing.html") is None


def test_what_is_installed_here_can_be_played() -> None:
    try:
        home = WebNavigationEnvironment("documents", train=4, dev=0, test=0)
    except UnavailableError as error:
        pytest.skip(error.what)
    tasks = home.tasks("train")
    if not tasks:
        pytest.skip("no package of the train split has HTML pages here")
    for task in tasks:
        play = start(home, task, 0)
        assert play is not None
        while play.advance() is not None:
            pass
        assert play.last is not None
        assert play.last.reward == 1


def test_a_title_loses_its_sign_of_a_paragraph() -> None:
    assert installed.title(Page(read_html("<h1>Options ¶</h1>"))) == "Options"
