"""Bodies put together from pieces of the schema, with mistakes: an answer, or the API's error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from trajectune.composition.composition import Composition
from trajectune.engine.engine import Engine
from trajectune.models.loading import LoadedModel
from trajectune.serve.api.protocol import ChatRequest, CompletionRequest
from trajectune.serve.app import create_app

NAME = "tiny-model"
TEXTS = st.sampled_from(
    ["", "a", "Hello!", "<|im_end|>", "<tool_call>", "\0", "é€😀", "null", "{}", '{"a": 1}', '{"a": 1', " "]
)
NUMBERS = st.sampled_from([0, 1, -1, 7, 17, 0.5, -0.0, 1e-300, 1e308, 1 << 31, 1 << 63, 1 << 70])
ODD = st.sampled_from([float("nan"), float("inf"), "\ud800", "long", [[[[]]]], 10**400])
ANY = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS, ODD),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(TEXTS | st.sampled_from(["type", "a"]), inner, max_size=3),
    ),
    max_leaves=5,
)
OBJECTS = st.dictionaries(TEXTS, TEXTS | NUMBERS, max_size=2)


def record(needed: dict[str, Any], more: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(needed, optional=more)


CALLS = st.lists(
    record(
        {"function": record({"name": TEXTS}, {"arguments": OBJECTS.map(json.dumps) | TEXTS})},
        {"id": TEXTS, "type": st.just("function")},
    ),
    max_size=2,
)
PARTS = st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": TEXTS}), max_size=2)
MESSAGES = st.one_of(
    record({"role": st.sampled_from(["system", "developer", "user"]), "content": TEXTS | PARTS}, {}),
    record(
        {"role": st.just("assistant")}, {"content": TEXTS | PARTS, "tool_calls": CALLS, "reasoning": TEXTS}
    ),
    record({"role": st.just("tool"), "content": TEXTS}, {"tool_call_id": TEXTS, "name": TEXTS}),
)
FUNCTION = record({"name": st.just("f")}, {"parameters": OBJECTS, "strict": st.booleans()})
SHARED: dict[str, Any] = {
    "n": st.integers(1, 3),
    "stream": st.booleans(),
    "stop": st.just("a") | st.lists(st.sampled_from(["a", "<|im_end|>"]), max_size=3),
    "stop_token_ids": st.lists(st.integers(0, 100), max_size=2),
    "temperature": st.sampled_from([0, 1, 0.5, 100, 1e-300]),
    "top_k": st.integers(-1, 3),
    "weights": st.dictionaries(st.just("llama"), st.integers(-2, 2), max_size=1),
    "skip_special_tokens": st.booleans(),
    "ignore_eos": st.booleans(),
    "seed": st.integers(-5, 5),
}
NEEDED = {"model": st.just(NAME), "max_tokens": st.integers(1, 4)}
CHATS = record(
    {**NEEDED, "messages": st.lists(MESSAGES, min_size=1, max_size=4)},
    {
        **SHARED,
        "tools": st.lists(record({"type": st.just("function"), "function": FUNCTION}, {}), max_size=2),
        "tool_choice": st.sampled_from(["auto", "none"]),
    },
)
IDS = st.lists(st.integers(0, 100), min_size=1, max_size=4)
COMPLETIONS = record({**NEEDED, "prompt": TEXTS | IDS | st.lists(IDS, min_size=1, max_size=3)}, SHARED)


def change(draw: Any, value: Any) -> Any:
    """The value with something else somewhere in it."""
    places = (
        list(value)
        if isinstance(value, dict)
        else list(range(len(value)))
        if isinstance(value, list)
        else []
    )
    if not places or draw(st.integers(0, 3)) == 0:
        if isinstance(value, dict) and draw(st.booleans()):
            names = TEXTS | st.sampled_from(["logit_bias", "echo", "prefix", "chat_template_kwargs"])
            return {**value, draw(names): draw(ANY)}
        return draw(ANY)
    place = draw(st.sampled_from(places))
    changed = change(draw, value[place])
    if isinstance(value, dict):
        return {**value, place: changed}
    return [*value[:place], changed, *value[place + 1 :]]


def damage(draw: Any, content: bytes) -> bytes:
    """The bytes with others put in, or cut off."""
    at = draw(st.integers(0, len(content)))
    more = draw(st.sampled_from([b"", b"\xff", b"[" * 50, b'"n": 1,', b"\\ud800"]))
    return content[:at] + more + (content[at:] if more else b"")


@pytest.fixture(scope="module")
def client(tiny: LoadedModel) -> Iterator[TestClient]:
    engine = Engine(Composition.single(tiny), max_batch=4, max_context=512)
    with TestClient(create_app(engine, name=NAME), raise_server_exceptions=False) as found:
        yield found


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_body_has_an_answer(client: TestClient, data: st.DataObject) -> None:
    path, bodies = data.draw(
        st.sampled_from([("/v1/chat/completions", CHATS), ("/v1/completions", COMPLETIONS)])
    )
    asked = data.draw(bodies)
    for _ in range(data.draw(st.integers(0, 2))):
        asked = change(data.draw, asked)
    text = json.dumps(asked, ensure_ascii=data.draw(st.booleans())).replace('"long"', f'"{"x" * 3000}"')
    content = text.encode("utf-8", "surrogatepass")
    if data.draw(st.integers(0, 9)) == 9:
        content = damage(data.draw, content)
    response = client.post(path, content=content, headers={"Content-Type": "application/json"})
    if response.status_code == 200:
        assert response.text.startswith(("{", "data: "))
        assert '"error"' not in response.text[:9]
    else:
        assert 400 <= response.status_code < 500, response.text
        assert response.json()["error"].keys() == {"message", "type", "param", "code"}
        assert len(response.text) < 2000
    assert client.get("/health").json() == {"status": "ok", "running": 0, "waiting": 0}


def test_the_pieces_are_those_of_the_schema() -> None:
    for kind in (ChatRequest, CompletionRequest):
        assert set(SHARED) <= set(kind.model_fields)
