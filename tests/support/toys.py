"""An environment that uses all of the contract, and a dialect of several turns a step.

The shop: find out about two things at once, ask the user which one to order, order it. Each of its
features can be switched off, so that a test sees which dialect has words for which.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import ClassVar

from trajectune.dialects.contract import Ask, CannotWriteError, Dialect, Opening, Reading
from trajectune.dialects.single import said
from trajectune.dialects.text import describe_tool, dump_json, load_json, only_call
from trajectune.environments.contract import Environment, Episode, Expert, Move, Split, StepResult, Task
from trajectune.example import Message, Span
from trajectune.trajectory import Action, Demonstration, Fault, Reply, Step, Tool, ToolCall

ITEMS = {"tea": 3, "cake": 4, "soup": 6, "bread": 2}
ABOUT = {"price": "What an item costs.", "stock": "How many of an item are left."}
"""The tool that a task begins with, by the kind of task."""


def tool(name: str, description: str) -> Tool:
    schema = {"type": "object", "properties": {"item": {"type": "string"}}, "required": ["item"]}
    return Tool(name=name, description=description, parameters=schema)


ORDER = tool("order", "Order an item, which ends the task.")


def call(name: str, item: str) -> ToolCall:
    return ToolCall(name=name, arguments={"item": item})


class ShopEpisode(Episode):
    """One customer."""

    def __init__(self, task: Task, *, talk: bool, late: bool) -> None:
        self.kind, self.pair, self.wish = task.kind, task.data["pair"], task.data["wish"]
        self.talk, self.late = talk, late
        self.open = not late
        """Whether the tool `order` is there."""
        self.looked: set[str] = set()

    @property
    def observation(self) -> str:
        asked = "Ask which one I want." if self.talk else f"I want the {self.wish}."
        return f"Compare the {self.kind} of {' and '.join(self.pair)}. {asked}"

    def step(self, call: ToolCall) -> StepResult:
        item = call.arguments.get("item")
        if call.name not in (self.kind, "order") or (call.name == "order" and not self.open):
            return StepResult("There is no such tool.", fault=Fault.UNKNOWN_TOOL)
        if not isinstance(item, str) or item not in self.pair:
            return StepResult(f"Choose one of {', '.join(self.pair)}.", fault=Fault.BAD_ARGUMENTS)
        if call.name == "order":
            right = item == self.wish and self.looked == set(self.pair)
            return StepResult("Thank you.", done=True, reward=float(right))
        self.looked.add(item)
        return StepResult(f"{item}: {ITEMS[item]}", tools=() if self.talk else self._bring())

    def reply(self, message: str) -> StepResult:
        if not self.talk:
            return super().reply(message)
        if not all(item in message for item in self.pair):
            return StepResult("Which ones are there?")
        return StepResult(f"The {self.wish}, please.", tools=self._bring())

    def close(self) -> None:
        pass

    def _bring(self) -> Sequence[Tool]:
        """The tool `order`, when it is due."""
        if self.open or self.looked != set(self.pair):
            return ()
        self.open = True
        return (ORDER,)


class Shop(Environment):
    """Tasks of two kinds with tools of their own: `price(item)` or `stock(item)`, then `order(item)`.

    `parallel`: the expert asks about both items at once. `talk`: the wish is the user's to tell. `late`:
    `order` appears in the middle. `shown`: another task is demonstrated beforehand.
    """

    name: ClassVar[str] = "shop"
    max_steps = 6

    def __init__(
        self, *, parallel: bool = True, talk: bool = True, late: bool = True, shown: bool = True
    ) -> None:
        self.parallel, self.talk, self.late, self.shown = parallel, talk, late, shown

    def tasks(self, split: Split) -> Sequence[Task]:
        pairs = [("tea", "cake"), ("soup", "bread"), ("cake", "soup"), ("bread", "tea")]
        return [
            Task(f"{split}-{n}", split, list(ABOUT)[n % 2], {"pair": list(pair), "wish": pair[n // 2]})
            for n, pair in enumerate(pairs)
        ]

    def tools_of(self, task: Task) -> Sequence[Tool]:
        first = tool(task.kind, ABOUT[task.kind])
        return (first,) if self.late else (first, ORDER)

    def instruction(self, task: Task) -> str:
        del task
        return "You shop for someone. Find out what is asked, then order the right thing."

    def demonstration(self, task: Task) -> Demonstration | None:
        if not self.shown:
            return None
        action = Action(call=call(task.kind, "milk"), observation="milk: 1")
        steps = [Step(thought="I look it up.", actions=[action])]
        return Demonstration(observation=f"Tell the {task.kind} of milk.", steps=steps)

    def open(self, task: Task, seed: int = 0) -> Episode:
        del seed
        return ShopEpisode(task, talk=self.talk, late=self.late)

    def expert(self, task: Task, observation: str, seed: int = 0) -> Expert | None:
        del seed
        return self._moves(task, observation)

    def _moves(self, task: Task, observation: str) -> Expert:
        pair = task.data["pair"]
        calls = [call(task.kind, item) for item in pair]
        seen = ""
        if self.parallel:
            seen = yield Move(f"I need the {task.kind} of both.", calls)
        else:
            for one in calls:
                seen += yield Move("One at a time.", one)
        if self.talk:
            observation = yield Move("", message=f"{seen} Which one: {' or '.join(pair)}?")
        wish = next(item for item in pair if f"he {item}" in observation)
        yield Move(f"It is the {wish}.", call("order", wish))


class Staged(Dialect):
    """Three turns a step: a thought; then, asked for it, the tool; then, asked for them, its arguments."""

    name: ClassVar[str] = "staged"

    def open(self, opening: Opening) -> list[Message]:
        tools = "\n".join(describe_tool(tool) for tool in opening.tools)
        messages: list[Message] = []
        said(messages, f"{opening.instruction}\n\n{tools}")
        if opening.demonstration is not None:
            said(messages, opening.demonstration.observation)
            for step in opening.demonstration.steps:
                turns = self.write(step, opening.key)
                messages += [turn.model_copy(update={"trained": False}) for turn in turns]
        said(messages, opening.observation)
        return messages

    def speak(self, step: Step, key: str = "") -> list[Message]:
        try:
            call = only_call(step)
            arguments = Span.arguments(dump_json(call.arguments))
        except ValueError as error:
            raise CannotWriteError(self.name, str(error)) from None
        if not step.thought.strip() or call.name.split() != [call.name]:
            raise CannotWriteError(self.name, "a step without a thought, or a tool's name with blanks")
        messages: list[Message] = []
        for number, span in enumerate([Span.thought(step.thought), Span.tool(call.name), arguments]):
            if number:
                messages.append(Message(role="user", content=question(number, key)))
            messages.append(Message(role="assistant", content=span.text, trained=True, spans=[span]))
        return messages

    def answer(self, step: Step, key: str = "") -> list[Message]:
        del key
        if step.tools:
            raise CannotWriteError(self.name, f"new tools in the middle ({step.tools[0].name})")
        return [Message(role="user", content=step.answer)]

    def read(self, replies: Sequence[Reply], key: str = "") -> Reading | Ask:
        thought, *rest = [reply.text for reply in replies]
        rest = [text.strip() for text in rest]
        if not thought.strip():
            return Reading(fault=Fault.BAD_FORMAT, detail="Think first.")
        if rest and rest[0].split() != [rest[0]]:
            return Reading(thought, fault=Fault.BAD_FORMAT, detail="Give the name of one tool.")
        if len(rest) < 2:
            return Ask(question(len(replies), key))
        try:
            return Reading(thought, (ToolCall(name=rest[0], arguments=load_json(rest[1])),))
        except ValueError:
            return Reading(thought, fault=Fault.BAD_FORMAT, detail="Give the arguments as a JSON object.")


QUESTIONS = (("Which tool?", "What do you use?"), ("With which arguments?", "And the arguments?"))


def question(number: int, key: str) -> str:
    """The question before turn `number`; its wording follows from the key."""
    wordings = QUESTIONS[number - 1]
    return wordings[hashlib.sha256(key.encode()).digest()[0] % len(wordings)]
