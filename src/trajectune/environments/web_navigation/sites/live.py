"""A walk over a living site: an act changes the site, and the reward is what was wanted or not.

Invariants: only an act that commits ends the episode, with reward 1 where the site is exactly as the user
wants it, else 0; what the page cannot take is told and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from trajectune.environments.web_navigation.page.element import shortened
from trajectune.environments.web_navigation.page.page import Page
from trajectune.environments.web_navigation.sites.route import wanted
from trajectune.environments.web_navigation.sites.site import Screen, Site, State, after
from trajectune.environments.web_navigation.walk import Act, Operation, Turn, Walk, told

VERBS: dict[Operation, str] = {"CLICK": "clicked", "SELECT": "selected from", "TYPE": "typed into"}
MAX_OPTIONS = 160
"""Characters of a list's options in a message."""


class LiveWalk(Walk):
    """One visit of a site."""

    asks_all = True

    def __init__(self, site: Site) -> None:
        self.task = site.goal.task
        self.previous = []
        self._site = site
        self._show(site.start)

    @property
    def wanted(self) -> Sequence[Act]:
        return self._wanted

    def impossible(self, act: Act) -> str:
        control = self._screen.controls[act.key]
        if act.operation != control.operation:
            return f"This element cannot be {VERBS[act.operation]}; it can be {VERBS[control.operation]}."
        if control.operation == "TYPE" and not act.value:
            return "TYPE needs a value: the text to type."
        if control.options and act.value not in control.options:
            offered = shortened(", ".join(control.options), MAX_OPTIONS)
            return f"There is no such option. The options are: {offered}."
        return ""

    def take(self, act: Act | None) -> Turn:
        if act is None:
            return Turn()
        control = self._screen.controls[act.key]
        self.previous.append(told(self.page, act))
        state = after(self._state, control, act.value)
        if control.commits:
            return Turn(done=True, reward=float(self._site.reached(state.values)))
        self._show(state)
        return Turn()

    def harmless(self, key: str) -> bool:
        control = self._screen.controls[key]
        elsewhere = control.goes not in ("", self._state.screen)
        return elsewhere and not control.name and not control.commits

    def _show(self, state: State) -> None:
        self._state = state
        self._screen, self.page, self._wanted = _seen(
            self._site, state.screen, frozenset(state.values.items())
        )


@lru_cache(maxsize=256)
def _seen(
    site: Site, screen: str, values: frozenset[tuple[str, str]]
) -> tuple[Screen, Page, Sequence[Act]]:
    """What a state shows and what is right there; kept, since the agent's expert looks at the same."""
    state = State(screen, dict(values))
    drawn = site.draw(state)
    page = Page(drawn.tree, [each for each in drawn.tree.walk() if each.key in drawn.controls])
    return drawn, page, wanted(site, state)
