"""One fault put into a clean row: what lint has to find, and nothing else.

Each function takes a row and a source of chance and gives the row with its fault, or `None` where the row
has no room for it (a household command has no schema to break).
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence

from trajectune.curate.lint.finding import DataFault
from trajectune.example import Capability, Example, Message, Span
from trajectune.trajectory import ToolCall

Mutate = Callable[[Example, random.Random], Example | None]
_FOREIGN = (
    "Я должен сначала посмотреть, что находится в этой комнате, и потом решить.",
    "我现在需要先看看这个页面上有什么，然后再决定下一步怎么做。",
    "Ich muss jetzt zuerst nachsehen, was in der Liste steht, und dann die Antwort mit dem Wert geben.",
    "Je dois maintenant regarder ce que la page me dit et ensuite donner la réponse qui est dans la liste.",
    "Ahora debo mirar lo que hay en la página y luego dar la respuesta que está en la lista de todos.",
    "まずこのページに何があるかを見てから、次にすることを決めます。",
    "이제 이 페이지에 무엇이 있는지 먼저 보고 나서 다음에 할 일을 정하겠습니다.",
)
_NAMES = ("frobnicate", "python", "browse", "lookup_table")
_BLOCK = re.compile(r"```(?:sql|bash)\n.*?```", re.DOTALL)


def loop(row: Example, draw: random.Random) -> Example | None:
    """A move and its answer three times in a row, or four."""
    pairs = [
        start for start in _moves(row) if start + 1 < len(row.messages) and not _is_agent(row, start + 1)
    ]
    if not pairs:
        return None
    start = draw.choice(pairs)
    end = start + 1
    while end < len(row.messages) and not _is_agent(row, end):
        end += 1
    again = list(row.messages[start:end]) * draw.randint(2, 3)
    return _with(row, [*row.messages[:end], *again, *row.messages[end:]])


def empty_user_turn(row: Example, draw: random.Random) -> Example | None:
    """A user's turn with its words gone."""
    places = [i for i, m in enumerate(row.messages) if m.role == "user" and i > 0] or [0]
    return _replace(row, draw.choice(places), content=draw.choice(("", " ", "\n")))


def no_action(row: Example, draw: random.Random) -> Example | None:
    """A turn with its thought and without its action."""
    thought = {i: _thought(row.messages[i]) for i in _moves(row)[:-1]}
    places = [
        i for i, words in thought.items() if words.strip() and row.messages[i + 1].role != "assistant"
    ]
    if not places:
        return None
    place = draw.choice(places)
    message = row.messages[place]
    if not message.tool_calls:
        words = (
            json.dumps({"thought": thought[place]}) if message.content.startswith("{") else thought[place]
        )
        return _replace(row, place, content=words)
    after = list(row.messages[place + 1 :])
    while after and after[0].role == "tool":
        after.pop(0)
    alone = message.model_copy(update={"tool_calls": []})
    return _with(row, [*row.messages[:place], alone, *after])


def unknown_tool(row: Example, draw: random.Random) -> Example | None:
    """A call under another name."""
    name = draw.choice(_NAMES)
    places = [
        i for i in _moves(row) if row.messages[i].tool_calls or _tool_span(row.messages[i]) is not None
    ]
    if not places:
        return None
    place = draw.choice(places)
    message = row.messages[place]
    if message.tool_calls:
        first, *others = message.tool_calls
        return _replace(row, place, tool_calls=[first.model_copy(update={"name": name}), *others])
    span = _tool_span(message)
    words = [name if i == span else each.text for i, each in enumerate(message.spans)]
    return _replace(row, place, content="".join(words))


def bad_arguments(row: Example, draw: random.Random) -> Example | None:
    """A call without what it needs, or with a value of another type."""
    for place in draw.sample(_moves(row), len(_moves(row))):
        message = row.messages[place]
        if message.tool_calls and message.tool_calls[0].arguments:
            first, *others = message.tool_calls
            return _replace(row, place, tool_calls=[_broken(first, draw), *others])
        changed = None if message.tool_calls else _broken_text(row, place, draw)
        if changed is not None and changed != message.content:
            return _replace(row, place, content=changed)
    return None


def answer_without_call(row: Example, draw: random.Random) -> Example | None:
    """An answer whose call is gone."""
    tools = [i for i, m in enumerate(row.messages) if m.role == "tool"]
    if tools:
        place = draw.choice(tools)
        extra = row.messages[place].model_copy(update={"tool_call_id": "call_unheard_of"})
        return _with(row, [*row.messages[: place + 1], extra, *row.messages[place + 1 :]])
    inner = _moves(row)[1:-1]
    if row.tools or not inner or any(m.tool_calls for m in row.messages):
        return None
    place = draw.choice(inner)
    return _with(row, [*row.messages[:place], *row.messages[place + 1 :]])


