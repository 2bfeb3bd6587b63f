"""The solved task that is shown before every episode, as AgentBench shows one.

It is invented, and its output is the one that the commands print on such a machine.
"""

from __future__ import annotations

from trajectune.environments.operating_system.observation import CUT, SENTENCE
from trajectune.trajectory import Action, Demonstration, Step, ToolCall


def _step(thought: str, tool: str, observation: str = "", **arguments: str) -> Step:
    call = ToolCall(name=tool, arguments=dict(arguments))
    return Step(thought=thought, actions=[Action(call=call, observation=observation)])


DEMONSTRATION = Demonstration(
    observation="How many folders lie directly in /usr/share/doc?",
    steps=[
        _step(
            "I look at what is in there.",
            "bash_action",
            f"{SENTENCE}adduser\nadwaita-icon-theme\nalsa-topology-conf\napt\nattr\nbase-files{CUT}",
            script="ls /usr/share/doc",
        ),
        _step(
            "The list is too long and was cut, so I let the shell count, and only folders.",
            "bash_action",
            f"{SENTENCE}187",
            script="find /usr/share/doc -mindepth 1 -maxdepth 1 -type d | wc -l",
        ),
        _step("The output is 187, which is the answer.", "answer_action", answer="187"),
    ],
)
