"""A living site: screens that are drawn from values, and controls that change the values.

The idea: a site is a function from a `State` (which screen, which values) to a drawn screen: a tree, and
for each of its controls what an act on it does. Everything else follows: what an act leads to, what is
right now (`trajectune.environments.web_navigation.sites.route`), and whether the user got what was wanted.

Invariants: a state is never changed, an act gives a new one; nothing but a control that commits is final,
so every other wrong act can be undone; names of values that begin with `_` are means, not ends, and do not
count in the result.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from trajectune.environments.web_navigation.page.element import Element
from trajectune.environments.web_navigation.walk import Operation

Values = Mapping[str, str]
IDLE = "info/"
"""What the names of screens begin with that are of no use; all that they offer is the way back."""


@dataclass(frozen=True, slots=True)
class State:
    """What a browser shows: the screen, and all values of the site."""

    screen: str
    values: Values


@dataclass(frozen=True, slots=True)
class Control:
    """What an element does when it is acted on in the state in which it was drawn."""

    operation: Operation = "CLICK"
    name: str = ""
    """The value that is typed, selected or set by a click."""
    value: str = ""
    """What a click sets it to."""
    options: tuple[str, ...] = ()
    """What may be selected."""
    goes: str = ""
    """The screen that it leads to; empty for the same."""
    commits: bool = False
    """Whether the act ends the task; such a control sets a value that says which one it was."""

    def sets(self, name: str, value: str) -> bool:
        """Whether an act on it can give a value to a name."""
        if self.name != name:
            return False
        if self.operation == "CLICK":
            return self.value == value
        return value in self.options if self.options else bool(value)


@dataclass(frozen=True, slots=True)
class Screen:
    """A drawn screen."""

    tree: Element
    controls: Mapping[str, Control]
    """By the key of the element."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What the user wants, in the order in which it is natural to do it."""

    task: str
    """The user's words."""
    stages: tuple[Values, ...]
    """Values to reach; those of a stage in any order, and before those of the next. The last stage is one
    value, which a control sets that commits."""

    def result(self, start: Values) -> dict[str, str]:
        """All values of a site that was left as the user wants it."""
        return dict(start) | {name: value for stage in self.stages for name, value in stage.items()}


class Site(ABC):
    """One site with one task."""

    goal: Goal
    start: State

    @abstractmethod
    def draw(self, state: State) -> Screen:
        """The screen that a state shows. Equal states give equal screens."""

    def result(self, values: Values) -> Values:
        """The values that count when the task is judged; an empty one is none."""
        return {name: value for name, value in values.items() if value and not name.startswith("_")}

    def reached(self, values: Values) -> bool:
        """Whether the user got exactly what was wanted, and nothing else was changed."""
        return self.result(values) == self.result(self.goal.result(self.start.values))


def after(state: State, control: Control, value: str) -> State:
    """The state that an act leads to; `value` is what was typed or selected."""
    values = state.values
    if control.name:
        given = control.value if control.operation == "CLICK" else value
        values = {**values, control.name: given}
    return State(control.goes or state.screen, values)
