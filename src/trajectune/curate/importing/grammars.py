"""The conversations of AgentBench's six tasks, as AgentInstruct released them: how each opens.

The idea: the agent's turns are read by the `agentbench` dialect of the environment. What a dialect does
not know is the opening, which was written by other people: how to tell the task by its rules, which of the
rules are words about format (a dialect has its own), and where a solved problem ends and the real one
begins.

Invariant: a grammar is recognised by the rules alone, never by a file's name or a row's id.
"""

from __future__ import annotations

from dataclasses import dataclass

Stretch = tuple[str, str]
"""The first and the last words of a part of the rules."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """How the conversations of one environment open."""

    environment: str
    sign: str
    """Words of the first turn by which the grammar is known."""
    about_format: tuple[Stretch, ...] = ()
    """Parts of the rules that say how to write, or list what `Trajectory.tools` holds."""
    problem: str = ""
    """Words in front of the problem; where they stand in the first turn, the rules end with them."""
    next_problem: str = ""
    """Words in front of the real problem, where a solved one was shown before."""
    keeps: str = ""
    """Words that take the place of those in front of a problem."""
    has_rules: bool = True
    """Whether the rules have a turn, or a part of one; otherwise the first turn is all problem."""

    def rules(self, text: str) -> str:
        """The rules without the words about format."""
        for first, last in self.about_format:
            start = text.find(first)
            end = text.find(last, start)
            if 0 <= start <= end:
                text = text[:start] + text[end + len(last) :]
        return text.strip()

    def question(self, text: str) -> str:
        """A problem as the environment tells it, without the words in front."""
        for words in (self.next_problem, self.problem):
            if words and text.startswith(words):
                return self.keeps + text.removeprefix(words)
        return text


GRAMMARS = (
    Grammar(
        "database",
        sign="operate a MySQL database",
        about_format=(
            ("After thinking and explaining thoroughly", '["ANSWER1", "ANSWER2", ...]\n'),
            ("DO NOT write this pattern", "sure about your answer. "),
            ("If your response cannot match any pattern", "FAIL immediately.\n"),
        ),
    ),
    Grammar(
        "operating_system",
        sign="the role of linux(ubuntu) operating system",
        about_format=(
            ("For each of your turn, you should first think", "in this pair of parentheses)\n\n"),
            ("Once again, you should take only exact one", "in each turn."),
        ),
        problem="Now, my problem is:\n\n",
        next_problem="Now, I will start a new problem in a new OS. My problem is:\n\n",
    ),
    Grammar(
        "knowledge_graph",
        sign="answers questions based on the knowledge stored in a knowledge base",
        about_format=(
            ("To achieve this, you can use the following tools", "of entities belonging to the variable."),
            ("Once you find the answer, respond with", "MUST respond with 'Final Answer: #3'.\n\n"),
        ),
        problem="Question: ",
        next_problem="A new question: ",
        keeps="Question: ",
    ),
    Grammar(
        "household",
        sign="Interact with a household to solve a task",
        about_format=(
            ("For each of your turn, you will be given a list", '"ACTION: your next action\n". '),
        ),
        problem="Here is your task. ",
    ),
    Grammar(
        "web_shop",
        sign="You are web shopping.",
        about_format=(
            ("An action should be of the following structure", "click[value]\n"),
            ("Your response should use the following format", "click[something]"),
        ),
    ),
    Grammar(
        "web_navigation",
        sign="Based on the HTML webpage above, try to complete the following task",
        has_rules=False,
    ),
)
"""AgentInstruct's six."""


def grammar_of(first_turn: str) -> Grammar | None:
    """The grammar of a conversation that opens so; `None` where it is none of these."""
    return next((each for each in GRAMMARS if each.sign in first_turn), None)
