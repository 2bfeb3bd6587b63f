"""The atlas: things that questions start from, parted once, and said as one says them."""

from __future__ import annotations

import pytest

from trajectune.environments.knowledge_graph.generator.atlas import TEST_EVERY, atlas
from trajectune.environments.knowledge_graph.generator.kinds import STARTED

pytest.importorskip("pycountry")


@pytest.mark.parametrize("kind", sorted(set(STARTED)))
def test_every_class_is_parted(kind: str):
    train, test = (atlas().starts[unseen][kind] for unseen in (False, True))
    assert not set(train) & set(test)
    assert len(test) >= 2
    assert abs(len(test) * TEST_EVERY - len(train) - len(test)) <= TEST_EVERY
    labels = [atlas().labels[thing] for thing in (*train, *test)]
    assert len(set(labels)) == len(labels), (
        "a name that two things of one class share cannot be asked about"
    )


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        ("country/FR", "France"),
        ("country/NL", "the Netherlands"),
        ("country/US", "the United States"),
        ("country/PH", "the Philippines"),
        ("country/CF", "the Central African Republic"),
        ("country/MH", "the Marshall Islands"),
        ("country/DO", "the Dominican Republic"),
        ("country/CG", "the Republic of the Congo"),
        ("country/ZA", "South Africa"),
        ("currency/JPY", "the Japanese Yen"),
        ("internet_domain/.fr", "the internet domain .fr"),
        ("calling_code/33", "the calling code +33"),
        ("script/Cyrl", "the Cyrillic script"),
        ("script/Hans", "the Simplified Han script"),
        ("subdivision_kind/canton", "'canton'"),
        ("time_zone/Europe%2FParis", "the time zone Europe/Paris"),
        ("language/fr", "French"),
    ],
)
def test_things_are_said_with_their_article(thing: str, said: str):
    assert atlas().said(thing) == said


def test_names_to_start_from_can_be_written_in_every_grammar():
    for starts in atlas().starts.values():
        for things in starts.values():
            for thing in things:
                label = atlas().labels[thing]
                assert label == label.strip()
                assert "," not in label
                assert "\n" not in label
                assert not label.startswith("#")
