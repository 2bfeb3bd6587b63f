"""Every chat template is tried out in a process that can be killed before it runs in ours.

Invariants: a template that loops, or takes more than a bounded time, memory or length on any of the trial's
conversations never runs here; a template is tried once on a machine (the cache remembers its digest). A
template that waits for a conversation unlike all of the trial's is not found out by it: what it then writes
is bounded (`check_length`).
"""

from __future__ import annotations

import functools
import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from trajectune.errors import ModelError
from trajectune.models.chat.probes import sandbox
from trajectune.storage import cache_dir

_LONGEST_TEMPLATE = 1 << 20
_CPU_SECONDS, _WALL_SECONDS = 2, 30
_REASONS = {
    sandbox.TOO_LONG: "writes far more than the conversation has",
    sandbox.TOO_MUCH_MEMORY: f"needs more than {sandbox.MEMORY >> 20} MB for a short conversation",
}
_REMEDY = "use another template (llama-2, llama-3, chatml, agent-flan), or that of the model's makers"


def check_runs(tokenizer: PreTrainedTokenizerBase) -> None:
    """Raises ModelError where a tokenizer's chat template cannot be run in bounded time and memory."""
    given: Any = tokenizer.chat_template
    templates = tuple(map(str, given.values() if isinstance(given, dict) else [given]))
    specials = {
        name: token for name, token in tokenizer.special_tokens_map.items() if isinstance(token, str)
    }
    if reason := _reason(templates, json.dumps(specials, sort_keys=True)):
        raise ModelError(
            f"the chat template is not used: it {reason}",
            where=str(tokenizer.name_or_path),
            remedy=_REMEDY,
        )


def check_length(text: str, messages: Sequence[Any], tools: Sequence[Any]) -> None:
    """Raises ModelError where a template wrote far more than it was given."""
    if len(text) <= sandbox.longest(0):
        return
    given = len(json.dumps([list(messages), list(tools)], ensure_ascii=False, default=str))
    if len(text) > sandbox.longest(given):
        raise ModelError(
            f"the chat template wrote {len(text):,} characters for a conversation of {given:,}",
            remedy=_REMEDY,
        )


@functools.lru_cache(maxsize=64)
def _reason(templates: tuple[str, ...], specials: str) -> str:
    """Why templates cannot be run; empty where they can."""
    if sum(map(len, templates)) > _LONGEST_TEMPLATE:
        return f"has {sum(map(len, templates)):,} characters"
    script = Path(sandbox.__file__)
    asked = json.dumps({"templates": templates, "specials": json.loads(specials), "seconds": _CPU_SECONDS})
    digest = hashlib.sha256(script.read_bytes() + asked.encode()).hexdigest()
    passed = cache_dir() / "templates" / digest
    if passed.exists():
        return ""
    reason = _try(script, asked)
    if not reason:
        with suppress(OSError):  # then it is tried again next time
            passed.parent.mkdir(parents=True, exist_ok=True)
            passed.touch()
    return reason


def _try(script: Path, asked: str) -> str:
    try:
        code = subprocess.run(
            [sys.executable, "-P", str(script)],
            input=asked.encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_WALL_SECONDS,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        code = -1
    return "" if code == 0 else _REASONS.get(code, "does not come to an end on a short conversation")
