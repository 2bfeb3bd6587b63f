"""The API as the official client uses it."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from trajectune.composition.composition import Composition
from trajectune.composition.drafting import Speculation
from trajectune.engine.engine import Engine
from trajectune.engine.requests import Request
from trajectune.example import Message
from trajectune.models.chat import renderer_of
from trajectune.models.loading import LoadedModel

NAME = "tiny-model"
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
CALL = '<tool_call>{"name": "weather", "arguments": {"city": "Rome"}}</tool_call>'


def reference(model: LoadedModel, messages: list[Any], length: int) -> Any:
    said = [Message(role=message["role"], content=message["content"]) for message in messages]
    tokens = renderer_of(model.tokenizer).prompt(said)
    return Engine(Composition.single(model), max_context=512).generate([Request(tokens, length)])[0]


def together(chunks: Any) -> dict[int, dict[str, Any]]:
    """A stream's choices put together, by index."""
    found: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        for choice in chunk.choices:
            told = found.setdefault(choice.index, {"content": "", "calls": [], "roles": [], "finish": None})
            assert told["finish"] is None
            told["content"] += choice.delta.content or ""
            told["calls"] += [(c.index, c.id, c.function) for c in choice.delta.tool_calls or []]
            told["roles"] += [choice.delta.role] if choice.delta.role else []
            told["finish"] = choice.finish_reason
    return found


def test_a_greedy_reply_is_the_engines(server: Any, tiny: LoadedModel) -> None:
    expected = reference(tiny, [{"role": "user", "content": "Hello!"}], 12)
    answer = server.chat()
    assert answer.choices[0].message.content == expected.text
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason == "length"
    assert (answer.object, answer.model) == ("chat.completion", NAME)
    assert answer.usage.prompt_tokens == expected.prompt_tokens
    assert answer.usage.completion_tokens == 12
    assert answer.usage.total_tokens == expected.prompt_tokens + 12


def test_what_was_read_before_is_counted_as_cached(server: Any) -> None:
    server.chat("The same question, asked twice.")
    usage = server.chat("The same question, asked twice.").usage
    assert usage.prompt_tokens_details.cached_tokens == usage.prompt_tokens - 1


@pytest.mark.parametrize("seed", range(3))
def test_a_stream_says_what_a_whole_answer_says(server: Any, seed: int) -> None:
    options = {"temperature": 1.5, "seed": seed, "n": 2, "max_tokens": 40}
    whole = server.chat(**options)
    chunks = list(server.chat(**options, stream=True))
    told = together(chunks)
    assert sorted(told) == [0, 1]
    for choice in whole.choices:
        assert told[choice.index]["content"] == choice.message.content
        assert told[choice.index]["finish"] == choice.finish_reason
        assert told[choice.index]["roles"] == ["assistant"]
    assert len(chunks) > 20
    assert all(chunk.usage is None for chunk in chunks)
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_stream_gives_the_usage_when_asked(server: Any) -> None:
    expected = server.chat(n=2).usage
    *chunks, last = server.chat(n=2, stream=True, stream_options={"include_usage": True})
    assert last.choices == []
    assert last.usage.completion_tokens == 24
    assert last.usage.prompt_tokens == expected.prompt_tokens
    assert all(chunk.choices for chunk in chunks)


def test_several_replies_differ_and_their_prompt_counts_once(server: Any) -> None:
    answer = server.chat(n=3, temperature=1, seed=5)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in answer.choices}) == 3
    assert answer.usage.prompt_tokens == server.chat().usage.prompt_tokens
    assert (
        answer.choices[0].message.content == server.chat(temperature=1, seed=5).choices[0].message.content
    )


def test_without_a_seed_replies_differ(server: Any) -> None:
    first, second = (server.chat(temperature=1).choices[0].message.content for _ in range(2))
    assert first != second


def test_sampling_options_reach_the_engine(server: Any) -> None:
    greedy = server.chat().choices[0].message.content
    for narrow in ({"top_k": 1}, {"min_p": 1.0}):
        assert server.chat(temperature=2, extra_body=narrow).choices[0].message.content == greedy
    assert server.chat(temperature=2, top_p=1e-6).choices[0].message.content == greedy
    assert server.chat(temperature=1e-30).choices[0].message.content == greedy
    plain, penalised = (
        server.chat(max_tokens=100, extra_body={"repetition_penalty": penalty}) for penalty in (1, 5)
    )
    assert penalised.choices[0].message.content != plain.choices[0].message.content


