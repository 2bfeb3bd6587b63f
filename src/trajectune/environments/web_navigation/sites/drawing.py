"""Draws controls in a style of the site's own: how fields get their labels, what a button is made of.

The idea: the same control looks different from site to site (a label before the field, around it, or as a
placeholder; `button`, `input` or a link that plays one), as on the web. The style is drawn once for a site.

Invariant: whatever is drawn with a control is registered with it, under a key that is the same each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from trajectune.environments.web_navigation.page.element import Element, tidy
from trajectune.environments.web_navigation.sites.site import Control, Screen, Values


@dataclass(frozen=True, slots=True)
class Style:
    """How a site writes its pages."""

    label: str
    """`for`, `around`, `aria` or `placeholder`."""
    button: str
    """`button`, `input` or `link`."""
    group: str
    """`fieldset` or `div`, around options that belong together."""
    item: str
    """`li`, `div` or `article`, around one thing of a list."""
    clear: str
    """What empties a field, before its label."""

    @classmethod
    def drawn(cls, rng: Random) -> Style:
        """A style, with the common ways more often."""
        return cls(
            rng.choice(("for", "for", "around", "aria", "placeholder")),
            rng.choice(("button", "button", "input", "link")),
            rng.choice(("fieldset", "div")),
            rng.choice(("li", "div", "article")),
            rng.choice(("Clear", "Empty", "Remove")),
        )


class Drawing:
    """One screen while it is being drawn."""

    def __init__(self, style: Style, values: Values) -> None:
        self.style = style
        self.values = values
        self._controls: dict[str, Control] = {}

    def finish(self, tree: Element) -> Screen:
        """The screen."""
        return Screen(tree, self._controls)

    def link(self, key: str, text: str, goes: str, name: str = "", value: str = "") -> Element:
        """A link to a screen; it may set a value on the way."""
        self._controls[key] = Control(name=name, value=value, goes=goes)
        return Element("a", {"href": f"/{goes}"}, [text], key)

    def button(
        self, key: str, text: str, *, name: str = "", value: str = "", goes: str = "", commits: bool = False
    ) -> Element:
        """A button, made in the site's way."""
        self._controls[key] = Control(name=name, value=value, goes=goes, commits=commits)
        if self.style.button == "input":
            return Element("input", {"type": "submit", "value": text}, [], key)
        if self.style.button == "link":
            return Element("a", {"role": "button", "href": "#"}, [text], key)
        return Element("button", {"type": "button"}, [text], key)

    def small(self, key: str, text: str, name: str, value: str, label: str = "") -> Element:
        """A small button that sets a value and stays on the screen."""
        self._controls[key] = Control(name=name, value=value)
        return Element("button", {"aria-label": label} if label else {}, [text], key)

    def field(self, name: str, label: str, *, long: bool = False, clears: bool = True) -> Element:
        """A text field, with a button to empty it while it holds something."""
        key, value = f"field/{name}", self.values.get(name, "")
        self._controls[key] = Control("TYPE", name)
        kind = {} if long else {"type": "text"}
        attributes = {**kind, "name": _slug(label)} | ({"value": value} if value and not long else {})
        inner: list[Element | str] = [tidy(value)] if value and long else []
        field = Element("textarea" if long else "input", attributes, inner, key)
        parts = self._labelled(field, label)
        if value and clears:
            parts.append(self.small(f"clear/{name}", f"{self.style.clear} {label}", name, ""))
        return Element("div", {}, parts)

    def select(self, name: str, label: str, options: Sequence[str]) -> Element:
        """A list to select from."""
        key, value = f"field/{name}", self.values.get(name, "")
        self._controls[key] = Control("SELECT", name, options=tuple(options))
        drawn = [Element("option", {"selected": ""} if each == value else {}, [each]) for each in options]
        return Element(
            "div", {}, self._labelled(Element("select", {"name": _slug(label)}, [*drawn], key), label)
        )

    def radios(self, name: str, label: str, options: Sequence[str]) -> Element:
        """Options of which one holds."""
        value = self.values.get(name, "")
        parts: list[Element | str] = [Element("legend", {}, [label])]
        for each in options:
            key = f"radio/{name}/{each}"
            self._controls[key] = Control(name=name, value=each)
            checked = {"checked": ""} if each == value else {}
            box = Element("input", {"type": "radio", "name": _slug(label), **checked}, [], key)
            parts.append(Element("label", {}, [box, each]))
        return Element(self.style.group, {}, parts)

    def check(self, name: str, label: str, *, on: str = "on", bare: bool = False) -> Element:
        """A box to tick; a bare one has its label as an attribute alone."""
        key, value = f"check/{name}", self.values.get(name, "")
        self._controls[key] = Control(name=name, value="" if value else on)
        checked = {"checked": ""} if value else {}
        if bare:
            return Element("input", {"type": "checkbox", "aria-label": label, **checked}, [], key)
        box = Element("input", {"type": "checkbox", **checked}, [], key)
        return Element("label", {}, [box, label])

    def _labelled(self, field: Element, label: str) -> list[Element | str]:
        way = self.style.label
        if way == "around":
            return [Element("label", {}, [label, field])]
        if way == "for" or (way == "placeholder" and field.tag == "select"):
            identity = f"id-{field.key}"
            return [
                Element("label", {"for": identity}, [label]),
                Element(field.tag, {**field.attributes, "id": identity}, field.children, field.key),
            ]
        said = {"aria-label" if way == "aria" else "placeholder": label}
        return [Element(field.tag, {**field.attributes, **said}, field.children, field.key)]


def _slug(label: str) -> str:
    """A label as programmers name fields."""
    return "-".join("".join(c if c.isalnum() else " " for c in label.lower()).split())
