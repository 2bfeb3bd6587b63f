"""What a script does, in words that a thought can use, read from the programs that it names.

The idea: of a gold script from a file nothing is known but itself. Its pipeline is read program by program;
each known one says what it is there for, in the order in which it works.

Invariant: any text is read; one without a known program is said to be run for its result.
"""

from __future__ import annotations

import re

PURPOSES = {
    "find": "find picks the files that fit",
    "ls": "ls lists the names",
    "grep": "grep keeps the lines that match",
    "egrep": "egrep keeps the lines that match",
    "wc": "wc counts",
    "awk": "awk takes the fields that matter",
    "sed": "sed edits the lines",
    "sort": "sort puts them in order",
    "uniq": "uniq drops repetitions",
    "head": "head keeps the first",
    "tail": "tail keeps the last",
    "cut": "cut takes one part of each line",
    "tr": "tr replaces characters",
    "du": "du adds up the space",
    "df": "df shows the space that is left",
    "stat": "stat shows what is known about a file",
    "cat": "cat prints the text",
    "xargs": "xargs hands the names on",
    "ps": "ps lists the processes",
    "date": "date turns the time into the form that is needed",
    "getent": "getent reads the database of users and groups",
    "bc": "bc does the sum",
    "nproc": "nproc counts the processors",
    "md5sum": "md5sum makes equal files show",
    "tar": "tar reads the archive",
    "basename": "basename drops the folder",
    "python3": "a short program does the rest",
}
OPENERS = (
    "One pipeline will do",
    "I put it together like this",
    "The question can be asked of the shell directly",
    "I let the shell find out",
)
PLAIN = (
    "I run the command whose output is what the question asks for.",
    "The shell can tell this directly.",
    "One command should give the answer.",
)
MOST = 4
"""Programs that a thought names."""
_COMMAND = re.compile(
    r"(?:^|[|;&(`\n]|\$\()\s*(?:(?:do|then|else|if|while|until|sudo|!)\s+)*([a-z][a-z0-9]*)\b"
)


def thoughts(script: str) -> tuple[str, ...]:
    """Several ways to say what a script is for."""
    code = "\n".join(line for line in script.splitlines() if not line.lstrip().startswith("#"))
    programs = dict.fromkeys(name for name in _COMMAND.findall(code) if name in PURPOSES)
    purposes = [PURPOSES[name] for name in list(programs)[:MOST]]
    if not purposes:
        return PLAIN
    return tuple(f"{opener}: {_joined(purposes)}." for opener in OPENERS)


def _joined(parts: list[str]) -> str:
    if len(parts) == 1:
        return parts[0]
    return ", ".join(parts[:-1]) + ", and " + parts[-1]