def test_weights_of_a_composition_are_chosen_per_request(server: Any, other: LoadedModel) -> None:
    expected = reference(other, [{"role": "user", "content": "Hello!"}], 12).text
    swapped = server.chat(extra_body={"weights": {"one": 0, "other": 1}})
    assert swapped.choices[0].message.content == expected
    assert server.chat().choices[0].message.content != expected
    assert server.client.models.retrieve(NAME).model_extra["weights"] == {"one": 1.0, "other": 0.0}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("stop", ["<|im_start|>", "im_start", "one<|im_start|>", "<|im_start|>\n"])
def test_a_stop_string_may_be_a_special_token(server: Any, stream: bool, stop: str) -> None:
    with server.engine.dictated("Is one<|im_start|>\ntwo?"):
        answer = server.chat(stop=["never", stop], max_tokens=60, stream=stream)
        text = server.client.completions.create(
            model=NAME, prompt="x", stop=stop, max_tokens=60, stream=stream
        )
        if stream:
            (told,) = together(answer).values()
            found = (told["content"], told["finish"])
            text = "".join(chunk.choices[0].text for chunk in text)
        else:
            found = (answer.choices[0].message.content, answer.choices[0].finish_reason)
            text = text.choices[0].text
    expected = "Is " if stop.startswith("one") else "Is one"
    assert found == (expected, "stop")
    assert text == expected


@pytest.mark.parametrize("stream", [False, True])
def test_a_reply_ends_before_a_stop_string(server: Any, stream: bool) -> None:
    with server.engine.dictated("One. Two. Three."):
        options = {"stop": ["Three", "o. T"], "stream": stream, "max_tokens": 50}
        answer = server.chat(**options)
        if stream:
            assert together(answer)[0] | {"roles": []} == {
                "content": "One. Tw",
                "calls": [],
                "roles": [],
                "finish": "stop",
            }
        else:
            assert answer.choices[0].message.content == "One. Tw"
            assert answer.choices[0].finish_reason == "stop"


def test_the_end_token_ends_a_reply(server: Any) -> None:
    with server.engine.dictated("Done."):
        answer = server.chat()
    assert answer.choices[0].message.content == "Done."
    assert answer.choices[0].finish_reason == "stop"


def test_roles_and_parts_reach_the_prompt(server: Any, tiny: LoadedModel) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": "Two"},
        {"role": "user", "content": "Three, four"},
    ]
    parts = [{"type": "text", "text": "Three, "}, {"type": "text", "text": "four"}]
    sent = [{**messages[0], "role": "developer"}, *messages[1:3], {"role": "user", "content": parts}]
    answer = server.client.chat.completions.create(
        model=NAME, messages=sent, max_completion_tokens=5, temperature=0
    )
    expected = reference(tiny, messages, 5)
    assert answer.choices[0].message.content == expected.text
    assert answer.usage.prompt_tokens == expected.prompt_tokens
    assert answer.usage.completion_tokens == 5


