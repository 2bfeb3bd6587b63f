"""Who holds which slot of the cache, and which slot a conversation gets.

Invariants: a slot serves at most one running row; a session keeps its slot until it is released, or until
a newer conversation needs the room (the longest unused goes first); what a free slot still holds is used
as a prefix wherever it fits.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from trajectune.models.prefix import common_prefix


class SlotTable:
    """Owners and ages of `count` slots."""

    def __init__(self, count: int) -> None:
        self._owner: list[str | None] = [None] * count
        self._used = [0] * count
        self._clock = itertools.count(1)
        self.busy: set[int] = set()

    def running(self, session: str | None) -> bool:
        """Whether a reply of this conversation is being generated now."""
        return session is not None and any(self._owner[slot] == session for slot in self.busy)

    def take(self, session: str | None, tokens: Sequence[int], held: Sequence[Sequence[int]]) -> int | None:
        """The slot for a new row, marked busy; None when all are busy.

        The session's own, else the unowned one whose content shares the longest prefix with `tokens`, else
        the least recently used.
        """
        free = [slot for slot in range(len(self._owner)) if slot not in self.busy]
        if not free:
            return None
        own = [slot for slot in free if session is not None and self._owner[slot] == session]
        unowned = [slot for slot in free if self._owner[slot] is None]
        if unowned and not own:
            slot = max(unowned, key=lambda slot: (common_prefix(held[slot], tokens), -self._used[slot]))
        else:
            slot = min(own or free, key=lambda slot: self._used[slot])
        self._owner[slot] = session
        self.busy.add(slot)
        return slot

    def give_back(self, slot: int) -> None:
        """The row in this slot is finished; its session keeps the slot."""
        self.busy.discard(slot)
        self._used[slot] = next(self._clock)

    def stop(self) -> None:
        """No row is running any more."""
        for slot in list(self.busy):
            self.give_back(slot)

    def release(self, session: str) -> None:
        """The session is over; its slot may be taken, and its content serves as a prefix until then."""
        self._owner = [None if owner == session else owner for owner in self._owner]
