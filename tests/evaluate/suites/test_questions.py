"""The questions: different, seeded, each with one right answer among four."""

from __future__ import annotations

from trajectune.evaluate.suites.questions import OPTIONS, question_sets


def test_question_sets_are_seeded_and_sound() -> None:
    sets = question_sets(60, seed=5)
    assert sets == question_sets(60, seed=5) != question_sets(60, seed=6)
    assert len(sets) >= 4
    for questions in sets.values():
        assert len({question.prompt for question in questions}) == len(questions) >= 50
        for question in questions:
            assert len(set(question.options)) == OPTIONS
            assert 0 <= question.answer < OPTIONS


def test_fewer_questions_are_a_beginning_of_more() -> None:
    few, many = question_sets(5, seed=2), question_sets(20, seed=2)
    assert all(many[name][:5] == questions for name, questions in few.items())