def failed(row: Example, draw: random.Random) -> Example | None:
    """The row's own word, or the environment's, that it failed."""
    if not any(m.tool_calls for m in row.messages) and not _acts(row):
        return None
    kind = draw.randrange(4)
    if kind == 0:
        return row.model_copy(update={"metadata": {"reward": draw.choice((0, 0.0, 0.5))}})
    if kind == 1:
        return row.model_copy(update={"metadata": {draw.choice(("success", "won", "is_correct")): False}})
    words = (
        "Observation: Episode finished, reward = False",
        "Task failed.",
        "The episode is over. Reward: 0.0",
    )
    return _with(row, [*row.messages, Message(role="user", content=draw.choice(words))])


def truncated(row: Example, draw: random.Random) -> Example | None:
    """The last turn is missing, or breaks off within its thought."""
    last = row.messages[-1]
    thought = _thought(last)
    if draw.random() < 0.5 or len(thought) < 20 or not (_acts(row) or last.tool_calls):
        return _with(row, row.messages[:-1])
    start = last.content.find(thought[:10])
    cut = draw.randrange(start + 8, start + len(thought) - 4) if start >= 0 else 0
    words = last.content[:cut].rstrip(" .,;:!?\"'`")
    return _replace(row, len(row.messages) - 1, content=words, tool_calls=[]) if cut and words else None


def mixed_languages(row: Example, draw: random.Random) -> Example | None:
    """A sentence of another language in front of a turn."""
    places = [i for i, m in enumerate(row.messages) if m.trained and (m.content or m.tool_calls)]
    place = draw.choice(places)
    message = row.messages[place]
    words = draw.choice(_FOREIGN)
    thought = _thought(message)
    if message.spans and thought and thought in message.content:
        return _replace(row, place, content=message.content.replace(thought, f"{words} {thought}", 1))
    if _acts(row) and not message.tool_calls:
        return None
    return _replace(row, place, content=f"{words} {message.content}".rstrip())


def untrained_end(row: Example, draw: random.Random) -> Example | None:
    """The agent's last turn, not trained."""
    del draw
    trained = [i for i, m in enumerate(row.messages) if m.trained]
    return _replace(row, trained[-1], trained=False) if len(trained) > 1 else None


def invented_observation(row: Example, draw: random.Random) -> Example | None:
    """The answer to a call, in the turn that makes the call."""
    places = [
        i for i in _moves(row)[:-1] if not _is_agent(row, i + 1) and row.messages[i + 1].content.strip()
    ]
    if not places:
        return None
    place = draw.choice(places)
    message, answer = row.messages[place], row.messages[place + 1].content
    if not message.content.strip():
        return None
    answer = answer.removeprefix("Observation: ")
    marks = ("Observation:", "The output of the OS:", "Observation 1:", "Tool response:")
    more = draw.choice(("", "\nThought: That is what I wanted."))
    return _replace(row, place, content=f"{message.content}\n{draw.choice(marks)} {answer[:200]}{more}")


def wrong_page(row: Example, draw: random.Random) -> Example | None:
    """A choice or a value that this page does not have."""
    places = [i for i in _moves(row) if i > 0]
    for place in draw.sample(places, len(places)):
        page = next((m.content for m in reversed(row.messages[:place]) if m.role != "assistant"), "")
        changed = _other_page(row.messages[place], page, draw)
        if changed is not None:
            return _replace(row, place, **changed)
    return None


MUTATIONS: dict[DataFault, Mutate] = {
    DataFault.LOOP: loop,
    DataFault.EMPTY_USER_TURN: empty_user_turn,
    DataFault.NO_ACTION: no_action,
    DataFault.UNKNOWN_TOOL: unknown_tool,
    DataFault.BAD_ARGUMENTS: bad_arguments,
    DataFault.ANSWER_WITHOUT_CALL: answer_without_call,
    DataFault.FAILED: failed,
    DataFault.TRUNCATED: truncated,
    DataFault.MIXED_LANGUAGES: mixed_languages,
    DataFault.UNTRAINED_END: untrained_end,
    DataFault.INVENTED_OBSERVATION: invented_observation,
    DataFault.WRONG_PAGE: wrong_page,
}


