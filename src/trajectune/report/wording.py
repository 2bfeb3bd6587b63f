"""How numbers and records read on the page; nothing that was not measured looks like a number."""

from __future__ import annotations

import json
from collections.abc import Sequence

from trajectune.evaluate.intervals import Interval
from trajectune.evaluate.results import AgentResult, Results
from trajectune.trajectory import Step

NOTHING = "–"


def percent(interval: Interval | None) -> str:
    """`62 % [49–73]`."""
    if interval is None:
        return NOTHING
    return f"{100 * interval.value:.0f} % [{100 * interval.low:.0f}–{100 * interval.high:.0f}]"


def points(interval: Interval | None) -> str:
    """A difference of shares in percentage points: `+62 [+49, +73]`."""
    if interval is None:
        return NOTHING
    return f"{100 * interval.value:+.0f} [{100 * interval.low:+.0f}, {100 * interval.high:+.0f}]"


def number(value: Interval | float | None, digits: int = 3) -> str:
    """A plain number, with its interval where it has one."""
    if value is None:
        return NOTHING
    if isinstance(value, Interval):
        return f"{value.value:.{digits}f} [{value.low:.{digits}f}–{value.high:.{digits}f}]"
    return f"{value:.{digits}f}"


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


def reply(step: Step) -> str:
    """What the agent said: its verbatim words, or thought and call where it never wrote text."""
    if any(reply.text for reply in step.replies):
        return "\n".join(reply.text for reply in step.replies)
    calls = [f"{call.name}({json.dumps(call.arguments, ensure_ascii=False)})" for call in step.calls]
    return "\n".join(part for part in (step.thought, step.message or "", *calls) if part)


def headline(results: Results) -> list[str]:
    """The result in a sentence for each environment, and one for what it cost."""
    sentences = [sentence for result in results.agents if (sentence := _gain(result))]
    return [*sentences, *_cost(results)] or ["Nothing was evaluated in this run."]


def _gain(result: AgentResult) -> str:
    before, after = result.before, result.after
    scored = after or before
    if scored is None or scored.success is None:
        return ""
    where = f"of {scored.episodes} unseen {result.environment} tasks"
    if before is None or after is None or before.success is None or after.success is None:
        when = "After tuning" if after else "Before tuning"
        return f"{when}, the model solves {percent(scored.success)} {where}."
    was, now = before.success.value, after.success.value
    sign = "from" if round(100 * was) != round(100 * now) else "unchanged, from"
    return f"Success {sign} {100 * was:.0f} % to {100 * now:.0f} % {where}."


def _cost(results: Results) -> Sequence[str]:
    before, after = results.general_before, results.general_after
    if before is None or after is None or before.loss is None or after.loss is None:
        return []
    was, now = before.loss.value, after.loss.value
    return [f"General loss {was:.3f} to {now:.3f} ({now - was:+.3f}; lower is better)."]
