"""Your own environment, dialect and suite on one page: learn to press switches, and tune a model on it.

    python examples/own_environment.py MODEL --train 60 --test 12

The environment shows a row of lamps, and a switch turns its lamp and the next one. The dialect writes a
move as one line, `press 3`. The suite asks for a single word, to see whether the model still answers
briefly. Everything lands in `own/`; stopped, the same command goes on.
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import trajectune as tt
from trajectune.dialects.contract import Reading
from trajectune.dialects.single import TextDialect
from trajectune.dialects.text import no_move, only_call
from trajectune.engine.engine import Engine
from trajectune.engine.requests import Request
from trajectune.environments.contract import Expert, Split
from trajectune.evaluate.contract import Group
from trajectune.evaluate.intervals import wilson
from trajectune.evaluate.items import ITEMS, write_items
from trajectune.example import Message, Span
from trajectune.models.chat import renderer_of
from trajectune.progress import OnProgress, silent
from trajectune.trajectory import Fault, Step

SIZE = 5
NUMBER = {"type": "object", "properties": {"switch": {"type": "integer"}}, "required": ["switch"]}


class Panel(tt.Episode):
    """A row of lamps. A switch turns its lamp and the next one; all must be off."""

    def __init__(self, lamps: Sequence[bool]) -> None:
        self.lamps = list(lamps)

    @property
    def observation(self) -> str:
        return "Lamps: " + " ".join("on" if lamp else "off" for lamp in self.lamps)

    def step(self, call: tt.ToolCall) -> tt.StepResult:
        number = call.arguments.get("switch")
        if not isinstance(number, int) or not 1 <= number <= SIZE:
            return tt.StepResult(f"There are switches 1 to {SIZE}.", fault=Fault.BAD_ARGUMENTS)
        for place in (number - 1, number % SIZE):
            self.lamps[place] = not self.lamps[place]
        dark = not any(self.lamps)
        return tt.StepResult(self.observation, done=dark, reward=float(dark))

    def close(self) -> None:
        """There is nothing to free."""


class Line(TextDialect):
    """`press 3`, after a thought on a line of its own."""

    name = "line"

    def instruct(self, instruction: str, tools: Sequence[tt.Tool]) -> str:
        names = ", ".join(tool.name for tool in tools)
        return f"{instruction}\nThink on one line, then write one of: {names}, with a number."

    def render(self, step: Step) -> list[Span]:
        call = only_call(step)
        spans = [Span.thought(step.thought), Span.marker("\n")] if step.thought else []
        return [
            *spans,
            Span.tool(call.name),
            Span.marker(" "),
            Span.arguments(str(call.arguments["switch"])),
        ]

    def parse(self, reply: str) -> Reading:
        thought, _, move = reply.strip().rpartition("\n")
        found = re.fullmatch(r"(\w+) (\d{1,9})", move.strip())
        if found is None:
            return no_move(reply, thought, "Write `press` and a number on the last line.")
        return Reading(thought, (tt.ToolCall(name=found[1], arguments={"switch": int(found[2])}),))


class Switches(tt.Environment):
    """A panel of lamps that all have to be turned off."""

    name: ClassVar[str] = "switches"
    tools: ClassVar[Sequence[tt.Tool]] = (
        tt.Tool(name="press", description="Press a switch.", parameters=NUMBER),
    )
    dialects: ClassVar[Mapping[str, tt.Dialect]] = {"line": Line()}
    max_steps = 8

    def __init__(self, train: int = 60, test: int = 12) -> None:
        self.sizes = {"train": train, "dev": test, "test": test}

    def tasks(self, split: Split) -> Sequence[tt.Task]:
        return [
            tt.Task(f"{split}-{n}", split, data={"pressed": _pressed(split, n)})
            for n in range(self.sizes[split])
        ]

    def instruction(self, task: tt.Task) -> str:
        del task
        return f"Turn all lamps off. Switch n turns lamp n and the next one; after {SIZE} comes 1."

    def open(self, task: tt.Task, seed: int = 0) -> tt.Episode:
        del seed
        panel = Panel([False] * SIZE)
        for number in task.data["pressed"]:
            panel.step(tt.ToolCall(name="press", arguments={"switch": number}))
        return panel

    def expert(self, task: tt.Task, observation: str, seed: int = 0) -> Expert:
        del observation, seed
        for number in task.data["pressed"]:
            yield tt.Move(
                f"Lamp {number} is next.", tt.ToolCall(name="press", arguments={"switch": number})
            )


class OneWord(tt.Suite):
    """How often the model answers with a single word when it is asked to."""

    name = "one-word"
    group: Group = "general"
    needs = frozenset({"generation"})

    def measure(
        self, system: tt.System, folder: Path, seed: int = 0, on_progress: OnProgress = silent
    ) -> tt.Measurement:
        del on_progress
        renderer = renderer_of(system.composition.tokenizer)
        asked = [f"Say one word for {thing}." for thing in ("a colour", "a river", "a tool", "an animal")]
        prompts = [renderer.prompt([Message(role="user", content=question)]) for question in asked]
        engine = Engine(system.composition, max_batch=len(prompts), max_context=256)
        replies = engine.generate([Request(tokens, max_new_tokens=12) for tokens in prompts])
        items = [
            tt.Item(task=question, seed=seed, score=float(len(reply.text.split()) == 1))
            for question, reply in zip(asked, replies, strict=True)
        ]
        share = wilson(round(sum(item.score for item in items)), len(items))
        return tt.Measurement(
            suite=self.name,
            group=self.group,
            system=system.identity,
            headline="one word",
            metrics={} if share is None else {"one word": share},
            items=write_items(folder / ITEMS, items),
        )


def _pressed(split: str, number: int) -> list[int]:
    """Different switches, of which the panel is not dark."""
    chosen = random.Random(f"{split} {number}")
    return sorted(chosen.sample(range(1, SIZE + 1), chosen.randint(1, SIZE - 1)))


def main() -> None:
    """Check, collect, tune and measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="`embedded`, a folder, or a Hugging Face name")
    parser.add_argument("--train", type=int, default=60, help="tasks to learn from")
    parser.add_argument("--test", type=int, default=12, help="tasks to measure on")
    args = parser.parse_args()

    panel = Switches(train=args.train, test=args.test)
    for finding in tt.check_environment(panel):
        print(finding)
    played = tt.rollout(panel, tt.Expert(), dialect="line", to="own/played.jsonl")
    data = tt.mix({"switches": played.keep().examples()}, {}, eta=1.0, held_out=0)
    settings = tt.TuneSettings(epochs=2, batch_rows=8, learning_rate=3e-4)
    tuned = tt.tune(args.model, data, settings, to="own/tune")
    suites = [tt.EnvironmentSuite(panel, tasks=args.test, dialect="line"), OneWord()]
    base = tt.evaluate(args.model, suites, to="own/base")
    after = tt.evaluate(tuned.model, suites, to="own/after")
    print(tt.compare(base, after))
    print(f"report: {tt.report([base, after], to='own/report')}")


if __name__ == "__main__":
    main()
