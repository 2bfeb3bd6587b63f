"""Which library is chosen, and what is said where there is none."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from support.native import HERE, needs_native, use_level
from trajectune.engine.network.native import library
from trajectune.errors import ModelError


@needs_native
def test_the_best_level_is_taken() -> None:
    with use_level(""):
        best = library.native_library()
    with use_level(HERE[0]):
        named = library.native_library()
    assert best is not None
    assert named is not None
    assert best._name == named._name


def test_off_means_none() -> None:
    with use_level("off"):
        assert library.native_library() is None


def test_an_unknown_level_is_refused() -> None:
    with use_level("mmx"), pytest.raises(ModelError, match="names no level"):
        library.native_library()


def test_a_level_that_this_processor_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "supports", lambda _: False)
    with use_level("avx2"), pytest.raises(ModelError, match="does not have"):
        library.native_library()


def test_without_a_compiler_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(library, "built", lambda _: None)
    monkeypatch.setattr(library, "supports", lambda _: True)
    with use_level(""):
        assert library.native_library() is None
        assert library.native_library() is None
    assert [record.message.split(":")[0] for record in caplog.records] == [
        "decoding takes PyTorch's slower path"
    ]


def test_another_kind_of_processor_is_not_complained_about(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(library, "supports", lambda _: False)
    with use_level(""):
        assert library.native_library() is None
    assert not caplog.records


@needs_native
def test_a_library_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Larger(ctypes.Structure):
        _fields_ = (("more", ctypes.c_int64 * 99),)

    monkeypatch.setattr(library, "RECORDS", (*library.RECORDS[:-1], Larger))
    path = library.built(HERE[0])
    assert isinstance(path, Path)
    with pytest.raises(ModelError, match="another version"):
        library.load(path)
