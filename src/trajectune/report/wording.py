"""How numbers and records read on the page; nothing that was not measured looks like a number."""

from __future__ import annotations

import json

from trajectune.evaluate.intervals import Interval
from trajectune.trajectory import Step, ToolCall

NOTHING = "–"
MAX_TEXT = 2_000
"""Longest stretch of a trajectory that is shown; what is longer is cut, and the cut is marked."""


def percent(interval: Interval | None) -> str:
    """`62 % [49–73]`; without brackets where there is no width to show."""
    if interval is None:
        return NOTHING
    value, low, high = (100 * end for end in (interval.value, interval.low, interval.high))
    return f"{value:.0f} %" + (f" [{low:.0f}–{high:.0f}]" if low < high else "")


def points(interval: Interval | None) -> str:
    """A difference of shares in percentage points: `+62 [+49, +73]`."""
    if interval is None:
        return NOTHING
    return f"{100 * interval.value:+.0f} [{100 * interval.low:+.0f}, {100 * interval.high:+.0f}]"


def signed(interval: Interval | None, digits: int = 3) -> str:
    """A difference of other numbers: `+0.021 [+0.013, +0.030]`."""
    if interval is None:
        return NOTHING
    value, low, high = (f"{end:+.{digits}f}" for end in (interval.value, interval.low, interval.high))
    return f"{value} [{low}, {high}]"


def number(value: Interval | float | None, digits: int = 3) -> str:
    """A plain number, with its interval where it has one."""
    if value is None:
        return NOTHING
    if isinstance(value, Interval):
        ends = f" [{value.low:.{digits}f}–{value.high:.{digits}f}]" if value.low < value.high else ""
        return f"{value.value:.{digits}f}{ends}"
    return f"{value:.{digits}f}"


def measured(interval: Interval | None, is_share: bool) -> str:
    """A metric: in percent if it is a share, else plainly."""
    return percent(interval) if is_share else number(interval)


def share(value: float | None) -> str:
    """`6.8 %`."""
    return NOTHING if value is None else f"{100 * value:.1f} %"


def duration(seconds: float) -> str:
    """`3 min 05 s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{seconds:.1f} s"


def words(name: str) -> str:
    """A metric's, an outcome's or a fault's name for people: `valid_replies` → `valid replies`."""
    return name.replace("_", " ")


def reply(step: Step) -> str:
    """What the agent said: its verbatim words, or thought and call where it never wrote text."""
    said = [reply.text for reply in step.replies if reply.text]
    native = [_call(call) for reply in step.replies for call in reply.calls]
    if said:
        return "\n".join([*said, *native])
    calls = [_call(call) for call in step.calls]
    return "\n".join(part for part in (step.thought, step.message or "", *calls) if part)


def cut(text: str) -> str:
    """The beginning of a long text, with a mark where the rest was cut."""
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]} … [{len(text) - MAX_TEXT} characters cut]"


def _call(call: ToolCall) -> str:
    return f"{call.name}({json.dumps(call.arguments, ensure_ascii=False)})"
