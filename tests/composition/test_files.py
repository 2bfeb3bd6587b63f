"""Composition files: what they say, what they refuse, and models that are loaded once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from support.models import Tiny
from trajectune.composition.drafting import Speculation
from trajectune.composition.files import Emulation, load_composition, load_emulation
from trajectune.errors import ModelError


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = tmp_path_factory.mktemp("models")
    return {name: str(Tiny().write(home / name)) for name in ("a", "b", "c")}


def written(path: Path, **data: object) -> str:
    path.write_text(yaml.safe_dump(data), "utf-8")
    return str(path)


def test_an_upscaling_file(folders: dict[str, str], tmp_path: Path) -> None:
    models = {"large": folders["a"], "tuned": folders["b"], "base": folders["c"]}
    path = written(tmp_path / "up.yaml", form="upscale", models=models, strength=0.5, top_p=0.95)
    composition, speculation = load_composition(path, "float32", "cpu")
    assert composition.name == "0.5·tuned +1·large -0.5·base"
    assert composition.weight_filter is not None
    assert composition.weight_filter.top_p == 0.95
    assert speculation == Speculation("model", None)


@pytest.mark.parametrize(
    ("form", "roles", "weights", "name"),
    [
        ("amplify", "large tuned base", {}, "1·tuned +2·large -2·base"),
        ("downscale", "small large_tuned large_base", {}, "1·large_tuned +1·small -1·large_base"),
        ("contrast", "expert amateur", {}, "3·expert -2·amateur"),
        ("interpolate", "large base kind", {"kind": 0.25}, "0.25·kind +1·large -0.25·base"),
        ("sum", "x y", {"x": 0.4, "y": 0.6}, "0.4·x +0.6·y"),
    ],
)
def test_every_form(
    folders: dict[str, str], form: str, roles: str, weights: dict[str, float], name: str
) -> None:
    models = dict(zip(roles.split(), folders.values(), strict=False))
    draft = {"proposer": "none"}
    emulation = Emulation.model_validate(
        {"form": form, "models": models, "weights": weights, "strength": 2.0, "draft": draft}
    )
    assert emulation.compose("cpu", "float32").name == name
    assert emulation.speculation is None


def test_a_model_named_twice_is_loaded_once(folders: dict[str, str]) -> None:
    models = {"large": folders["a"], "tuned": folders["b"], "base": folders["a"]}
    terms = Emulation(models=models).compose("cpu", "float32").terms
    assert terms[1].model is terms[2].model
    assert terms[0].model is not terms[1].model


def test_a_plain_name_is_a_composition_of_one(folders: dict[str, str]) -> None:
    composition, speculation = load_composition(folders["a"], "float32", "cpu")
    assert len(composition.terms) == 1
    assert speculation is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("form: [", "not YAML"),
        ("- a", "not valid"),
        ("form: sideways\nmodels: {}", "form"),
        ("models: {large: a, tuned: b, base: c}\nbeta: 2", "beta"),
        ("models: {large: a, tuned: b, base: c}\ntop_p: 1.5", "top_p"),
    ],
)
def test_files_that_make_no_sense_say_where(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(ModelError, match=message) as caught:
        load_emulation(str(path))
    assert caught.value.where.startswith(str(path))


def test_missing_and_needless_roles_are_named(folders: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        load_emulation(str(tmp_path / "none.yaml"))
    for models in (
        {"large": folders["a"]},
        {**dict.fromkeys(("large", "tuned", "base", "x"), folders["a"])},
    ):
        with pytest.raises(ModelError, match="does not go with the models") as caught:
            Emulation(models=models).compose("cpu", "float32")
        assert "large, tuned, base" in caught.value.remedy
    with pytest.raises(ModelError, match="does not go") as caught:
        Emulation(form="sum", models={"x": folders["a"]}, weights={"y": 1.0}).compose("cpu", "float32")
    assert "one for each name" in caught.value.remedy


def test_a_model_of_its_own_may_draft(folders: dict[str, str], tmp_path: Path) -> None:
    models = {"large": folders["a"], "tuned": folders["b"], "base": folders["c"]}
    short = str(Tiny(layers=1).write(tmp_path / "short"))
    path = written(tmp_path / "up.yaml", models=models, draft={"model": short, "block": 4})
    composition, speculation = load_composition(path, "float32", "cpu")
    assert composition.drafter is not None
    assert composition.drafter.model.config.num_hidden_layers == 1
    assert composition.name == "1·tuned +1·large -1·base"
    assert speculation == Speculation("model", 4)


def test_a_term_in_a_shorter_format_may_draft(folders: dict[str, str]) -> None:
    models = {"large": folders["a"], "tuned": folders["b"], "base": folders["c"]}
    same = Emulation.model_validate({"models": models, "draft": {"model": folders["b"]}})
    composition = same.compose("cpu", "float32")
    assert composition.drafter is composition.terms[0].model
    other = Emulation.model_validate(
        {"models": models, "draft": {"model": folders["b"], "dtype": "bfloat16"}}
    )
    composition = other.compose("cpu", "float32")
    assert composition.drafter is not None
    assert composition.drafter.dtype == torch.bfloat16
    assert {term.model.dtype for term in composition.terms} == {torch.float32}


@pytest.mark.parametrize(
    ("draft", "message"),
    [
        ("{proposer: lookup, model: x}", "where lookup drafts, no `model` does"),
        ("{proposer: none, model: x}", "where none drafts"),
        ("{dtype: bfloat16}", "`dtype` is that of `model`"),
        ("{model: x, dtype: int3}", "draft.dtype"),
    ],
)
def test_a_drafting_model_that_makes_no_sense_is_refused(tmp_path: Path, draft: str, message: str) -> None:
    path = tmp_path / "up.yaml"
    path.write_text(f"models: {{large: a, tuned: b, base: c}}\ndraft: {draft}", "utf-8")
    with pytest.raises(ModelError, match=message):
        load_emulation(str(path))