class TestTools:
    def test_a_call_in_the_reply_is_a_tool_call(self, server: Any) -> None:
        with server.engine.dictated(f"I look.\n{CALL}\n{CALL}"):
            choice = server.chat(tools=[WEATHER], max_tokens=190).choices[0]
        assert choice.finish_reason == "tool_calls"
        assert choice.message.content == "I look."
        functions = [(call.type, call.function.name) for call in choice.message.tool_calls]
        assert functions == [("function", "weather")] * 2
        assert json.loads(choice.message.tool_calls[0].function.arguments) == {"city": "Rome"}
        assert len({call.id for call in choice.message.tool_calls}) == 2

    def test_a_call_alone_has_no_content(self, server: Any) -> None:
        with server.engine.dictated(CALL):
            assert server.chat(tools=[WEATHER], max_tokens=190).choices[0].message.content is None

    def test_a_streamed_call_comes_as_a_call_and_not_as_text(self, server: Any) -> None:
        with server.engine.dictated(f"I look.\n{CALL}\n{CALL}"):
            (told,) = together(server.chat(tools=[WEATHER], max_tokens=190, stream=True)).values()
        assert (told["content"], told["finish"]) == ("I look.", "tool_calls")
        assert [index for index, _, _ in told["calls"]] == [0, 1]
        assert json.loads(told["calls"][1][2].arguments) == {"city": "Rome"}

    @pytest.mark.parametrize("stream", [False, True])
    @pytest.mark.parametrize("options", [{}, {"tools": [WEATHER], "tool_choice": "none"}])
    def test_without_tools_it_stays_text(self, server: Any, stream: bool, options: Any) -> None:
        with server.engine.dictated(CALL):
            answer = server.chat(max_tokens=190, stream=stream, **options)
            if stream:
                (told,) = together(answer).values()
                assert (told["content"], told["calls"], told["finish"]) == (CALL, [], "stop")
            else:
                assert answer.choices[0].message.content == CALL
                assert answer.choices[0].message.tool_calls is None

    @pytest.mark.parametrize("stream", [False, True])
    def test_one_call_only_when_asked(self, server: Any, stream: bool) -> None:
        with server.engine.dictated(f"{CALL}{CALL}"):
            answer = server.chat(tools=[WEATHER], max_tokens=190, parallel_tool_calls=False, stream=stream)
            if stream:
                (told,) = together(answer).values()
                assert (len(told["calls"]), told["finish"]) == (1, "tool_calls")
            else:
                assert len(answer.choices[0].message.tool_calls) == 1

    def test_the_prompt_tells_of_tools_calls_and_results(self, server: Any, tiny: LoadedModel) -> None:
        call = {
            "id": "c1",
            "type": "function",
            "function": {"name": "weather", "arguments": '{"city": "Rome"}'},
        }
        messages = [
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "sun"},
        ]
        seen: list[str] = []
        submit = server.engine.submit
        server.engine.submit = lambda key, request: (
            seen.append(str(tiny.tokenizer.decode(request.tokens))),
            submit(key, request),
        )
        try:
            server.client.chat.completions.create(
                model=NAME, messages=messages, tools=[WEATHER], max_tokens=2
            )
        finally:
            server.engine.submit = submit
        assert json.dumps(WEATHER["function"]) in seen[0]
        assert f"<|im_start|>assistant\n{CALL}<|im_end|>" in seen[0]
        assert "<|im_start|>user\n<tool_response>\nsun\n</tool_response><|im_end|>" in seen[0]


class TestCompletions:
    def test_a_text_goes_on(self, server: Any, tiny: LoadedModel) -> None:
        tokens = tiny.tokenizer("SELECT name")["input_ids"]
        engine = Engine(Composition.single(tiny), max_context=512)
        (expected,) = engine.generate([Request(list(tokens), 16)])
        answer = server.client.completions.create(model=NAME, prompt="SELECT name", temperature=0)
        assert answer.choices[0].text == expected.text
        assert answer.usage.completion_tokens == 16  # the API's default
        by_ids = server.client.completions.create(model=NAME, prompt=list(tokens), temperature=0)
        assert by_ids.choices[0].text == expected.text

    @pytest.mark.parametrize("prompts", [["one", "two words"], [[5, 6, 7], [8]]])
    def test_several_prompts_are_answered_in_order(self, server: Any, prompts: Any) -> None:
        options = {"model": NAME, "temperature": 0, "max_tokens": 6}
        alone = [server.client.completions.create(prompt=p, **options) for p in prompts]
        both = server.client.completions.create(prompt=prompts, n=2, **options)
        expected = [answer.choices[0].text for answer in alone for _ in range(2)]
        assert [choice.text for choice in both.choices] == expected
        assert both.usage.prompt_tokens == sum(answer.usage.prompt_tokens for answer in alone)
        assert both.usage.completion_tokens == 24
        streamed = dict.fromkeys(range(4), "")
        for chunk in server.client.completions.create(prompt=prompts, n=2, stream=True, **options):
            streamed[chunk.choices[0].index] += chunk.choices[0].text
        assert list(streamed.values()) == expected


def test_speculation_is_measured_and_changes_nothing(serve: Any, tiny: LoadedModel) -> None:
    running = serve(speculation=Speculation("lookup", 3))
    expected = reference(tiny, [{"role": "user", "content": "Hello!"}], 12)
    assert running.chat().choices[0].message.content == expected.text
    measured = httpx.get(f"{running.root}/metrics").text
    found = dict(line.rsplit(" ", 1) for line in measured.splitlines() if not line.startswith("#"))
    assert float(found["trajectune_speculation_drafted_tokens_total"]) > 0
    assert float(found['trajectune_tokens_total{kind="generated"}']) == 12
    assert float(found['trajectune_tokens_total{kind="prompt"}']) == expected.prompt_tokens
    assert float(found["trajectune_first_token_seconds_count"]) == 1
    assert float(found['trajectune_requests_total{path="/v1/chat/completions",status="200"}']) == 1


def test_the_api_describes_itself(server: Any) -> None:
    paths = httpx.get(f"{server.root}/openapi.json").json()["paths"]
    assert {"/v1/chat/completions", "/v1/completions", "/v1/models", "/health", "/metrics"} <= paths.keys()
