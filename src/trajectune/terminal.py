"""The console that everything is printed on: what a model wrote is shown on it, and never obeyed.

Invariant: whatever is printed, also inside of tables and bars, passes through `trajectune.harmless`; only
the console's own colours and cursor movements reach the terminal.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from trajectune.harmless import harmless


class Terminal(Console):
    """`Terminal().print(reply, markup=False)`; `Terminal(stderr=True)` for what is no result."""

    def render_str(self, text: str, **options: Any) -> Text:
        """A string as text, harmless before it is laid out, so that its width is known."""
        return super().render_str(harmless(text), **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """The segments of a renderable, their text harmless."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(harmless(segment.text), segment.style)
