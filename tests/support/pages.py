"""Elements in few words, for tests of pages."""

from __future__ import annotations

from trajectune.environments.web_navigation.page.element import Element


def tag(name: str, /, *children: Element | str, key: str = "", **attributes: str) -> Element:
    """An element; `_for` stands for the attribute `for`."""
    said = {name.strip("_").replace("_", "-"): v for name, v in attributes.items()}
    return Element(name, dict(said), list(children), key)
