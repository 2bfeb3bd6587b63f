"""Slots of the cache under any sequence of requests: nobody shares one, and who waited longest goes."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from trajectune.engine.slots import SlotTable

COUNT = 4
SESSIONS = st.sampled_from([None, "a", "b", "c", "d", "e", "f"])
PROMPTS = st.lists(st.integers(0, 1), min_size=1, max_size=4)


def shared(left: list[int], right: list[int]) -> int:
    size = 0
    while size < min(len(left), len(right)) and left[size] == right[size]:
        size += 1
    return size


class Slots(RuleBasedStateMachine):
    """The table against a slow account of who owns what, since when."""

    def __init__(self) -> None:
        super().__init__()
        self.table = SlotTable(COUNT)
        self.held: list[list[int]] = [[] for _ in range(COUNT)]
        self.owners: list[str | None] = [None] * COUNT
        self.running: dict[int, str | None] = {}
        self.order: list[int] = list(range(COUNT))
        """Slots, the longest unused first."""

    @rule(session=SESSIONS, tokens=PROMPTS)
    def take(self, session: str | None, tokens: list[int]) -> None:
        if self.table.running(session):
            return
        slot = self.table.take(session, tokens, self.held)
        free = [number for number in self.order if number not in self.running]
        if not free:
            assert slot is None
            return
        own = [number for number in free if session is not None and self.owners[number] == session]
        unowned = [number for number in free if self.owners[number] is None]
        if own:
            assert slot == own[0]
        elif unowned:
            assert slot in unowned
            assert shared(self.held[slot], tokens) == max(shared(self.held[n], tokens) for n in unowned)
        else:
            assert slot == free[0], "the longest unused conversation makes room"
        assert slot is not None
        self.owners[slot], self.running[slot], self.held[slot] = session, session, tokens

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        slot = data.draw(st.sampled_from(sorted(self.running)))
        self.table.give_back(slot)
        self._finished(slot)

    @rule()
    def stop(self) -> None:
        for slot in list(self.table.busy):
            self._finished(slot)
        self.table.stop()

    @rule(session=SESSIONS.filter(lambda name: name is not None))
    def release(self, session: str) -> None:
        self.table.release(session)
        self.owners = [None if owner == session else owner for owner in self.owners]

    @invariant()
    def a_slot_has_one_row_and_a_session_one_slot(self) -> None:
        assert self.table.busy == set(self.running)
        named = [owner for owner in self.owners if owner is not None]
        assert len(set(named)) == len(named)
        for session in ("a", "b", "c"):
            expected = any(self.owners[slot] == session for slot in self.running)
            assert self.table.running(session) == expected
        assert not self.table.running(None)

    def _finished(self, slot: int) -> None:
        del self.running[slot]
        self.order.remove(slot)
        self.order.append(slot)


Slots.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestSlots = Slots.TestCase


def test_sessions_keep_their_slots_while_there_is_room() -> None:
    table, held = SlotTable(3), [[], [], []]
    found = {}
    for session in ("a", "b"):
        found[session] = table.take(session, [1], held)
        table.give_back(found[session] or 0)
    for _ in range(5):
        loose = table.take(None, [1], held)
        assert loose not in found.values()
        assert {session: table.take(session, [1], held) for session in found} == found
        table.stop()


def test_a_released_slot_is_a_prefix_until_it_is_taken() -> None:
    table, held = SlotTable(2), [[1, 2, 3], [7, 8, 9]]
    for session in ("a", "b"):
        table.give_back(table.take(session, held[0 if session == "a" else 1], held) or 0)
    table.release("a")
    table.release("b")
    assert table.take("c", [7, 8, 1], held) == 1
