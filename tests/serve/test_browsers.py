"""Pages of other origins: they may ask where the server was told so, and nowhere else."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

PAGE = "https://my.page"
PREFLIGHT = {
    "Origin": PAGE,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,x-stainless-lang",
}
ASKED = {"model": "tiny-model", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}


def preflight(running: Any, **changes: str) -> httpx.Response:
    return httpx.options(f"{running.root}/v1/chat/completions", headers={**PREFLIGHT, **changes})


@pytest.mark.parametrize("origins", [["*"], ["https://other.page", PAGE]])
def test_a_page_may_ask_where_it_was_allowed(serve: Any, origins: list[str]) -> None:
    running = serve(cors=origins, key="secret")
    allowed = preflight(running)  # without the key: browsers send none here
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] in ("*", PAGE)
    assert "POST" in allowed.headers["access-control-allow-methods"]
    assert "authorization" in allowed.headers["access-control-allow-headers"]
    key = {"Authorization": "Bearer secret"}
    for headers, status in ((key, 200), ({}, 401)):
        for stream in (False, True):
            answer = running.post(json={**ASKED, "stream": stream}, headers={"Origin": PAGE, **headers})
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] in ("*", PAGE)


def test_other_pages_may_not(serve: Any) -> None:
    running = serve(cors=["https://other.page"])
    assert preflight(running).status_code == 400
    assert "access-control-allow-origin" not in preflight(running).headers


def test_nobody_may_unless_asked_for(server: Any) -> None:
    refused = preflight(server)
    assert refused.status_code == 405
    assert not [name for name in refused.headers if name.startswith("access-control")]
    assert "access-control-allow-origin" not in server.post(json=ASKED, headers={"Origin": PAGE}).headers
