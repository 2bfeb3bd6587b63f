"""Every failure that a user can mend, as one small tree: what failed, where, and the remedy.

Invariant: a `TrajectuneError` is fit to be shown to a user as it is, without a traceback. Anything
else that escapes is a defect of trajectune. Failures *inside* an episode are data (`Outcome`, `Fault`
in `trajectune.trajectory`), not exceptions, so that one bad reply never stops a run.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TrajectuneError(Exception):
    """A failure with its place and its remedy.

    `raise TrajectuneError("the file is empty", where="a.jsonl", remedy="write something")`.

    `what` is one sentence; `where` names the file, line, row, recipe key or URL; `remedy` says what
    to do next. `str()` joins the three, one a line.
    """

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        self.what = what
        self.where = where
        self.remedy = remedy
        lines = [what]
        if where:
            lines.append(f"  where:  {where}")
        if remedy:
            lines.append(f"  remedy: {remedy}")
        super().__init__("\n".join(lines))


class DataError(TrajectuneError):
    """A file cannot be read or written as a whole (a single bad row is rejected, not raised)."""


class RecipeError(TrajectuneError):
    """A recipe or an option does not say what it must."""


class ModelError(TrajectuneError):
    """Weights, a tokenizer or a chat template cannot be found or used."""


class UnavailableError(TrajectuneError):
    """An optional part (an extra, a sandbox, a browser) that the work needs is not installed."""


class EpisodeError(TrajectuneError):
    """The infrastructure of episodes broke: never the agent's fault, never a reward of zero."""


class AgentError(TrajectuneError):
    """The infrastructure of agents broke: an endpoint that stays down, a decoder out of memory."""


class BudgetError(TrajectuneError):
    """What may be spent is spent: the work stopped in good order, and goes on with a larger budget."""


def install_extra(name: str) -> str:
    """How an optional part is installed, for a remedy: from the checkout, since no registry has it."""
    return f"pip install '.[{name}]' in the checkout of trajectune"


def suggestion(word: str, known: Iterable[str]) -> str:
    """`did you mean 'x'? ` when a known word is close, else nothing; the beginning of a remedy."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {close[0]!r}? " if close else ""
