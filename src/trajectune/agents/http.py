"""What HTTP says besides the answer: where a server is asked, and when it may be asked again."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Mapping

import httpx

from trajectune.errors import RecipeError


def chat_url(url: str) -> httpx.URL:
    """Where chat completions are asked for, of a base URL. Raises `RecipeError` for one that is none."""
    try:
        parsed = httpx.URL(url.rstrip("/").removesuffix("/chat/completions") + "/chat/completions")
    except httpx.InvalidURL:
        parsed = httpx.URL()
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise RecipeError(
            "the endpoint's URL is not one", where=url, remedy="write it like http://localhost:8000/v1"
        )
    return parsed


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of a `Retry-After` header, given as a number or as a date; `None` without one."""
    value = headers.get("retry-after", "")
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return None
