"""Rollouts lose nothing, double nothing, and blame no one for what the infrastructure did."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from support.guess import Guess, GuessEpisode, Scripted, act, know
from trajectune.agents.contract import Agent, AgentReply, Conversation
from trajectune.agents.expert import ExpertAgent
from trajectune.dialects.conversation import to_example
from trajectune.dialects.registry import get_dialect
from trajectune.environments.contract import Environment, Episode, Expert, StepResult, Task
from trajectune.errors import AgentError, EpisodeError, ModelError, RecipeError
from trajectune.progress import Progress
from trajectune.rollout.rollout import MAX_ERRORS_IN_A_ROW, RolloutResult, episode_seed, rollout
from trajectune.storage import read_records
from trajectune.trajectory import Action, Fault, Outcome, Reply, Step, ToolCall, Trajectory, Usage

REACT = get_dialect("react", "guess")


def play(agent: Agent, path: Path, environment: Guess | None = None, **options: Any) -> RolloutResult:
    environment = environment or Guess()
    return rollout(environment, environment.tasks("train"), agent, REACT, path, **options)


def stored(path: Path) -> list[Trajectory]:
    rejected: list[Any] = []
    rows = list(read_records(path, Trajectory, rejected))
    assert not rejected
    assert len({row.id for row in rows}) == len(rows), "a trajectory is doubled"
    return rows


def test_the_expert_solves_every_task(tmp_path: Path) -> None:
    environment = Guess()
    result = play(ExpertAgent(environment), tmp_path / "t.jsonl", environment)
    rows = stored(result.path)
    assert (result.episodes, result.played, result.successes, result.errors) == (20, 20, 20, 0)
    assert all(row.outcome is Outcome.COMPLETED and row.reward == 1.0 for row in rows)
    assert {row.agent for row in rows} == {"expert"}
    assert {row.dialect for row in rows} == {""}
    steps = next(row for row in rows if row.task == "train-5").steps
    assert [call.arguments["number"] for step in steps for call in step.calls] == [3, 5]
    first = Action(call=steps[0].calls[0], observation="higher")
    assert steps[0] == Step(thought="Between 0 and 7.", actions=[first], trained=False)
    assert steps[1].answer == ""
    assert environment.opened == [row.task for row in rows], "an episode was opened twice"


def test_what_an_expert_marks_untrained_stays_untrained_in_the_example(tmp_path: Path) -> None:
    environment = Guess()
    result = play(ExpertAgent(environment), tmp_path / "t.jsonl", environment)
    row = next(row for row in stored(result.path) if row.task == "train-5")
    replies = [message for message in to_example(row, REACT).messages if message.role == "assistant"]
    assert [message.trained for message in replies] == [False, True]


def test_results_follow_from_the_seeds(tmp_path: Path) -> None:
    runs = []
    for name in "ab":
        result = play(Scripted(know, workers=3), tmp_path / name, attempts=2, seed=7)
        rows = sorted(stored(result.path), key=lambda row: row.id)
        runs.append([row.model_copy(update={"metadata": {}}) for row in rows])
    assert runs[0] == runs[1]
    assert len(runs[0]) == 40
    assert runs[0][0].id == f"guess/{runs[0][0].task}/{runs[0][0].seed}"
    assert episode_seed(7, "train-0", 0) != episode_seed(7, "train-0", 1) != episode_seed(8, "train-0", 0)


def test_lanes_are_refilled_and_conversations_forgotten(tmp_path: Path) -> None:
    agent = Scripted(
        lambda c: act(c.task.data["n"] if len(c.messages) > 2 * (c.task.data["n"] % 3) else 99),
        batch_size=8,
    )
    result = play(agent, tmp_path / "t.jsonl")
    assert result.successes == 20
    assert agent.batches[:2] == [8, 8]
    assert sum(agent.batches) == sum(len(row.steps) for row in stored(result.path))
    assert not agent.open
    assert result.usage == Usage(generated_tokens=sum(agent.batches))


def test_a_model_sees_what_the_dialect_shows_and_its_words_are_kept(tmp_path: Path) -> None:
    seen: list[Conversation] = []

    def say(conversation: Conversation) -> str:
        seen.append(conversation)
        return "Thought: low.\n" + act(0) if len(conversation.messages) == 1 else act(1)

    result = play(Scripted(say), tmp_path / "t.jsonl", Guess(2), max_steps=2)
    row = next(row for row in stored(result.path) if row.task == "train-1")
    assert row.dialect == "react"
    assert row.steps[0].replies == [Reply(text="Thought: low.\n" + act(0))]
    last = seen[-1]
    assert [message.role for message in last.messages] == ["user", "assistant", "user"]
    assert last.messages[2].content == "Observation: higher"
    assert last.stop == REACT.stop


@pytest.mark.parametrize(
    ("reply", "outcome", "fault", "steps"),
    [
        ("no idea", Outcome.BAD_FORMAT, Fault.BAD_FORMAT, 3),
        ("I'm sorry, but I can't do that.", Outcome.BAD_FORMAT, Fault.REFUSAL, 3),
        ("Action: fly\nAction Input: {}", Outcome.BAD_ACTION, Fault.UNKNOWN_TOOL, 3),
        (act('"x"'), Outcome.BAD_ACTION, Fault.BAD_ARGUMENTS, 3),
        (act(99), Outcome.STEP_LIMIT, Fault.BAD_ARGUMENTS, 6),
    ],
)
def test_faults_end_an_episode_with_reward_zero(
    tmp_path: Path, reply: str, outcome: Outcome, fault: Fault, steps: int
) -> None:
    agent = Scripted(lambda _: reply)
    rows = stored(play(agent, tmp_path / "t.jsonl", Guess(1), bad_format_limit=3).path)
    assert (rows[0].outcome, rows[0].reward, len(rows[0].steps)) == (outcome, 0.0, steps)
    assert {fault for step in rows[0].steps for fault in step.faults} == {fault}
    assert all(step.answer for step in rows[0].steps)


class Circling(GuessEpisode):
    """Gives up on an agent that guesses what it guessed before."""

    seen: int | None = None

    def step(self, call: ToolCall) -> StepResult:
        number = call.arguments["number"]
        if number == self.seen:
            return StepResult("You go in circles.", done=True, fault=Fault.REPETITION)
        assert isinstance(number, int)
        self.seen = number
        return super().step(call)


def test_an_environment_that_ends_a_repetition_ends_in_a_bad_action(tmp_path: Path) -> None:
    class Environment(Guess):
        def open(self, task: Task, seed: int = 0) -> Episode:
            del task, seed
            return Circling(5)

    rows = stored(play(Scripted(lambda _: act(0)), tmp_path / "t.jsonl", Environment(1)).path)
    assert (rows[0].outcome, rows[0].reward) == (Outcome.BAD_ACTION, 0.0)
    assert [step.faults for step in rows[0].steps] == [[], [Fault.REPETITION]]


def test_the_threshold_says_what_counts_as_solved(tmp_path: Path) -> None:
    class Half(Guess):
        def open(self, task: Task, seed: int = 0) -> Episode:
            del task, seed
            return HalfEpisode(0)

    class HalfEpisode(GuessEpisode):
        def step(self, call: ToolCall) -> StepResult:
            del call
            return StepResult("Nearly.", done=True, reward=0.5)

    for threshold, solved in ((None, 0), (0.5, 20), (0.6, 0)):
        result = play(Scripted(know), tmp_path / f"{threshold}.jsonl", Half(), threshold=threshold)
        assert result.successes == solved


@pytest.mark.parametrize("reply", ["?", "Action: fly\nAction Input: {}"])
def test_the_first_reply_without_a_move_ends_an_episode_as_agentbench_has_it(
    tmp_path: Path, reply: str
) -> None:
    rows = stored(play(Scripted(lambda _: reply), tmp_path / "t.jsonl", Guess(1)).path)
    assert len(rows[0].steps) == 1


def test_a_good_reply_resets_the_count_and_repetition_is_marked(tmp_path: Path) -> None:
    script = ["?", "?", act(0), act(0), "?", "?"]
    agent = Scripted(lambda c: script[len(c.messages) // 2])
    environment = Guess(2)
    rows = stored(
        rollout(
            environment,
            environment.tasks("train")[1:],
            agent,
            REACT,
            tmp_path / "t.jsonl",
            bad_format_limit=3,
        ).path
    )
    assert rows[0].outcome is Outcome.STEP_LIMIT
    bad = Fault.BAD_FORMAT
    assert [step.faults for step in rows[0].steps] == [[bad], [bad], [], [Fault.REPETITION], [bad], [bad]]


def test_going_round_in_circles_can_be_cut_short(tmp_path: Path) -> None:
    script = [act(7), act(7), act(8), act(8), act(8), act(8)]
    agent = Scripted(lambda c: script[len(c.messages) // 2])
    rows = stored(play(agent, tmp_path / "t.jsonl", Guess(1), repetition_limit=2).path)
    assert rows[0].outcome is Outcome.BAD_ACTION
    wrong = Fault.BAD_ARGUMENTS  # 8 is no number to guess, and saying it again is a repetition too
    assert [step.faults for step in rows[0].steps] == [[], [Fault.REPETITION], [wrong], [wrong], [wrong]]


def test_a_conversation_that_does_not_fit_ends_the_episode(tmp_path: Path) -> None:
    agent = Scripted(lambda c: AgentReply("", finish="context") if len(c.messages) > 1 else act(99))
    rows = stored(play(agent, tmp_path / "t.jsonl", Guess(1)).path)
    assert (rows[0].outcome, rows[0].reward, len(rows[0].steps)) == (Outcome.CONTEXT_LIMIT, 0.0, 1)


def test_a_flaky_environment_is_tried_again(tmp_path: Path) -> None:
    class Flaky(Guess):
        def open(self, task: Task, seed: int = 0) -> Episode:
            super().open(task, seed)
            if self.opened.count(task.id) < 3:
                raise EpisodeError("the environment is asleep")
            return GuessEpisode(task.data["n"])

    environment = Flaky()
    result = play(Scripted(know, workers=4), tmp_path / "t.jsonl", environment)
    assert (result.successes, result.errors) == (20, 0)
    assert set(Counter(environment.opened).values()) == {3}


class Broken(GuessEpisode):
    def step(self, call: ToolCall) -> StepResult:
        raise OSError(f"the disk is gone: {call.name}")

    def close(self) -> None:
        raise OSError("still gone")


class Breaking(Guess):
    """Breaks in every third task while `broken`."""

    broken = True

    def open(self, task: Task, seed: int = 0) -> Episode:
        super().open(task, seed)
        breaks = self.broken and task.data["n"] % 3 == 0
        return Broken(0) if breaks else GuessEpisode(task.data["n"])


def test_infrastructure_errors_are_no_failures_and_a_resumed_run_retries_them(tmp_path: Path) -> None:
    environment = Breaking(9)
    first = play(Scripted(know), tmp_path / "t.jsonl", environment)
    rows = stored(first.path)
    errors = [row for row in rows if row.outcome is Outcome.ENVIRONMENT_ERROR]
    assert (first.errors, len(errors), first.successes) == (4, 4, 5)
    assert all(row.reward is None and "the disk is gone" in row.error for row in errors)

    environment.broken = False
    again = play(Scripted(know), tmp_path / "t.jsonl", environment)
    assert (again.resumed, again.played, again.successes) == (5, 4, 4)
    assert all(row.reward == 1.0 for row in stored(again.path))
    assert len(stored(again.path)) == 9

    nothing = play(Scripted(know), tmp_path / "t.jsonl", environment)
    assert (nothing.resumed, nothing.played) == (9, 0)


def test_an_agent_that_errors_is_tried_again_and_then_recorded(tmp_path: Path) -> None:
    def say(conversation: Conversation) -> AgentReply | str:
        if conversation.task.data["n"] == 1:
            return AgentReply("", finish="error", error="out of memory")
        if conversation.task.data["n"] == 2 and conversation.id.endswith("#0"):
            return AgentReply("", finish="error", error="hiccup")
        return know(conversation)

    rows = stored(play(Scripted(say, batch_size=4), tmp_path / "t.jsonl", Guess(4)).path)
    bad = [row for row in rows if row.outcome is Outcome.AGENT_ERROR]
    assert [(row.task, row.reward, row.error) for row in bad] == [("train-1", None, "out of memory")]
    assert len(rows) == 4


def test_an_agent_that_raises_spoils_no_more_than_its_batch(tmp_path: Path) -> None:
    calls = []

    def say(conversation: Conversation) -> str:
        calls.append(conversation.id)
        if len(calls) == 2:
            raise RuntimeError("kernel panic")
        return know(conversation)

    result = play(Scripted(say, batch_size=4), tmp_path / "t.jsonl")
    assert (result.successes, result.errors) == (20, 0)


def test_hopeless_infrastructure_stops_the_rollout(tmp_path: Path) -> None:
    def say(_: Conversation) -> AgentReply:
        time.sleep(0.002)
        return AgentReply("", finish="error", error="connection refused")

    agent = Scripted(say, workers=2)
    with pytest.raises(AgentError, match="connection refused"):
        play(agent, tmp_path / "t.jsonl", Guess(100))
    assert MAX_ERRORS_IN_A_ROW <= len(stored(tmp_path / "t.jsonl")) < 100


def test_what_a_user_must_mend_stops_the_rollout_and_keeps_what_was_finished(tmp_path: Path) -> None:
    def say(conversation: Conversation) -> str:
        if conversation.task.id == "train-7":
            raise ModelError("no such model")
        return know(conversation)

    with pytest.raises(ModelError, match="no such model"):
        play(Scripted(say), tmp_path / "t.jsonl")
    assert len(stored(tmp_path / "t.jsonl")) == 7


def test_a_task_without_an_expert_is_that_tasks_error(tmp_path: Path) -> None:
    class Sometimes(Guess):
        def expert(self, task: Task, observation: str, seed: int = 0) -> Expert | None:
            return None if task.data["n"] == 1 else super().expert(task, observation, seed)

    environment = Sometimes(4)
    rows = stored(play(ExpertAgent(environment), tmp_path / "t.jsonl", environment).path)
    assert [row.task for row in rows if row.reward is None] == ["train-1"]
    assert "knows no answer" in next(row.error for row in rows if row.reward is None)


def test_an_environment_without_an_expert_is_the_users_mistake() -> None:
    class NoExpert(Guess):
        expert = Environment.expert

    with pytest.raises(RecipeError, match="has no expert"):
        ExpertAgent(NoExpert())


def test_an_expert_that_stops_early_is_an_agent_error(tmp_path: Path) -> None:
    class Short(Guess):
        def expert(self, task: Task, observation: str, seed: int = 0) -> Any:
            del task, observation, seed
            yield from ()

    environment = Short(1)
    rows = stored(play(ExpertAgent(environment), tmp_path / "t.jsonl", environment).path)
    assert rows[0].outcome is Outcome.AGENT_ERROR
    assert "no further move" in rows[0].error


TESTS = Path(__file__).parents[1]
SLOW = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from support.guess import Guess, Scripted, know
from trajectune.progress import Progress
from trajectune.rollout.rollout import rollout
from trajectune.dialects.registry import get_dialect
def say(conversation):
    time.sleep({pause})
    return know(conversation)
environment, agent = Guess(60), Scripted(say, workers=2)
rollout(environment, environment.tasks("train"), agent, get_dialect("react", "guess"), Path({path!r}))
"""


