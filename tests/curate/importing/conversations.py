"""Conversations as AgentInstruct has them, made up: one for each of the six tasks, in our own words."""

from __future__ import annotations

from collections.abc import Sequence

from trajectune.example import Example, Message

OPENINGS: dict[str, tuple[str, ...]] = {
    "database": (
        "Please operate a MySQL database.\nAfter thinking and explaining thoroughly, write so: "
        '["ANSWER1", "ANSWER2", ...]\nBe right.',
        "Ok.",
        "How many rivers?",
    ),
    "operating_system": (
        "I play the role of linux(ubuntu) operating system. Once again, you should take only exact one act "
        "in each turn.\n\nNow, my problem is:\n\nHow many files?",
        "Think: I count.\n\nAct: bash\n\n```bash\nls | wc -l\n```",
        "The output of the OS:\n\n7",
        "Think: Seven.\n\nAct: answer(7)",
        "Now, I will start a new problem in a new OS. My problem is:\n\nHow many users?",
    ),
    "knowledge_graph": (
        "You answers questions based on the knowledge stored in a knowledge base.\nStay calm.",
        "Go on.",
        "Question: Who painted it?\nEntities: [It]",
        "Thought: Look.\nAction: get_relations(It)",
        "Observation: [art.painter]",
        "Final Answer: #0",
        "A new question: Who wrote it?\nEntities: [Book]",
    ),
    "household": (
        "Interact with a household to solve a task. Try.",
        "OK. I will.",
        "Here is your task. You are in a room.\nYour task is to: look.",
    ),
    "web_shop": ("You are web shopping.\nBuy it.", "Ok.", "WebShop [SEP] Instruction: [SEP] a mug"),
    "web_navigation": (
        "<a>Go</a>\nBased on the HTML webpage above, try to complete the following task: go",
    ),
}
"""The turns before the agent's first real one, the user's first."""
MOVES: dict[str, tuple[str, ...]] = {
    "database": (
        "I look.\nAction: Operation\n```sql\nSELECT 1;\n```",
        "[(1,)]",
        "So.\nAction: Answer\nFinal Answer: [1]",
    ),
    "operating_system": ("Think: I look.\n\nAct: finish",),
    "knowledge_graph": (
        "Thought: Look.\nAction: get_relations(Book)",
        "Observation: [book.author]",
        "Final Answer: #0",
    ),
    "household": (
        "THOUGHT: I go.\nACTION: go to desk 1",
        "You see a pen 1.",
        "ACTION: take pen 1 from desk 1",
    ),
    "web_shop": ("Thought:\nI search.\n\nAction: \nsearch[mug]", "Results", "Action:\nclick[Buy Now]"),
    "web_navigation": ("Thought: There.\nAnswer: B.\nAction: CLICK",),
}
PROBLEMS = {
    "database": "How many rivers?",
    "operating_system": "How many users?",
    "knowledge_graph": "Question: Who wrote it?\nEntities: [Book]",
    "household": "You are in a room.\nYour task is to: look.",
    "web_shop": "WebShop [SEP] Instruction: [SEP] a mug",
    "web_navigation": OPENINGS["web_navigation"][0],
}
"""What the environment itself would have said."""


def conversation(turns: Sequence[str], id: str = "row_1", trained: Sequence[int] | None = None) -> Example:
    """Turns of the user and the agent, the user's first; `trained` are the places that are, else all."""
    messages = [
        Message(
            role="assistant" if place % 2 else "user",
            content=turn,
            trained=bool(place % 2) and (trained is None or place in trained),
        )
        for place, turn in enumerate(turns)
    ]
    return Example(id=id, source="released", messages=messages)


def released(environment: str) -> Example:
    """A whole conversation of an environment."""
    return conversation((*OPENINGS[environment], *MOVES[environment]))
