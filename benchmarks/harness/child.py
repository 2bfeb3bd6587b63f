"""The other end of `harness.process`: a child that answers one JSON line for each that it reads.

Needs the standard library alone, so that a rival can run under an interpreter of its own. A request is
`{"run": name, "round": n, …}`; the answer is `{"rates": {…}}`, perhaps with `"facts": {…}`, or
`{"error": "…"}`. What libraries print goes to stderr, so that it cannot get between the answers.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

Handler = Callable[[dict[str, Any]], Mapping[str, Any]]


def serve(handlers: Mapping[str, Handler]) -> None:
    """Answer requests by the handler that they name, until the input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(_answer(handlers, request)), file=answers, flush=True)


def _answer(handlers: Mapping[str, Handler], request: dict[str, Any]) -> Mapping[str, Any]:
    """What the handler says, or the error that it met: the child lives on."""
    try:
        return handlers[request["run"]](request)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
