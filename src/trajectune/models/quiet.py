"""Silence for the libraries' own progress bars and retry notes, which would tear trajectune's display."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from transformers.utils import logging as transformers_logging

_one_at_a_time = threading.RLock()


@contextmanager
def quiet() -> Iterator[None]:
    """Within it transformers and the hub client show no bars and no warnings; errors still raise."""
    hub = logging.getLogger("huggingface_hub")
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of one library about another
        shown, level = transformers_logging.is_progress_bar_enabled(), hub.level
        transformers_logging.disable_progress_bar()
        hub.setLevel(logging.ERROR)
        try:
            yield
        finally:
            hub.setLevel(level)
            if shown:
                transformers_logging.enable_progress_bar()
