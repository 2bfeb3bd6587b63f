"""The first sentences: what was measured, of whom, and no more."""

from __future__ import annotations

import pages

from trajectune.report.contents import Entry, Page
from trajectune.report.sections.headline import MOST, headline


def two(before: list[Entry], after: list[Entry]) -> list[str]:
    return headline(Page(title="made up", entries=[*before, *after]))


def test_nothing_measured() -> None:
    assert headline(Page(title="made up")) == ["Nothing was measured."]


def test_two_systems() -> None:
    assert two(pages.all_of("base", 0.06, 0.8, 0.83), pages.all_of("tuned", 0.62, 0.85, 0.82)) == [
        "Success from 6 % to 62 % of 84 unseen database tasks.",
        "General loss 0.800 to 0.850 (+0.050; lower is better).",
        "Choices: accuracy 83 % to 82 %.",
    ]


def test_what_did_not_change_is_called_unchanged() -> None:
    first, *_ = two(pages.all_of("base", 0.5, 1, 0.5), pages.all_of("tuned", 0.5, 1, 0.5))
    assert first == "Success unchanged, from 50 % to 50 % of 84 unseen database tasks."


def test_a_suite_that_only_one_has() -> None:
    base, tuned = pages.all_of("base", 0.5, 1, 0.5), pages.all_of("tuned", 0.25, 2, 0.5)
    first, second = two(base[:1], tuned[1:2])
    assert first == "Base solves 50 % [40–60] of 84 unseen database tasks."
    assert second == "General loss 2.000 (tuned)."


def test_several_systems() -> None:
    first, second = headline(pages.ablation_page())
    assert first.startswith("Best on database: agent-only with 64 % [")
    assert first.endswith("], base 6 %.")
    assert second == "General loss: base 0.803, the others 0.810 to 0.980."


def test_no_system_is_called_best_of_equals() -> None:
    entries = [entry for system in ("a", "b", "c") for entry in pages.all_of(system, 0.5, 1, 0.5)[:1]]
    assert headline(Page(title="made up", entries=entries)) == [
        "No difference on database: all systems have 50 % [40–60]."
    ]


def test_gaps_come_first_and_sentences_are_few() -> None:
    found = headline(pages.upscale_page())
    assert len(found) <= MOST
    assert found[0].startswith("Emulated closes 68 % ")
    assert found[2].startswith("Best on database: large tuned")
