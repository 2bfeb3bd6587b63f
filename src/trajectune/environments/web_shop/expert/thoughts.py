"""What an expert thinks: what it sees on the page, what it is looking for, and why the next move follows.

Wordings vary, so that a model learns the reasons and not one sentence. A thought speaks of nothing that
the agent has not read by then.
"""

from __future__ import annotations

from random import Random

WORDINGS: dict[str, tuple[str, ...]] = {
    "search": (
        "The thing to find is '{thing}'. I search with the words that matter.",
        "First I need the right kind, '{thing}', so I put the telling words of the wish into the search.",
        "I look for '{thing}' and search with words that describe what is wanted.",
        "I start with a search for '{thing}'.",
    ),
    "open, all said": (
        "The title of {asin} says {feature}, and {price} is fine. I open it.",
        "{asin} looks right: its title has {feature}, and it costs {price}. I look at it.",
        "With {feature} in its title and a price of {price}, {asin} is the best candidate.",
    ),
    "open, some said": (
        "{asin} says {feature} in its title and costs {price}. I open it to see the rest.",
        "The title of {asin} has {feature}; whether it has {missing} I can only see on its page.",
        "{asin} costs {price} and mentions {feature}. I check there for {missing}.",
    ),
    "open, none said": (
        "{asin} is the right kind of thing and costs {price}. I open it to look for {missing}.",
        "No title here says more, but {asin} is what I look for, at {price}. I check it for {missing}.",
        "The title of {asin} fits the kind of product. Its page may tell about {missing}.",
    ),
    "open another": (
        "Next I try {asin}, which costs {price}.",
        "{asin} is the next best result, at {price}. I open it.",
        "Another candidate is {asin} for {price}; I look at that one.",
    ),
    "dear": (
        "Results that may cost more than {limit} dollars are out.",
        "I leave out what can cost more than {limit} dollars.",
    ),
    "no option": (
        "It does not come in {missing}, so I go back to the results.",
        "{missing} is not among the options here. I go back and try another one.",
        "I need {missing}, which is not offered. This is not the one.",
    ),
    "look": (
        "The title does not mention {missing}. I read the {page}.",
        "Before I buy I want to know about {missing}; the {page} should tell.",
        "I still have to make sure of {missing}, so I open the {page}.",
    ),
    "look further": (
        "Nothing about {missing} here. I go back, since the {page} may say it.",
        "I have yet to see {missing}; I go back to read the {page} too.",
    ),
    "found": (
        "Here it says {feature}. I return to the product.",
        "The text mentions {feature}, so this is the right product. I go back to its page.",
        "{feature}: that is what I was looking for. Back to the product.",
    ),
    "not found": (
        "I do not find {missing} here. I go back.",
        "There is no word of {missing}. Back to the product.",
        "This text does not mention {missing}, so I go back.",
    ),
    "leave": (
        "Nothing says that this product has {missing}; I return to the results.",
        "Without a word about {missing} I do not buy it. Back to the results.",
        "I was asked for {missing}, so I look at other results.",
    ),
    "choose": (
        "I was asked for {value}, so I choose it.",
        "{value} is offered here; I select it.",
        "Before buying I have to pick {value}.",
        "The right choice here is {value}.",
    ),
    "buy": (
        "Everything that was asked for is there. I buy it.",
        "Kind, features and price fit, so I buy it now.",
        "All choices are made and the price of {price} is fine. I buy it.",
        "This is what was asked for. I finish the purchase.",
    ),
    "buy at once": (
        "I have too few rounds left to look further. What I have seen fits, so I buy it.",
        "There is no time to check {missing}; this is the best candidate, so I take it.",
    ),
    "next page": (
        "None of these will do. I turn to the next page of results.",
        "Nothing else on this page fits, so I look at the next one.",
    ),
}


class Thoughts:
    """Draws wordings, the same ones for the same generator."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def say(self, occasion: str, **words: str) -> str:
        """A thought for an occasion, one of `WORDINGS`; it begins with a capital letter."""
        said = self._rng.choice(WORDINGS[occasion]).format(**words)
        return said[:1].upper() + said[1:]
