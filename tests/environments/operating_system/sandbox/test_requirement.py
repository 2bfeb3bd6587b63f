"""Without a sandbox the environment refuses to start, and says what is missing."""

from __future__ import annotations

import pytest

from trajectune.environments.operating_system import OperatingSystemEnvironment
from trajectune.environments.operating_system.sandbox import requirement
from trajectune.errors import EpisodeError, UnavailableError


@pytest.fixture(autouse=True)
def _not_asked_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirement, "_FOUND", [])


def test_a_missing_program_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    which = requirement.shutil.which
    monkeypatch.setattr(requirement.shutil, "which", lambda name: None if name == "bwrap" else which(name))
    with pytest.raises(UnavailableError, match=r"missing: bwrap(.|\n)*apt-get install.* bubblewrap"):
        requirement.require_sandbox()


def test_an_episode_is_refused_not_played_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirement.shutil, "which", lambda _: None)
    environment = OperatingSystemEnvironment(train=1)
    with pytest.raises(UnavailableError, match="in a sandbox only"):
        environment.open(environment.tasks("train")[0])


@pytest.mark.parametrize(("system", "machine"), [("Darwin", "arm64"), ("Linux", "riscv64")])
def test_other_systems_are_refused(system: str, machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirement.platform, "system", lambda: system)
    monkeypatch.setattr(requirement.platform, "machine", lambda: machine)
    with pytest.raises(UnavailableError, match=f"on {system} {machine}"):
        requirement.require_sandbox()


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        ("OSError: a user namespace could not be made: Operation not permitted", "user namespaces"),
        ("bwrap: Can't mount proc on /newroot/proc: Operation not permitted", "systempaths=unconfined"),
    ],
)
def test_a_box_that_does_not_start_gives_the_cause(
    words: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise EpisodeError("A box did not start.", where=words)

    monkeypatch.setattr(requirement, "Box", broken)
    monkeypatch.setattr(requirement.shutil, "which", lambda name: f"/usr/bin/{name}")
    with pytest.raises(UnavailableError) as caught:
        requirement.require_sandbox()
    assert words in str(caught.value)
    assert remedy in str(caught.value)


def test_it_is_asked_once(bubblewrap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert requirement.require_sandbox() == bubblewrap
    monkeypatch.setattr(requirement, "_try", lambda: pytest.fail("asked again"))
    assert requirement.require_sandbox() == bubblewrap
