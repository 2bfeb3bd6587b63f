"""What an expert thinks: why this choice, or why none, in several wordings.

A thought is said from the task and from what the question shows. Where none of the choices is right, it
says what is still missing in the task's own words, never what stands elsewhere on the page.
"""

from __future__ import annotations

from random import Random

from trajectune.environments.web_navigation.page.element import shortened
from trajectune.environments.web_navigation.page.page import role
from trajectune.environments.web_navigation.walk import Act, Walk

MAX_NAME = 60
WORDINGS: dict[str, tuple[str, ...]] = {
    "type": (
        'The task gives "{value}", and the field {name} is where it belongs.',
        '"{value}" has not been entered yet. This is the field for it: {name}.',
        'I type "{value}" into {name}, as the task asks.',
        'The field {name} is among the choices, so I fill in "{value}" now.',
    ),
    "select": (
        'The list {name} is the place to set "{value}".',
        'I need "{value}" here, so I select it in {name}.',
        'The task wants "{value}"; the choices have the list {name} for it.',
        '{name} is still to be set: "{value}" is what was asked for.',
    ),
    "tick": (
        "The task asks for {name}, and its box is among the choices.",
        "I have to change {name}; one click on this box does it.",
        "{name} is part of what was asked for, so I click its box.",
        "This box belongs to {name}, which the task names.",
    ),
    "link": (
        "{name} looks like the way to what the task asks for.",
        "To get on with the task I follow {name}.",
        "Of these choices only {name} leads on.",
        "What I need should be behind {name}, so I click it.",
    ),
    "button": (
        "Nothing is missing for this step any more. I press {name}.",
        "The next thing to do here is {name}.",
        "Everything before it is done, so {name} comes next.",
        "{name} takes the task one step further.",
    ),
    "back": (
        "This page does not help with the task. {name} leads on from here.",
        "That was the wrong way. I go on by {name}.",
        "I took a wrong turn; {name} gets me on with the task again.",
    ),
    "none value": (
        'I still have to give "{value}", and none of these is the place for it.',
        'Where can "{value}" go? Not into any of these, so none of the above.',
        'These choices have nothing to do with "{value}", which comes next.',
        'What is missing is "{value}". None of these elements takes it.',
    ),
    "none click": (
        "None of these brings the task forward.",
        "I look for the next step of the task, and it is not among these.",
        "These lead elsewhere; the task needs something that is not listed here.",
        "Clicking any of these would not help, so none of the above.",
        "The element that I need next is not one of these.",
    ),
    "none back": (
        "I took a wrong turn, and none of these mends it.",
        "I want to get away from here, but not by one of these.",
        "That did not help with the task, and these do not either.",
    ),
}


class Thoughts:
    """Says why, with wordings drawn from `rng`."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def say(self, walk: Walk, act: Act | None, wanted: Act, *, lost: bool) -> str:
        """The thought before an act, or before none of the above.

        `wanted` is what the task asks for next; `lost` says that the last act was a wrong one.
        """
        if act is None:
            occasion = "none back" if lost else "none value" if wanted.value else "none click"
            return self._said(occasion, value=wanted.value)
        element = walk.page.candidates[act.key]
        name = f'"{shortened(walk.page.name(element), MAX_NAME)}"'
        if row := walk.page.row(element):
            name += f' beside "{shortened(row, MAX_NAME)}"'
        kind = role(element)
        if act.operation != "CLICK":
            return self._said(act.operation.lower(), name=name, value=act.value)
        if lost and kind == "link":
            return self._said("back", name=name)
        tick = "tick" if kind in ("checkbox", "radio", "switch") else ""
        return self._said(tick or ("link" if kind == "link" else "button"), name=name)

    def _said(self, occasion: str, **words: str) -> str:
        return self._rng.choice(WORDINGS[occasion]).format(**words)
