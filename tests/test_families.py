"""Every common family of models × what is done with a model (the page docs/proven/families.md)."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from support.families import FAMILIES, REFUSED, write_config
from support.proofs import PROOFS
from trajectune.errors import ModelError
from trajectune.models.loading import load_model


@pytest.fixture(scope="module", params=FAMILIES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return FAMILIES[request.param].write(tmp_path_factory.mktemp("family") / request.param)


@pytest.mark.parametrize("proof", PROOFS)
def test_it_is_proven(folder: Path, proof: str) -> None:
    PROOFS[proof](folder)


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_by_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as refused:
        load_model(str(write_config(name, tmp_path / "model")), "float32", "cpu")
    assert REFUSED[name][1] in refused.value.what


def test_the_page_is_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is proven is proven above; here it is not done again."""
    docs = Path(__file__).parents[1] / "docs"
    monkeypatch.syspath_prepend(str(docs))
    page = importlib.import_module("proven_families").page(lambda *_: "proven")
    assert page == (docs / "proven" / "families.md").read_text("utf-8"), (
        "run: python docs/proven_families.py > docs/proven/families.md"
    )