def start(path: Path, pause: float = 0.02) -> subprocess.Popen[str]:
    code = SLOW.format(tests=str(TESTS), path=str(path), pause=pause)
    return subprocess.Popen(
        [sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, preexec_fn=hear_ctrl_c
    )


def hear_ctrl_c() -> None:
    """A child of a job in the background inherits that SIGINT is ignored, and Python then leaves it so."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def wait_for_rows(path: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while not path.exists() or path.read_bytes().count(b"\n") < count:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_nothing_is_lost_or_doubled_by_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    for rows in (3, 17, 31):
        process = start(path)
        wait_for_rows(path, rows)
        process.kill()
        process.communicate()
    with path.open("ab") as file:
        file.write(b'{"id": "guess/train-0/torn')
    process = start(path)
    process.communicate()
    assert process.returncode == 0
    assert {row.task for row in stored(path)} == {f"train-{n}" for n in range(60)}


def test_ctrl_c_keeps_what_is_finished_and_goes_on_upwards(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    process = start(path, pause=0.3)  # nine seconds of work, so that a busy machine is not too late
    wait_for_rows(path, 5)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert 5 <= len(stored(path)) < 60
    assert said.rstrip().endswith("KeyboardInterrupt")


def test_two_entries_of_one_environment_have_ids_of_their_own(tmp_path: Path) -> None:
    for source in ("easy", "hard"):
        play(Scripted(know), tmp_path / "t.jsonl", Guess(4), source=source)
    rows = stored(tmp_path / "t.jsonl")
    assert len(rows) == 8
    assert {row.id.partition("/")[0] for row in rows} == {"easy", "hard"}
    assert {row.environment for row in rows} == {"guess"}


def test_progress_is_told_and_nothing_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told: list[Progress] = []
    environment = Breaking(4)
    play(Scripted(know), tmp_path / "t.jsonl", environment, on_progress=told.append, tries=1)
    assert [(p.what, p.done, p.total) for p in told] == [("guess", n, 4) for n in range(1, 5)]
    assert told[-1].note == "100% solved, 2 errors"
    environment.broken = False
    play(Scripted(know), tmp_path / "t.jsonl", environment, on_progress=told.append)
    assert [p.done for p in told[4:]] == [3, 4]
    assert capsys.readouterr() == ("", "")
