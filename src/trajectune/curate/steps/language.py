"""Language limits: trajectories whose agent thinks in the languages that were asked for.

The idea: a teacher that slips into another language teaches the slip. What is judged is what the agent said
in words, its thoughts and what it told the user, not the arguments of its calls (SQL is no language of
people). The guess is py3langid's (139 languages), an optional package.

Invariants: a text that is too short to be judged, one of whose language the guess is not sure, and one that
is no language (numbers, markup) is kept: a wrong guess must not cost a good row. The verdict on a
trajectory depends on its own words alone.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from trajectune.curate.steps.contract import RowStep, StepOptions
from trajectune.errors import UnavailableError, install_extra
from trajectune.trajectory import Trajectory

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

OTHER = "words in another language: {}"
UNJUDGED = ("und", "zxx")
"""What the guess says where it is not sure, and where a text is no language."""
Code = Annotated[str, Field(pattern="^[a-z]{2,3}$")]


class LanguageOptions(StepOptions):
    """What `language` takes."""

    languages: list[Code] = Field(default_factory=lambda: ["en"], min_length=1)
    """ISO 639 codes of the languages that are kept."""
    least_characters: Annotated[int, Field(ge=1)] = 60
    """Shorter texts are kept without judgement: of a few words no guess is worth much."""
    confidence: Annotated[float, Field(ge=0, le=1)] = 0.9
    """Probability from which the guess of another language counts against a trajectory."""


class Language(RowStep[Trajectory]):
    """Rejects trajectories in whose words another language is recognised."""

    name = "language"
    level = "trajectories"
    Options = LanguageOptions
    options: LanguageOptions

    def __init__(self, options: StepOptions | None = None) -> None:
        """Raises `UnavailableError` where the package is missing: before anything was collected."""
        super().__init__(options)
        if find_spec("py3langid") is None:
            raise UnavailableError(
                "the curate step 'language' needs the package py3langid", remedy=install_extra("language")
            )

    def reason(self, row: Trajectory) -> str | None:
        language = self._other(spoken(row))
        return OTHER.format(language) if language else None

    def _other(self, words: str) -> str | None:
        """The language of the words, where it is surely one that was not asked for."""
        if len(words) < self.options.least_characters:
            return None
        language, confidence = _identifier().classify(words)
        asked = language in (*UNJUDGED, *self.options.languages)
        return None if asked or confidence < self.options.confidence else language


def spoken(trajectory: Trajectory) -> str:
    """The agent's words: thoughts, and what it told the user; of a step without a move, its reply."""
    return "\n".join(
        words for step in trajectory.steps if (words := step.thought if step.actions else step.words)
    )


@cache
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # an optional package, and a second to load

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
