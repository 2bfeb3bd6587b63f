"""`trajectune serve` as a user meets it."""

from __future__ import annotations

import importlib.util
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import IO

import httpx
import pytest

from trajectune.cli.entry import main


def ended(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[object, str]:
    """The status, and what was said."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "argv", ["trajectune", "serve", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr()
    return left.value.code or 0, " ".join((said.out + said.err).split())


Ended = Callable[[list[str]], tuple[object, str]]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ended:
    return lambda arguments: ended(arguments, monkeypatch, capsys)


def test_help_teaches(serve: Ended) -> None:
    status, said = serve(["--help"])
    assert status == 0
    assert "curl http://127.0.0.1:8000/v1/chat/completions" in said
    for option in (
        "host",
        "port",
        "max-batch",
        "max-context",
        "max-waiting",
        "api-key-variable",
        "name",
        "cors",
    ):
        assert f"--{option}" in said


def test_a_missing_extra_is_named(serve: Ended, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "trajectune.serve.extra.find_spec", lambda name: None if name == "fastapi" else find(name)
    )
    status, said = serve(["tiny"])
    assert status == 2
    assert "missing: fastapi remedy: pip install '.[serve]' in the checkout" in said


def test_mistakes_are_said_before_a_model_is_loaded(serve: Ended, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for arguments, expected in (
            (["/no/model", "--port", port], "cannot have this address: Address already in use"),
            (["/no/model", "--api-key-variable", "NO_SUCH_KEY"], "variable for the API key is empty"),
            (["/no/model", "--cors", "https://my.page/"], "'https://my.page/' is no origin"),
            (["/no/model", "--cors", "*", "--cors", "my.page"], "'my.page' is no origin"),
            (["/no/model", "--port", "0"], "there is no such model folder"),
            (["tiny", "--port", "0", "--dtype", "int1"], "unknown dtype 'int1'"),
        ):
            status, said = serve(arguments)
            assert status == 2
            assert expected in said
            assert "Traceback" not in said


def test_it_serves_until_ctrl_c() -> None:
    command = [
        sys.executable,
        "-m",
        "trajectune.cli.entry",
        "serve",
        "tiny",
        "--port",
        "0",
        "--device",
        "cpu",
    ]
    process = subprocess.Popen(
        [*command, "--name", "small", "--max-context", "4096", "--cors", "https://my.page"],
        stderr=subprocess.PIPE,
        text=True,
        # A child of a job in the background inherits that SIGINT is ignored, and Python then leaves it so.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stderr is not None
    try:
        url = _url(process.stderr)
        httpx.get(f"{url}/models", timeout=30, trust_env=False).raise_for_status()  # it listens already
        asked = {"Origin": "https://my.page", "Access-Control-Request-Method": "POST"}
        allowed = httpx.options(f"{url}/chat/completions", headers=asked, timeout=30, trust_env=False)
        assert allowed.headers["access-control-allow-origin"] == "https://my.page"
        # Thousands of tokens, or a reply that ends by chance is over before the signal is there.
        body = {"model": "small", "messages": [{"role": "user", "content": "Hi"}], "ignore_eos": True}
        with httpx.stream(
            "POST", f"{url}/chat/completions", json=body | {"stream": True}, timeout=30, trust_env=False
        ) as said:
            lines = (line for line in said.iter_lines() if line)
            assert json.loads(next(lines).removeprefix("data: "))["model"] == "small"
            started = time.monotonic()
            process.send_signal(signal.SIGINT)
            rest = list(lines)
        assert process.wait(10) == 0
        assert time.monotonic() - started < 5
        assert "the server is stopping" in rest[-1]
        assert process.stderr.read().strip() == "stopped"
    finally:
        process.kill()


def _url(stderr: IO[str]) -> str:
    for line in stderr:
        if found := re.search(r"served at (http://\S+/v1);", line):
            return found[1]
    raise AssertionError("the server ended")
