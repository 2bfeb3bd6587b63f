"""A chat server for many clients at once that drops, refuses and delays what it is told to.

    python benchmarks/flaky_server.py          # prints its port, serves until its input ends

It plays the guessing game of `concurrency.py`: the n-th reply of a conversation guesses n. Of every hundred
requests one is dropped without an answer, one in the middle of it, one is answered with 500, two with 429
and `Retry-After`; answers take 20 to 200 ms, some a second. `GET /stats` tells how many requests came and
what became of them.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from typing import Any

KINDS = {"dropped": 1, "cut": 1, "500": 1, "429": 2, "slow": 2, "answered": 93}
"""What becomes of a hundred requests."""


class FlakyServer:
    """Serves on a free port of this machine."""

    def __init__(self, seed: int = 0, kinds: dict[str, int] = KINDS, seconds: float = 0.2) -> None:
        """`seconds` is what a usual answer takes at most."""
        self.counts: Counter[str] = Counter()
        self._draw = random.Random(seed)
        self._kinds = kinds
        self._seconds = seconds
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Begin to serve; gives the port."""
        self._server = await asyncio.start_server(self._client, "127.0.0.1", 0, backlog=4096)
        return int(self._server.sockets[0].getsockname()[1])

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._request(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether the connection stays."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        if head.startswith("get "):
            writer.write(http(200, dict(self.counts)))
            return True
        size = int(head.partition("content-length:")[2].partition("\r\n")[0])
        asked = json.loads(await reader.readexactly(size))
        kind = self._draw.choices(list(self._kinds), list(self._kinds.values()))[0]
        self.counts[kind] += 1
        await asyncio.sleep(1.0 if kind == "slow" else self._draw.uniform(0.1, 1.0) * self._seconds)
        answer = {"500": http(500, {}), "429": http(429, {}, "Retry-After: 0.2\r\n")}.get(kind)
        if kind == "dropped":
            return False
        writer.write(answer or guess(asked["messages"])[: -20 if kind == "cut" else None])
        await writer.drain()
        return kind != "cut"


def http(status: int, body: dict[str, Any], headers: str = "") -> bytes:
    """An answer as it goes over the line."""
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{headers}"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


def guess(messages: list[dict[str, Any]]) -> bytes:
    """The reply of a conversation, with a token for each of its messages."""
    said = sum(message["role"] == "assistant" for message in messages)
    text = f'Thought: Perhaps {said}.\nAction: guess\nAction Input: {{"number": {said}}}'
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": len(messages), "completion_tokens": 1}
    return http(200, {"choices": [choice], "usage": usage})


async def _serve() -> None:
    print(await FlakyServer().start(), flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve())