def mutants(rows: Sequence[Example], fault: DataFault, count: int, seed: int = 0) -> list[Example]:
    """`count` rows with one fault, drawn from all rows in turn; fewer where they have no room for it."""
    draw = random.Random(f"{seed}/{fault}")
    made: list[Example] = []
    for _ in range(4):
        for row in draw.sample(list(rows), len(rows)):
            if len(made) == count:
                return made
            changed = MUTATIONS[fault](row, draw)
            if changed is not None:
                made.append(changed)
    return made


def _acts(row: Example) -> bool:
    """Whether the row's calls are text."""
    return any(m.trained and m.spans and not m.tool_calls for m in row.messages) and not row.tools


def _moves(row: Example) -> list[int]:
    """The agent's trained turns that call something."""
    acts = _acts(row)
    return [i for i, m in enumerate(row.messages) if m.trained and (m.tool_calls or (acts and m.spans))]


def _is_agent(row: Example, place: int) -> bool:
    return row.messages[place].role == "assistant"


def _with(row: Example, messages: Sequence[Message]) -> Example:
    return row.model_copy(update={"messages": list(messages)})


def _replace(row: Example, place: int, **changes: object) -> Example:
    message = row.messages[place].model_copy(update={"spans": [], **changes})
    return _with(row, [*row.messages[:place], message, *row.messages[place + 1 :]])


def _thought(message: Message) -> str:
    parts = [span.text for span in message.spans if span.capability is Capability.REASONING]
    return "".join(parts) if message.spans else message.content


def _tool_span(message: Message) -> int | None:
    """The span that names the tool, where it is one word."""
    return next((i for i, span in enumerate(message.spans) if _is_name(span)), None)


def _is_name(span: Span) -> bool:
    return span.capability is Capability.RETRIEVAL and re.fullmatch(r"\w+", span.text) is not None


def _broken(call: ToolCall, draw: random.Random) -> ToolCall:
    needed = [name for name in call.arguments if name not in ("days", "value", "action")]
    key = draw.choice(needed or list(call.arguments))
    changed = {k: v for k, v in call.arguments.items() if k != key}
    if draw.random() < 0.5:
        changed[key] = {"of": [1, 2]}
    return call.model_copy(update={"arguments": changed})


def _broken_text(row: Example, place: int, draw: random.Random) -> str | None:
    """The same in text: JSON arguments are broken as such, closed grammars lose what their act needs."""
    message = row.messages[place]
    name = next((s.text for s in message.spans if s.capability is Capability.RETRIEVAL), "")
    written = "".join(s.text for s in message.spans if s.capability is Capability.UNDERSTANDING)
    if row.source in ("react", "json"):
        try:
            arguments = json.loads(written)
        except ValueError:
            return None
        if not isinstance(arguments, dict) or not arguments:
            return None
        broken = _broken(ToolCall(name=name or "x", arguments=arguments), draw).arguments
        return message.content.replace(written, json.dumps(broken), 1)
    if name in ("Operation", "bash") and place != _moves(row)[-1]:
        return _BLOCK.sub("", message.content).rstrip()
    if name.startswith(("get_neighbors", "intersection", "argm")):
        return message.content.replace(f"({written})", f"({written.split(', ')[0]})", 1)
    if "Action: CLICK" in message.content:
        return message.content.replace(
            "Action: CLICK", f"Action: {draw.choice(('PRESS', 'HOVER', 'TYPE'))}", 1
        )
    return None


def _other_page(message: Message, page: str, draw: random.Random) -> dict[str, object] | None:
    """A choice that the page does not have, another value or another click, in whatever dialect."""
    offered = set(re.findall(r"^([A-F])\. ", page, re.MULTILINE))
    letter = draw.choice(sorted(set("ABCDEF") - offered) or [""]) if offered else ""
    changes = {"choice": letter, "value": "Zyx wvut (4413)"}
    for call in message.tool_calls:
        key = next((k for k in draw.sample(list(changes), 2) if changes[k] and k in call.arguments), "")
        if key:
            broken = call.model_copy(update={"arguments": {**call.arguments, key: changes[key]}})
            return {"tool_calls": [broken]}
    patterns = [
        (r"(Value: ).+", r"\g<1>Zyx wvut (4413)"),
        (r"(click\[).+?\]", r"\g<1>Zyx wvut (4413)]"),
        (r'("value": ")[^"]+', r"\g<1>Zyx wvut (4413)"),
    ]
    patterns += (
        [(r"(Answer: )[A-F]", rf"\g<1>{letter}"), (r'("choice": ")[A-F]', rf"\g<1>{letter}")]
        if letter
        else []
    )
    fitting = [each for each in patterns if re.search(each[0], message.content)]
    if message.tool_calls or not fitting:
        return None
    pattern, changed = draw.choice(fitting)
    return {"content": re.sub(pattern, changed, message.content, count=1)}
