"""What stands on every page."""

from __future__ import annotations

from random import Random

import pytest

from trajectune.environments.web_navigation.page.element import Element
from trajectune.environments.web_navigation.sites.drawing import Drawing
from trajectune.environments.web_navigation.sites.frame import MIN_CANDIDATES, Frame
from trajectune.environments.web_navigation.sites.site import IDLE, State
from trajectune.environments.web_navigation.sites.words import words


@pytest.fixture(params=[False, True], ids=["train", "test"])
def frame(request: pytest.FixtureRequest) -> Frame:
    return Frame.drawn(Random(5), words(request.param), "start")


def test_an_empty_page_has_enough_candidates(frame: Frame) -> None:
    drawing = Drawing(frame.style, {})
    screen = frame.page(drawing, "Title", [Element("p", {}, ["inner"])], [("Useful", "useful")])
    assert len(screen.controls) >= MIN_CANDIDATES
    assert "Title inner" in screen.tree.text
    assert screen.controls["way/useful"].goes == "useful"


def test_every_page_leads_home(frame: Frame) -> None:
    for screen in (
        frame.page(Drawing(frame.style, {}), "Title", []),
        frame.idle(State(f"{IDLE}{frame.top[0]}", {})),
    ):
        assert screen.controls["home"].goes == "start"
        assert not any(control.commits for control in screen.controls.values())


def test_links_of_no_use_lead_to_pages_of_no_use(frame: Frame) -> None:
    screen = frame.page(Drawing(frame.style, {}), "Title", [])
    idle = [control.goes for control in screen.controls.values() if control.goes.startswith(IDLE)]
    assert len(idle) == len(frame.top) + len(frame.bottom) + 1
    page = frame.idle(State(idle[0], {}))
    assert idle[0].removeprefix(IDLE) in page.tree.text


def test_what_is_typed_into_the_frame_counts_for_nothing(frame: Frame) -> None:
    screen = frame.page(Drawing(frame.style, {}), "Title", [])
    typed = [control.name for control in screen.controls.values() if control.operation == "TYPE"]
    assert typed
    assert all(name.startswith("_") for name in typed)
