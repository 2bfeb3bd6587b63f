"""One episode being run: the environment on one side, the conversation on the other.

The idea: `EpisodeRun` takes the agent's replies one by one and ends as a `Trajectory`. It reads each with
the dialect (which may first have a question), checks the calls against the tools, lets the environment
answer, and writes down both.

Invariants: an exception that leaves a method is the infrastructure's (the caller decides to try again), or
the user's to mend; everything an agent may do wrong is a step with a fault. The conversation only grows;
a limit of the history (`trajectune.history`) leaves out more of it with time.
"""

from __future__ import annotations

import time

from trajectune.agents.contract import AgentReply, Conversation
from trajectune.dialects.contract import Ask, Opening, Reading, step_key
from trajectune.dialects.conversation import replied
from trajectune.environments.contract import Move, StepResult
from trajectune.example import Message
from trajectune.history import cut
from trajectune.rollout import bounds
from trajectune.rollout.arguments import check_call
from trajectune.rollout.jobs import Job, Rules, described
from trajectune.trajectory import Action, Fault, Outcome, Reply, Step, Tool, ToolCall, Trajectory, Usage

MAX_TURNS = 8
"""Turns that a dialect may ask for in one step; a grammar that asks for more is broken."""


class EpisodeRun:
    """An open episode. Opened, stepped and closed by one thread."""

    def __init__(self, job: Job, rules: Rules) -> None:
        """Open the episode; what the environment raises is passed on."""
        self.job = job
        self._rules = rules
        self._started = time.perf_counter()
        environment, task = rules.environment, job.task
        self._episode = environment.open(task, job.seed)
        self._opening = Opening(
            environment.instruction(task),
            list(environment.tools_of(task)),
            self._episode.observation,
            environment.demonstration(task),
            task.id,
        )
        self._tools: list[Tool] = list(self._opening.tools)
        self._observation = self._opening.observation
        self._messages = rules.dialect.open(self._opening)
        self._pending: list[Reply] = []
        self._steps: list[Step] = []
        self._usage = Usage()
        self._wrong_in_a_row = 0
        self._repeated_in_a_row = 0
        self._size = 0
        self._wrote = False

    @property
    def conversation_id(self) -> str:
        """Another one for each try, so that no agent goes on from the state of a broken one."""
        return f"{self.job.id}#{self.job.tries}"

    @property
    def usage(self) -> Usage:
        """What the agent has spent so far."""
        return self._usage

    def conversation(self) -> Conversation:
        """The episode as the agent sees it."""
        shown, omitted = cut(self._messages, self._rules.history_limit)
        return Conversation(
            id=self.conversation_id,
            messages=tuple(shown),
            omitted=omitted,
            task=self.job.task,
            tools=tuple(self._tools) if self._rules.dialect.native else (),
            observation=self._observation,
            seed=self.job.seed,
            stop=self._rules.dialect.stop,
        )

    def take(self, reply: AgentReply) -> Trajectory | None:
        """Carry out what the agent said; gives the trajectory when the episode is over."""
        self._usage += reply.usage
        if reply.finish == "context":
            return self._end(Outcome.CONTEXT_LIMIT)
        reading = self._read(reply)
        if isinstance(reading, Ask):
            turns = replied(self._rules.dialect, self._pending[-1:], self._key)
            self._messages += [*turns, Message(role="user", content=reading.text)]
            return None
        step, last = self._carry_out(reading, trained=reply.move is None or reply.move.trained)
        self._steps.append(step)
        if last.done:
            # An environment that ends because the agent goes round in circles was not solved to its end.
            looped = last.fault is Fault.REPETITION
            return self._end(Outcome.BAD_ACTION if looped else Outcome.COMPLETED, last.reward)
        self._show(step, reply.move)
        self._pending = []
        return self._limits(step)

    def close(self) -> None:
        """Free what the environment holds."""
        self._episode.close()

    @property
    def _key(self) -> str:
        return step_key(self.job.task.id, len(self._steps))

    def _read(self, reply: AgentReply) -> Reading | Ask:
        if reply.move is not None:
            return Reading(reply.move.thought, reply.move.calls, reply.move.message)
        self._wrote = True
        kept, problem = bounds.taken(reply)
        self._pending.append(kept.reply)
        if problem:
            return Reading(fault=Fault.BAD_FORMAT, detail=problem)
        reading = self._rules.dialect.read(self._pending, self._key)
        if isinstance(reading, Ask):
            lost = "The move was not complete after many questions."
            return (
                Reading(fault=Fault.BAD_FORMAT, detail=lost) if len(self._pending) >= MAX_TURNS else reading
            )
        if problem := bounds.too_much(reading.calls):
            return Reading(reading.thought, fault=Fault.BAD_FORMAT, detail=problem)
        return reading

    def _carry_out(self, reading: Reading, trained: bool) -> tuple[Step, StepResult]:
        """The step that a reading makes, and the last answer to it (ours, where there was no move)."""
        if reading.calls:
            actions, last, tools = self._call(reading.calls)
            step = Step(thought=reading.thought, actions=actions, tools=tools, trained=trained)
        else:
            last = self._speak(reading)
            step = Step(
                thought=reading.thought,
                message=reading.message,
                observation="" if last.done else last.observation,
                fault=last.fault,
                tools=list(last.tools),
                trained=trained,
            )
        self._tools += step.tools
        step = step.model_copy(update={"replies": list(self._pending)})
        repeated = not last.done and self._repeats(step)
        self._repeated_in_a_row = self._repeated_in_a_row + 1 if repeated else 0
        if repeated and not step.faults:
            step = step.model_copy(update={"fault": Fault.REPETITION})
        return step, last

    def _call(self, calls: tuple[ToolCall, ...]) -> tuple[list[Action], StepResult, list[Tool]]:
        """The calls with their answers; wrong ones are answered here, the others by the environment."""
        wrong = [check_call(call, self._tools) for call in calls]
        sound = [call for call, problem in zip(calls, wrong, strict=True) if problem is None]
        self._wrong_in_a_row = 0 if sound else self._wrong_in_a_row + 1
        answers = map(bounds.answered, self._episode.steps(sound) if sound else ())
        actions: list[Action] = []
        results: list[StepResult] = []
        for call, problem in zip(calls, wrong, strict=True):
            result = next(answers, None) if problem is None else StepResult(problem[1], fault=problem[0])
            if result is None:  # the episode ended at an earlier call
                break
            results.append(result)
            observation = "" if result.done else result.observation
            actions.append(Action(call=call, observation=observation, fault=result.fault))
        last = next((result for result in results if result.done), results[-1])
        return actions, last, [tool for result in results for tool in result.tools]

    def _speak(self, reading: Reading) -> StepResult:
        """The answer to words without a call: the environment's, or ours where there was no move at all."""
        if reading.message is None:
            self._wrong_in_a_row += 1
            return StepResult(reading.detail, fault=reading.fault)
        result = bounds.answered(self._episode.reply(reading.message))
        self._wrong_in_a_row = self._wrong_in_a_row + 1 if result.fault is Fault.BAD_FORMAT else 0
        return result

    def _repeats(self, step: Step) -> bool:
        """Whether the calls of the step before were made again, to the same effect."""
        return bool(self._steps and step.actions) and step.repeats(self._steps[-1])

    def _show(self, step: Step, move: Move | None) -> None:
        """Let the conversation grow by the step."""
        dialect = self._rules.dialect
        key = step_key(self.job.task.id, len(self._steps) - 1)
        said = dialect.speak(step, key) if move is not None else replied(dialect, self._pending[-1:], key)
        self._observation = step.answer
        self._messages += [*said, *dialect.answer(step, key)]

    def _limits(self, step: Step) -> Trajectory | None:
        self._size += bounds.size_of(step)
        if self._size > bounds.MAX_EPISODE:
            return self._end(Outcome.CONTEXT_LIMIT)
        if self._repeated_in_a_row == self._rules.repetition_limit:
            return self._end(Outcome.BAD_ACTION)
        if self._wrong_in_a_row >= self._rules.bad_format_limit:
            unreadable = step.fault in (Fault.BAD_FORMAT, Fault.REFUSAL)
            return self._end(Outcome.BAD_FORMAT if unreadable else Outcome.BAD_ACTION)
        if len(self._steps) >= self._rules.max_steps:
            return self._end(Outcome.STEP_LIMIT)
        return None

    def _end(self, outcome: Outcome, reward: float = 0.0) -> Trajectory:
        return Trajectory(
            **described(self.job, self._rules),
            instruction=self._opening.instruction,
            tools=list(self._opening.tools),
            demonstration=self._opening.demonstration,
            dialect=self._rules.dialect.name if self._wrote else "",
            template=self._rules.template if self._wrote else "",
            history_limit=self._rules.history_limit,
            observation=self._opening.observation,
            steps=self._steps,
            reward=reward,
            outcome=outcome,
            usage=self._usage,
            metadata={"seconds": round(time.perf_counter() - self._started, 3)},
        )
