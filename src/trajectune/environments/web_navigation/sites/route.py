"""What is right in a state: the acts that bring a site nearer to its goal.

The idea: of the first stage that is not reached, every value that can be set on this screen is a right act.
Where none can be set here, a right act is a link towards a screen where one can, found by searching the
site breadth first. The last stage is what a control that commits sets; before it, what was changed against
the user's wish is set right. So the way back from a wrong screen, and the repair of a wrong value, are
right acts too.

Invariant: a site's goal can be reached from every state that is not committed (tested for all kinds).
"""

from __future__ import annotations

from collections.abc import Callable

from trajectune.environments.web_navigation.sites.site import (
    IDLE,
    Control,
    Screen,
    Site,
    State,
    Values,
    after,
)
from trajectune.environments.web_navigation.walk import Act

Useful = Callable[[Screen], list[Act]]


def wanted(site: Site, state: State) -> list[Act]:
    """All acts that are right in a state, the most natural first; at least one."""
    useful = _useful(site, state)
    screen = site.draw(state)
    return useful(screen) or [_towards(site, state, screen, useful)]


def _useful(site: Site, state: State) -> Useful:
    """How to find the acts on a screen that reach something that is still missing."""
    *before, last = site.goal.stages
    for stage in before:
        missing = {name: value for name, value in stage.items() if state.values.get(name, "") != value}
        if missing:
            return lambda screen: _setting(screen, missing)
    if spoilt := _spoilt(site, state):
        return lambda screen: _setting(screen, spoilt)
    return lambda screen: _setting(screen, last, commits=True)


def _spoilt(site: Site, state: State) -> dict[str, str]:
    """What was changed against the user's wish, with the values that it should have again."""
    now, right = site.result(state.values), site.result(site.goal.result(site.start.values))
    named = {name for stage in site.goal.stages for name in stage}
    wrong = [name for name in {**right, **now} if name not in named and now.get(name) != right.get(name)]
    return {name: right.get(name, "") for name in wrong}


def _setting(screen: Screen, missing: Values, *, commits: bool = False) -> list[Act]:
    """The acts on a screen that give one of these values."""
    return [
        Act(key, control.operation, "" if control.operation == "CLICK" else value)
        for name, value in missing.items()
        for key, control in screen.controls.items()
        if control.commits == commits and control.sets(name, value)
    ]


def _towards(site: Site, state: State, screen: Screen, useful: Useful) -> Act:
    """The first step of the shortest way to a screen with a useful act."""
    seen = {state.screen}
    ways: list[tuple[State, Act]] = [
        (after(state, control, ""), Act(key, "CLICK")) for key, control in _links(screen)
    ]
    while ways:
        further: list[tuple[State, Act]] = []
        for there, first in ways:
            if there.screen in seen or there.screen.startswith(IDLE):
                continue
            seen.add(there.screen)
            drawn = site.draw(there)
            if useful(drawn):
                return first
            further += [(after(there, control, ""), first) for _, control in _links(drawn)]
        ways = further
    raise RuntimeError(f"no way to the goal from {state.screen!r}: the site is drawn wrongly")


def _links(screen: Screen) -> list[tuple[str, Control]]:
    """Controls that lead elsewhere and change nothing that counts."""
    return [
        (key, control)
        for key, control in screen.controls.items()
        if control.goes and not control.commits and (not control.name or control.name.startswith("_"))
    ]
