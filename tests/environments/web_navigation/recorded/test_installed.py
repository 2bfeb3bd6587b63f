"""Packages of pages: what is found, what is left alone, where links lead."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.pages import tag
from trajectune.environments.web_navigation.page.page import Page
from trajectune.environments.web_navigation.recorded import installed
from trajectune.environments.web_navigation.recorded.installed import Package, fields, find, links


@pytest.fixture
def package(tmp_path: Path) -> Package:
    folder = tmp_path / "manual"
    (folder / "deep").mkdir(parents=True)
    for name in ("index.html", "deep/a.html", "deep/b.htm", "notes.txt", "page.html.gz"):
        (folder / name).write_text("<p>x", encoding="utf-8")
    (tmp_path / "secret.html").write_text("<p>x", encoding="utf-8")
    return Package("manual", folder)


def test_pages_are_found_in_order(package: Package) -> None:
    assert package.files == ["deep/a.html", "deep/b.htm", "index.html"]


def test_pages_that_are_too_large_are_left_alone(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "MAX_BYTES", 2)
    assert package.files == []


@pytest.mark.parametrize(
    ("file", "address", "there"),
    [
        ("index.html", "deep/a.html", "deep/a.html"),
        ("index.html", "deep/a.html#part", "deep/a.html"),
        ("deep/a.html", "../index.html", "index.html"),
        ("deep/a.html", "b.htm?x=1", "deep/b.htm"),
        ("index.html", "#part", "index.html"),
        ("index.html", "deep/%61.html", "deep/a.html"),
        ("index.html", "", None),
        ("index.html", "../secret.html", None),
        ("index.html", "/etc/passwd", None),
        ("index.html", "https://example.org/index.html", None),
        ("index.html", "mailto:a@example.org", None),
        ("index.html", "missing.html", None),
        ("index.html", "notes.txt", None),
    ],
)
def test_where_a_link_leads(package: Package, file: str, address: str, there: str | None) -> None:
    assert package.target(file, tag("a", "x", href=address)) == there


def test_only_links_lead_anywhere(package: Package) -> None:
    assert package.target("index.html", tag("button", "x", href="deep/a.html")) is None


def test_packages_are_found_under_the_first_root_that_has_pages(tmp_path: Path, package: Package) -> None:
    empty = tmp_path / "other" / "manual"
    empty.mkdir(parents=True)
    found, missing = find(["manual", "nothing"], (empty.parent, package.root.parent))
    assert [each.root for each in found] == [package.root]
    assert missing == ["nothing"]


def test_a_links_words_must_be_words_and_stand_on_the_page_twice_at_most(package: Package) -> None:
    ways = [("One", 1), ("Two", 2), ("Three", 3), ("42.1", 1), ("x" * 100, 1)]
    anchors = [tag("a", text, key=f"{text}{n}", href="#s") for text, count in ways for n in range(count)]
    assert set(links(package, "index.html", Page(tag("html", *anchors)))) == {"One", "Two"}


def test_fields_need_names_of_their_own() -> None:
    page = Page(
        tag(
            "html",
            tag("input", key="1", type="search", placeholder="Find"),
            tag("input", key="2", type="text", placeholder="Twice"),
            tag("input", key="3", type="text", placeholder="Twice"),
            tag("input", key="4", type="checkbox", aria_label="Box"),
        )
    )
    assert {name: element.key for name, element in fields(page).items()} == {"Find": "1"}
