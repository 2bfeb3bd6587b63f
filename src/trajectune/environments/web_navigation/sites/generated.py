"""Tasks without end on living sites, from seeds.

The idea: a task is a seed and a kind; `site` makes the same site of it on any machine. Train and dev draw
from the same themes and sentences (with other seeds), test from ones that training never sees.

Invariant: a site depends on nothing but its task's seed, split and kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from random import Random

from trajectune.environments.contract import Split, Task
from trajectune.environments.web_navigation.sites.kinds.forms import FormSite, PollSite
from trajectune.environments.web_navigation.sites.kinds.mail import MailSite, MessageSite
from trajectune.environments.web_navigation.sites.kinds.planning import BookingSite, CalendarSite
from trajectune.environments.web_navigation.sites.kinds.reading import ManualSite, SearchSite
from trajectune.environments.web_navigation.sites.kinds.records import RecordSite, SettingsSite
from trajectune.environments.web_navigation.sites.kinds.shops import ListingSite, ShopSite
from trajectune.environments.web_navigation.sites.live import LiveWalk
from trajectune.environments.web_navigation.sites.site import Site
from trajectune.environments.web_navigation.sites.words import Words, words
from trajectune.errors import RecipeError
from trajectune.storage import Rejected

SITES: Mapping[str, Callable[[Random, Words], Site]] = {
    "form": FormSite,
    "poll": PollSite,
    "shop": ShopSite,
    "listing": ListingSite,
    "record": RecordSite,
    "settings": SettingsSite,
    "manual": ManualSite,
    "search": SearchSite,
    "booking": BookingSite,
    "calendar": CalendarSite,
    "mail": MailSite,
    "message": MessageSite,
}
KINDS = tuple(SITES)


class GeneratedSource:
    """Generated tasks: `sizes` of them in each split, limited to `kinds`."""

    rejected: Sequence[Rejected] = ()

    def __init__(self, seed: int, sizes: Mapping[Split, int], kinds: Sequence[str] | None = None) -> None:
        if unknown := set(kinds or ()) - set(KINDS):
            raise RecipeError(
                f"Unknown kinds of web navigation task: {', '.join(sorted(unknown))}.",
                where="option kinds",
                remedy=f"Choose among: {', '.join(KINDS)}.",
            )
        self._seed = seed
        self._sizes = sizes
        self._kinds = tuple(kinds or KINDS)

    def tasks(self, split: Split) -> list[Task]:
        """The first `sizes[split]` tasks of the endless list; a shorter list is a prefix of a longer."""
        return [
            Task(
                id=f"site-{self._seed}-{split}-{number}",
                split=split,
                kind=self._kinds[number % len(self._kinds)],
                data={"seed": f"{self._seed}/{split}/{number}"},
            )
            for number in range(self._sizes[split])
        ]

    def walk(self, task: Task) -> LiveWalk:
        """A fresh visit of a task's site."""
        return LiveWalk(site(task.kind, str(task.data["seed"]), task.split == "test"))


@lru_cache(maxsize=256)
def site(kind: str, seed: str, unseen: bool) -> Site:
    """The site with this seed; `unseen` takes the themes and sentences of the test split.

    Sites do not change, so an episode and its expert share one.
    """
    return SITES[kind](Random(f"{kind}/{seed}"), words(unseen))
