"""What an expert thinks: short reasons, several wordings for each occasion.

A thought says why the next command is the right one, in at most 25 words. Wordings vary so that a
model learns the reasons and not one sentence.
"""

from __future__ import annotations

import random

WORDINGS: dict[str, tuple[str, ...]] = {
    "begin": (
        "I need a {thing}. A good place to start looking is the {place}.",
        "First I have to find a {thing}. The {place} may have one.",
        "The task asks me to {task}. I look for a {thing} on the {place} first.",
        "To {task}, I must find a {thing}. I try the {place}.",
    ),
    "search": (
        "There is no {thing} here. I check the {place} next.",
        "No {thing} so far. The {place} is another likely spot.",
        "I still need a {thing}, so I look at the {place}.",
        "Nothing useful here. A {thing} could be at the {place}.",
    ),
    "again": (
        "One is done. I need another {thing} and look at the {place}.",
        "I need one more {thing}. Maybe it is at the {place}.",
        "Now for the second {thing}: I try the {place}.",
    ),
    "open": (
        "The {place} is closed. I open it to look inside.",
        "I cannot see into the {place} yet, so I open it.",
        "It is closed; opening the {place} shows what is in it.",
    ),
    "same spot": (
        "I need not walk: the {place} is right here. I look at it.",
        "The {place} is at this very spot, so I examine it.",
    ),
    "return": (
        "I saw the {thing} at the {place}, so I go back there.",
        "The {thing} was at the {place}. I return to it.",
        "I remember the {thing} at the {place} and walk there.",
    ),
    "take": (
        "Here is the {thing}. I take it.",
        "I found the {thing} that I need, so I pick it up.",
        "The {thing} is what the task asks for. I take it.",
    ),
    "to treat": (
        "I hold the {thing}. To {treatment} it I need the {place}.",
        "The {thing} must be treated first: I {treatment} it at the {place}.",
        "Before putting the {thing} away I go to the {place} to {treatment} it.",
    ),
    "treat": (
        "I am at the {place}, so I {treatment} the {thing} now.",
        "Now I can {treatment} the {thing} with the {place}.",
        "The {place} is here. I use it to {treatment} the {thing}.",
    ),
    "carry": (
        "The {thing} is ready. I bring it to the {place}.",
        "Now the {thing} has to go to the {place}.",
        "I have the {thing}; the {place} is where it belongs.",
    ),
    "unlock": (
        "The {place} is closed. I open it to put the {thing} in.",
        "I must open the {place} before I can put the {thing} there.",
    ),
    "put": (
        "I am at the {place} with the {thing}, so I put it there.",
        "This is the right place: I leave the {thing} at the {place}.",
        "The {thing} goes here, to the {place}.",
    ),
    "to lamp": (
        "I hold the {thing}. Now I need light, and the {lamp} is at the {place}.",
        "The {lamp} is at the {place}. I take the {thing} there.",
    ),
    "find lamp": (
        "I hold the {thing} and need a {lamp}. I look at the {place}.",
        "Now I need a {lamp}. It may stand on the {place}.",
        "No {lamp} seen yet; the {place} could have one.",
    ),
    "lamp": (
        "The {lamp} is here. I turn it on to look at the {thing}.",
        "I have the {thing} and the {lamp}, so I switch it on.",
    ),
    "fetch": (
        "I need the {thing}, which is at the {place}.",
        "The task needs the {thing}. I get it from the {place}.",
    ),
    "go": (
        "The next thing to do is at the {place}, so I go there.",
        "I have to be at the {place} for the next move.",
    ),
}


class Thoughts:
    """Draws wordings, the same ones for the same generator."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def say(self, occasion: str, **words: str) -> str:
        """A thought for an occasion, one of `WORDINGS`."""
        return self._rng.choice(WORDINGS[occasion]).format(**words)
