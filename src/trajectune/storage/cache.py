"""Where trajectune keeps what it made once and may make again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """`$TRAJECTUNE_CACHE`, else `~/.cache/trajectune`. Everything in it may be deleted at any time."""
    root = os.environ.get("TRAJECTUNE_CACHE")
    return Path(root).expanduser() if root else Path.home() / ".cache" / "trajectune"
