"""One episode: tools, observations as AgentBench shows them, rewards, faults, limits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.contract import MAX_OBSERVATION_CHARS
from trajectune.environments.operating_system.episode import OperatingSystemEpisode
from trajectune.environments.operating_system.machine import InitError, judge, prepare, run_apart
from trajectune.environments.operating_system.observation import CUT, EMPTY, SENTENCE, cleaned, observe
from trajectune.environments.operating_system.sandbox.box import Box, Output
from trajectune.environments.operating_system.sandbox.limits import Limits
from trajectune.environments.operating_system.tasks.problem import Fact, Problem, Script
from trajectune.trajectory import Fault, ToolCall

QUESTION = Problem("How many?", "x", (Script("touch /root/a /root/b"),), check="integer-match", answer="2")
CHANGE = Problem("Make it.", "x", facts=(Fact("text", "/root/made", "x"),))


@pytest.fixture
def opened(bubblewrap: str):
    """`opened(problem)`: an episode of it, closed after the test."""
    episodes: list[OperatingSystemEpisode] = []

    def open_it(problem: Problem, **limits: float) -> OperatingSystemEpisode:
        given_limits = Limits(**{"seconds": 20, **limits})  # type: ignore[arg-type]
        episodes.append(OperatingSystemEpisode(problem, prepare(bubblewrap, problem, given_limits)))
        return episodes[-1]

    yield open_it
    for episode in episodes:
        episode.close()
        episode.close()


def bash(script: Any) -> ToolCall:
    return ToolCall(name="bash_action", arguments={"script": script})


def answer(value: Any) -> ToolCall:
    return ToolCall(name="answer_action", arguments={"answer": value})


FINISH = ToolCall(name="finish_action")


def test_a_question_is_solved_by_its_answer(opened) -> None:
    episode = opened(QUESTION)
    assert episode.observation == "How many?"
    assert episode.step(bash("ls /root | wc -l")).observation == f"{SENTENCE}2"
    assert episode.step(bash("true")).observation == EMPTY
    result = episode.step(answer("2"))
    assert (result.done, result.reward, result.observation) == (True, 1.0, "")
    assert episode.step(bash("ls")) == episode.step(answer("3")) == result


@pytest.mark.parametrize("call", [answer("3"), answer(""), answer("two"), FINISH, answer("2 files")])
def test_any_other_end_of_a_question_earns_nothing(opened, call: ToolCall) -> None:
    result = opened(QUESTION).step(call)
    assert (result.done, result.reward, result.fault) == (True, 0.0, None)


@pytest.mark.parametrize("value", [2, 2.0])
def test_a_number_is_taken_as_its_text(opened, value: float) -> None:
    assert opened(QUESTION).step(answer(value)).reward == float(value == 2 and isinstance(value, int))


def test_a_change_is_solved_by_what_is_so_afterwards(opened) -> None:
    assert opened(CHANGE).step(FINISH).reward == 0
    assert opened(CHANGE).step(answer("x")).reward == 0
    episode = opened(CHANGE)
    episode.step(bash("echo x > ~/made"))
    assert episode.step(FINISH).reward == 1
    episode = opened(CHANGE)
    episode.step(bash("echo x > ~/made"))
    assert episode.step(answer("done")).reward == 1


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        (ToolCall(name="bash"), Fault.UNKNOWN_TOOL),
        (ToolCall(name="x" * 5000), Fault.UNKNOWN_TOOL),
        (ToolCall(name="bash_action"), Fault.BAD_ARGUMENTS),
        (bash(" "), Fault.BAD_ARGUMENTS),
        (bash(5), Fault.BAD_ARGUMENTS),
        (bash(["ls"]), Fault.BAD_ARGUMENTS),
        (bash("a\0b"), Fault.BAD_ARGUMENTS),
        (bash("\ud800"), Fault.BAD_ARGUMENTS),
        (bash("x" * 20_000), Fault.BAD_ARGUMENTS),
        (answer(None), Fault.BAD_ARGUMENTS),
        (answer(True), Fault.BAD_ARGUMENTS),
        (answer({"a": 1}), Fault.BAD_ARGUMENTS),
        (answer(10**5000), Fault.BAD_ARGUMENTS),
        (bash("no_such_command"), Fault.BAD_ARGUMENTS),
        (bash("/etc/passwd"), Fault.BAD_ARGUMENTS),
    ],
    ids=range(15),
)
def test_a_wrong_call_is_a_fault_and_ends_nothing(opened, call: ToolCall, fault: Fault) -> None:
    result = opened(QUESTION).step(call)
    assert (result.fault, result.done) == (fault, False)
    assert 0 < len(result.observation) < 1_000


def test_the_same_script_with_the_same_output_is_a_repetition(opened) -> None:
    episode = opened(QUESTION)
    assert episode.step(bash("ls /root")).fault is None
    assert episode.step(bash("ls /root")).fault is Fault.REPETITION
    episode.step(bash("touch /root/c"))
    assert episode.step(bash("ls /root")).fault is None
    assert episode.step(bash("grep x /etc/hostname")).fault is None  # a status of 1 is an answer


def test_limits_are_told_to_the_agent(opened) -> None:
    episode = opened(QUESTION, seconds=0.3)
    result = episode.step(bash("echo begun; sleep 50"))
    assert result.fault is Fault.BAD_ARGUMENTS
    assert "begun" in result.observation
    assert "[stopped: it ran longer than 0.3 seconds]" in result.observation
    assert "[the shell has ended; a new one is there" in episode.step(bash("exit 1")).observation


def test_a_machine_that_is_gone_ends_the_episode_without_reward(opened) -> None:
    episode = opened(QUESTION)
    result = episode.step(bash("kill -9 $PPID; sleep 50"))
    assert (result.done, result.reward) == (True, 0.0)
    assert "[the machine was stopped" in result.observation
    assert episode.step(answer("2")).reward == 0
    episode = opened(CHANGE)
    episode.box.close()
    assert episode.step(FINISH).reward == 0


def test_words_to_nobody_are_a_fault(opened) -> None:
    result = opened(QUESTION).reply("Hello?")
    assert (result.fault, result.done) == (Fault.BAD_FORMAT, False)


def test_the_machine_is_prepared_before_the_agent_comes(bubblewrap: str) -> None:
    problem = Problem(
        "?", "x", (Script("mkdir /srv/x; X=1"), Script("open('/srv/x/p', 'w').write('py')", "python")),
        start="cd /srv/x; while :; do date >> log; sleep 0.05; done", directory="/srv/x",
    )  # fmt: skip
    box = prepare(bubblewrap, problem, Limits(seconds=20))
    output = box.run('pwd; cat p; echo "[$X]"; until [ -s log ]; do sleep 0.02; done; exit')
    assert output.data == b"/srv/x\npy[]\n"
    assert box.run("wc -l < /srv/x/log").status == 0
    size = int(box.run("wc -l < /srv/x/log").data)
    box.run("sleep 0.3")
    assert int(box.run("wc -l < /srv/x/log").data) > size  # it is not the shell's, and outlives it
    box.close()


def test_an_init_script_that_fails_is_said_and_leaves_no_box(bubblewrap: str) -> None:
    with pytest.raises(InitError, match="what went wrong"):
        prepare(
            bubblewrap, Problem("?", "x", (Script("echo what went wrong; exit 3"),)), Limits(seconds=20)
        )


def test_scripts_apart_get_their_arguments_and_leave_the_shell_alone(box: Box) -> None:
    box.run("x=1; cd /tmp")
    assert run_apart(box, Script('pwd; echo "$1|$2|$x"'), ["a b", "c'd"]).data == b"/\na b|c'd|\n"
    code = "import sys; print(sys.argv[1:]); sys.exit(4)"
    output = run_apart(box, Script(code, "python"), ["a", "-x"])
    assert (output.data, output.status) == (b"['a', '-x']\n", 4)
    assert run_apart(box, Script("echo out; echo err >&2"), errors=False).data == b"out\n"
    assert box.run("echo $x; pwd").data == b"1\n/tmp\n"


def test_each_check_is_given_what_the_ones_before_printed(box: Box) -> None:
    scripts = [Script("echo $(( $1 + 1 ))"), Script("[ $2 = 6 ]"), Script('[ "$# $1 $3" = "3 5 " ]')]
    assert judge(box, scripts, "5")
    assert not judge(box, scripts, "6")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain\n", "plain"),
        (b"\x1b[31mred\x1b[0m", "red"),
        (b"\x1b]0;root@box: /\x07# ", "# "),
        (b"\x1b[?2004hx\x1b[?2004l", "x"),
        (b"a\r\nb\rc\x07\x08", "a\nbc"),
        (b"\xff\x00caf\xc3\xa9\t.", "\ufffdcaf\u00e9\t."),
        (b"x" * 800, "x" * 800),
        (b"x" * 801, "x" * 780 + CUT),
    ],
)
def test_observations_are_clean_and_cut_as_in_agentbench(data: bytes, text: str) -> None:
    assert cleaned(data) == text
    assert observe(Output(data, 0), Limits()) == SENTENCE + text


@given(
    st.binary(max_size=3000), st.sampled_from(["", "time", "output"]), st.booleans(), st.text(max_size=50)
)
def test_every_observation_is_bounded_and_without_control_codes(
    data: bytes, stopped: Any, new: bool, gone: str
) -> None:
    text = observe(Output(data * 3, None, stopped, new, gone), Limits())
    assert 0 < len(text) < min(1_200, MAX_OBSERVATION_CHARS)
    shown = text if gone else text.replace("\n", "").replace("\t", "")
    assert gone or shown.isprintable() or any(ord(c) > 0x9F for c in shown)
    assert gone or not any(ord(c) < 32 or 0x7F <= ord(c) <= 0x9F for c in shown)
