"""Clean rows to lint: experts' trajectories in every dialect, and made-up conversations with tools."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import trajectune as tt
from trajectune.dialects.conversation import to_example
from trajectune.dialects.registry import get_dialect
from trajectune.errors import DataError
from trajectune.example import Example, Message
from trajectune.progress import silent
from trajectune.trajectory import Tool, ToolCall

DIALECTS = ("agentbench", "react", "json", "native")
_CITIES = ("Lisbon", "Oslo", "Quito", "Nairobi", "Perth", "Turin", "Graz", "Lima", "Hanoi", "Tampere")
_TOPICS = ("weather", "tide", "pollen", "traffic", "price of bread", "air quality", "sunrise")
_OPENINGS = ("What is the {} in {} today?", "Tell me the {} of {}, please.", "I need the {} for {}.")
_CHAT = (
    ("How do I boil an egg?", "Put it into boiling water for seven minutes, then cool it under the tap."),
    ("Name three rivers.", "The Danube, the Nile and the Mekong."),
    ("Why is the sky blue?", "Air scatters short waves of light more than long ones, so blue reaches us."),
    ("Write a line about rain.", "It came at dusk, and the street began to speak."),
)


def played(name: str, tasks: int) -> Iterator[Example]:
    """What the expert of an environment does in its first tasks, in each dialect that can write it."""
    environment = tt.environment(name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "played.jsonl"
        done = tt.rollout(environment, tt.Expert(), tasks=tasks, to=path, on_progress=silent)
        for trajectory in done.trajectories():
            for dialect in DIALECTS:
                try:
                    example = to_example(trajectory, get_dialect(dialect, name, environment.dialects))
                except DataError:
                    continue
                yield example.model_copy(update={"id": f"{example.id}#{dialect}", "source": dialect})


def made_up(count: int, seed: int = 0) -> Iterator[Example]:
    """Conversations of a user, an agent with two tools, and its answers; one in three is talk alone."""
    draw = random.Random(seed)
    for number in range(count):
        messages = _talk(draw) if number % 3 == 0 else _tooled(draw)
        tools = [] if number % 3 == 0 else _tools()
        yield Example(id=f"made-up-{number}", source="made up", messages=messages, tools=tools)


def _tools() -> list[Tool]:
    place = {"city": {"type": "string"}, "days": {"type": "integer"}}
    schema = {"type": "object", "properties": place, "required": ["city"]}
    return [
        Tool(name="look_up", description="Looks a fact up.", parameters=schema),  # type: ignore[arg-type]
        Tool(name="remind", description="Sets a reminder.", parameters=schema),  # type: ignore[arg-type]
    ]


def _said(role: str, words: str, trained: bool = False) -> Message:
    return Message(role=role, content=words, trained=trained)  # type: ignore[arg-type]


def _talk(draw: random.Random) -> list[Message]:
    pairs = draw.sample(_CHAT, 2)
    return [m for asked, told in pairs for m in (_said("user", asked), _said("assistant", told, True))]


def _tooled(draw: random.Random) -> list[Message]:
    messages: list[Message] = []
    for city in draw.sample(_CITIES, draw.randint(1, 3)):
        topic = draw.choice(_TOPICS)
        number = draw.randint(1, 40)
        call = ToolCall(
            name=draw.choice(("look_up", "remind")),
            arguments={"city": city, "days": draw.randint(1, 7)},
            id=f"call_{len(messages)}",
        )
        messages += [
            _said("user", draw.choice(_OPENINGS).format(topic, city)),
            Message(role="assistant", content="", trained=True, tool_calls=[call]),
            Message(role="tool", content=f'{{"value": {number}}}', tool_call_id=call.id, name=call.name),
            _said("assistant", f"The {topic} of {city} is at {number} today.", True),
        ]
    return messages


def clean_rows(environments: Sequence[str], tasks: int, made: int) -> list[Example]:
    """All of them: `tasks` tasks of each environment in each dialect, and `made` that are made up."""
    rows = [row for name in environments for row in played(name, tasks)]
    return [*rows, *made_up(made)]
