"""What holds for every composition: shifts of logits change nothing, and presets are their formulas."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from support.models import Tiny
from trajectune.composition import presets
from trajectune.composition.composition import Composition, Term, WeightFilter
from trajectune.composition.drafting import Speculation
from trajectune.composition.files import ROLES, Emulation, is_emulation, load_emulation
from trajectune.errors import ModelError
from trajectune.models.loading import LoadedModel

SIZE = 48
WEIGHTS = st.floats(-3, 3, width=32)


@st.composite
def logits(draw: st.DrawFn, count: int = 3) -> list[torch.Tensor]:
    """Logits of so many terms over two rows."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 10_000)))
    return [3 * torch.randn(2, SIZE, generator=generator) for _ in range(count)]


MODELS = [Tiny(vocabulary=SIZE, layers=1, seed=seed).loaded(name) for seed, name in enumerate("abc")]
A, B, C = MODELS


def combined(composition: Composition, parts: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """The distribution from logits given by the models' names."""
    each = [parts[term.model.name] for term in composition.terms]
    weights = torch.tensor([[term.weight for term in composition.terms]]).expand(2, -1)
    return composition.combine(each, weights).log_softmax(-1)


@settings(deadline=None)
@given(
    parts=logits(),
    weights=st.tuples(WEIGHTS, WEIGHTS, WEIGHTS),
    shifts=st.tuples(WEIGHTS, WEIGHTS, WEIGHTS),
    top_p=st.sampled_from([None, 0.3, 0.9]),
)
def test_what_a_model_adds_to_all_its_logits_changes_nothing(
    parts: list[torch.Tensor],
    weights: tuple[float, float, float],
    shifts: tuple[float, float, float],
    top_p: float | None,
) -> None:
    terms = tuple(Term(model, weight) for model, weight in zip(MODELS, weights, strict=True))
    composition = Composition(terms, WeightFilter("b", top_p) if top_p else None)
    named = dict(zip("abc", parts, strict=True))
    shifted = {name: part + shift for (name, part), shift in zip(named.items(), shifts, strict=True)}
    torch.testing.assert_close(
        combined(composition, shifted), combined(composition, named), atol=1e-3, rtol=1e-3
    )


@settings(deadline=None)
@given(parts=logits(), alpha=WEIGHTS)
def test_presets_are_their_formulas(parts: list[torch.Tensor], alpha: float) -> None:
    named = dict(zip("abc", parts, strict=True))
    a, b, c = parts
    cases = [
        (presets.upscale(A, B, C, alpha=alpha), a + alpha * (b - c)),
        (presets.amplify(A, B, C, beta=alpha), b + alpha * (a - c)),
        (presets.downscale(A, B, C), a + b - c),
        (presets.contrast(A, B, alpha=alpha), (1 + alpha) * a - alpha * b),
        (presets.interpolate(A, C, {"x": (B, alpha)}), a + alpha * (b - c)),
        (Composition.single(A), a),
    ]
    for composition, formula in cases:
        torch.testing.assert_close(
            combined(composition, named), formula.log_softmax(-1), atol=1e-3, rtol=1e-3
        )


@settings(deadline=None)
@given(parts=logits(), left_out=st.integers(0, 2))
def test_a_term_of_weight_zero_need_not_be_there(parts: list[torch.Tensor], left_out: int) -> None:
    composition = Composition(tuple(Term(model) for model in MODELS))
    weights = torch.ones(2, 3)
    weights[:, left_out] = 0.0
    without: list[torch.Tensor | None] = list(parts)
    without[left_out] = None
    torch.testing.assert_close(composition.combine(without, weights), composition.combine(parts, weights))


def test_rows_have_weights_of_their_own() -> None:
    parts = [torch.randn(2, SIZE) for _ in range(2)]
    composition = Composition((Term(A), Term(B)))
    found = composition.combine(parts, torch.tensor([[1.0, 0.0], [0.25, -2.0]]))
    torch.testing.assert_close(found[0], parts[0][0])
    torch.testing.assert_close(found[1], 0.25 * parts[0][1] - 2 * parts[1][1])


def test_bf16_logits_are_added_in_fp32() -> None:
    parts = [torch.full((1, SIZE), value, dtype=torch.bfloat16) for value in (256.0, 1.0)]
    found = Composition((Term(A), Term(B))).combine(parts, torch.tensor([[1.0, 0.5]]))
    assert found.dtype == torch.float32
    assert found.unique().tolist() == [256.5]


def test_padding_of_vocabularies_is_cut_off() -> None:
    wide: LoadedModel = Tiny(vocabulary=SIZE + 16, layers=1).loaded("wide")
    composition = Composition((Term(wide), Term(A)))
    found = composition.combine([torch.ones(1, SIZE + 16), torch.ones(1, SIZE)], torch.ones(1, 2))
    assert found.tolist() == [[2.0] * SIZE]
    assert composition.known(torch.ones(1, 1, SIZE + 16)).shape == (1, 1, SIZE)


@pytest.mark.parametrize("form", ROLES)
def test_each_form_wants_its_roles_and_no_others(form: str) -> None:
    free = {"x": 0.5} if form in ("interpolate", "sum") else {}
    models = dict.fromkeys((*ROLES[form], *free), "m")
    Emulation.model_validate({"form": form, "models": models, "weights": free}).check_roles()
    for wrong in ({**models, "other": "m"}, dict(list(models.items())[1:])):
        emulation = Emulation.model_validate({"form": form, "models": wrong, "weights": free})
        with pytest.raises(ModelError, match=f"{form!r} does not go with the models") as caught:
            emulation.check_roles()
        assert all(role in caught.value.remedy for role in ROLES[form])


@pytest.mark.parametrize("form", [form for form in ROLES if form not in ("upscale", "amplify", "sum")])
def test_a_filter_where_the_form_has_none_is_refused(form: str) -> None:
    models = dict.fromkeys(ROLES[form], "m")
    with pytest.raises(ModelError, match="has no `top_p`"):
        Emulation.model_validate({"form": form, "models": models, "top_p": 0.9}).check_roles()


@pytest.mark.parametrize(
    ("said", "speculation"),
    [
        ("", Speculation("model", None)),
        ("draft: {proposer: lookup, block: 3}\n", Speculation("lookup", 3)),
        ("draft: {proposer: none}\n", None),
    ],
)
def test_who_drafts(tmp_path: Path, said: str, speculation: Speculation | None) -> None:
    file = tmp_path / "large.yaml"
    file.write_text("models: {large: a, tuned: b, base: c}\n" + said)
    assert is_emulation(str(file))
    assert not is_emulation(str(tmp_path))
    assert load_emulation(str(file)).speculation == speculation
