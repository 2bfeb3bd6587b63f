"""From XML and HTML to trees, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import mind2web
from trajectune.environments.web_navigation.page import parse
from trajectune.environments.web_navigation.page.page import Page
from trajectune.environments.web_navigation.page.parse import MAX_DEPTH, read_html, read_xml
from trajectune.errors import UnavailableError


def test_mind2webs_xml_is_read_with_its_node_ids() -> None:
    tree = read_xml(mind2web.page(links=3))
    by_key = {element.key: element for element in tree.walk()}
    assert by_key["4"].text == "Search flights"
    assert by_key["2"].attributes == {"type": "text", "placeholder": "Destination"}
    assert by_key["3"].text == "Oslo Lima Kyoto Ghent Turin"
    assert [element.tag for element in tree.walk() if element.tag == "text"] == []


def test_an_element_that_closes_itself_stays_empty() -> None:
    tree = read_xml(
        '<html backend_node_id="1"><div backend_node_id="2"/><p backend_node_id="3">x</p></html>'
    )
    assert [child.key for child in tree.children if not isinstance(child, str)] == ["2", "3"]


def test_text_that_comes_in_parts_is_one_text() -> None:
    assert read_xml("<p>AT&amp;T  &lt;b&gt;\n x</p>").children == ["AT&T <b> x"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<p>", "not XML"),
        ("", "not XML"),
        ("<p>\x00</p>", "not XML"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><p>&a;</p>', "document type"),
        ("<p>" * (MAX_DEPTH + 1) + "</p>" * (MAX_DEPTH + 1), "nested too deeply"),
    ],
)
def test_what_is_no_sound_page_is_told(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_xml(text)


def test_a_page_may_not_be_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse, "MAX_CHARACTERS", 10)
    with pytest.raises(ValueError, match="at most 10"):
        read_xml("<p>0123456789</p>")
    monkeypatch.undo()
    monkeypatch.setattr(parse, "MAX_ELEMENTS", 3)
    with pytest.raises(ValueError, match="too large"):
        read_xml("<p><b/><b/><b/></p>")


@given(st.text())
def test_any_text_is_a_tree_or_a_value_error(text: str) -> None:
    try:
        tree = read_xml(text)
    except ValueError:
        return
    assert isinstance(tree.text, str)


def test_html_is_read_as_a_browser_reads_it() -> None:
    pytest.importorskip("selectolax")
    page = Page(
        read_html(
            "<!doctype html><title>T</title><script>var a = '<a href=x>no</a>'</script>"
            "<p>Hello &amp; <a href='/x'>a link<p>unclosed <input name=q placeholder='Find'><svg><a/></svg>"
            "<!-- <button>no</button> --><my-tag>own</my-tag>"
        )
    )
    names = [page.name(element) for element in page.candidates.values()]
    assert names[0] == "a link"
    assert names[-1] == "Find"
    assert "var a" not in page.tree.text
    assert "Hello &" in page.tree.text
    keys = [element.key for element in page.tree.walk()]
    assert len(set(keys)) == len(keys)


@given(st.text("<>/ab='\" \n!-&;", max_size=300))
def test_any_html_is_a_tree(text: str) -> None:
    pytest.importorskip("selectolax")
    tree = read_html(text)
    assert tree.tag == "html"
    assert all(element.key for element in tree.walk())


def test_html_that_is_nested_too_deeply_is_refused() -> None:
    pytest.importorskip("selectolax")
    with pytest.raises(ValueError, match="nested too deeply"):
        read_html("<div>" * 1000)


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse, "find_spec", lambda _: None)
    with pytest.raises(UnavailableError) as caught:
        read_html("<p>")
    assert "web-navigation" in caught.value.remedy
