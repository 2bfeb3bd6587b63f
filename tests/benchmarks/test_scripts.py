"""The benchmarks' own parts on a tiny model: sides agree on their rows, results have what tables read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import decode
import environment_side
import environments
import record
import tables
import tune
from decoding import DECODERS, Case, random_prompts, side
from emulation import gain, measure
from harness.compare import compare
from harness.comparison import Answer, Comparison
from harness.weather import Weather
from support.models import Tiny
from support.weather import FakeStation, weather
from trajectune.evaluate.contract import Measurement, SystemIdentity
from trajectune.evaluate.intervals import Interval
from trajectune.models.loading import LoadedModel
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.settings import TuneSettings
from tuning import SYSTEMS, Setting, answer, load_rows, save_rows

LOUD = weather(0.5)


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return Tiny("llama", context=512, ends=False).loaded()


@pytest.mark.parametrize("turns", [0, 2])
def test_decoders_give_the_same_rates_by_part(model: LoadedModel, turns: int) -> None:
    case = Case(model, 2, 3, turns)
    rates = [side(make(case), case)(0) for make in DECODERS.values()]
    assert {tuple(each) for each in rates} == {
        ("together",) if turns else ("decode", "prefill", "together")
    }


def test_decoders_say_the_same_of_the_same_conversation(model: LoadedModel) -> None:
    case = Case(model, 2, 4, turns=2)
    talks = random_prompts(2, case.vocabulary, 0, 32)
    said = []
    for make in DECODERS.values():
        decoder, grown = make(case), talks
        for _ in range(2):
            replies = decoder.turn(grown, 4, "a")
            grown = [talk + reply for talk, reply in zip(grown, replies, strict=True)]
        decoder.end("a")
        said.append(grown)
    assert said[0] == said[1]


@pytest.mark.parametrize("weathers", [[], [LOUD] * 20], ids=["calm", "loud"])
def test_a_decoding_case_has_its_rows_in_the_table(model: LoadedModel, weathers: list[Weather]) -> None:
    case = Case(model, 1, 3)
    found = decode.compare_case(case, 0, FakeStation(*weathers), least=2, warmups=1)
    result: dict[str, Any] = decode.result(case, found) | {"dtype": "float32"}
    table = tables.table_of({"results": [json.loads(json.dumps(result))]})
    assert "| float32 | batch 1 | trajectune |" in table
    assert ("refused" in table) is bool(weathers)
    assert (result["decode"]["ratio"] is None) is bool(weathers)


def rows(count: int = 8) -> list[TokenRow]:
    draw = np.random.default_rng(0)
    shared = draw.integers(3, 100, 12)
    made = [
        np.concatenate([shared, draw.integers(3, 100, 6 + n % 3)]).astype(np.int32) for n in range(count)
    ]
    return [TokenRow(f"r{n}", "all", each, np.arange(len(each)) >= 12) for n, each in enumerate(made)]


def setting(folder: Path) -> Setting:
    settings = TuneSettings(
        batch_rows=4, pack_tokens=64, steps=100, precision="fp32", device="cpu", warmup_ratio=0.0
    )
    return Setting(rows(), str(folder), settings)


def test_our_sides_of_tuning_take_the_same_rows_and_start_with_the_same_loss(tiny_dir: Path) -> None:
    given = setting(tiny_dir)
    tree, packed = (
        answer(given, SYSTEMS[name](given), 0, share=name == "tree")["facts"] for name in ("tree", "packed")
    )
    assert tree["loss"] == pytest.approx(packed["loss"], rel=1e-4)
    assert tree["tokens"] == packed["tokens"] == packed["unique_tokens"] > tree["unique_tokens"]
    assert (tree["fill"], packed["fill"]) == (1, 1)
    assert tree["operations"] < packed["operations"] < packed["operations_with_attention"]


def test_rounds_go_through_all_rows(tiny_dir: Path) -> None:
    given = setting(tiny_dir)
    seen = [row.id for number in range(2) for row in given.rows_of(number)]
    assert sorted(seen) == sorted(row.id for row in given.rows)
    assert given.rows_of(0) == given.rows_of(0)


def test_rows_reach_the_children_as_they_are(tmp_path: Path) -> None:
    save_rows(rows(), tmp_path / "rows.npz")
    again = load_rows(tmp_path / "rows.npz")
    assert [(row.id, row.source, row.tokens.tolist(), row.trained.tolist()) for row in again] == [
        (row.id, row.source, row.tokens.tolist(), row.trained.tolist()) for row in rows()
    ]


def tuned(*weathers: Weather, unique: int = 400) -> Comparison:
    """A tree twice as fast as the packed side, over rows of which 40 % are unique."""

    def steps(seconds: float, unique: int) -> Answer:
        facts = {"seconds": seconds, "loss": 1.5, "fill": 1.0, "tokens": 1000, "unique_tokens": unique}
        facts |= {"operations": 5e11, "operations_with_attention": 6e11, "peak_memory_gb": 1.0}
        return Answer(rates={"tokens": 1000 / seconds, "rows": 10 / seconds}, facts=facts)

    sides = {"packed": lambda _: steps(2.0, 1000), "tree": lambda _: steps(1.0, unique)}
    return compare(sides, baseline="packed", seconds=0, station=FakeStation(*weathers))


def test_shares_of_the_ideal_and_of_the_matrix_rate() -> None:
    systems: dict[str, tune.Answer] = {}
    tune._add(systems, "packed", tuned())
    assert systems["tree"]["times_packed"] == pytest.approx(2)
    assert systems["tree"]["share_of_ideal"]["mean"] == pytest.approx(0.8)
    assert (systems["tree"]["share"], systems["packed"]["share"]) == pytest.approx((0.5, 0.25))
    table = tables.table_of({"results": {"data": systems}})
    assert "the tree ×2.00 over packed" in table
    assert "0.80 [0.80–0.80] of the ideal gain" in table


def test_rows_that_share_more_in_one_round_than_in_another_give_no_width_to_the_share() -> None:
    def steps(number: int, tree: bool) -> Answer:
        unique = 200 + 100 * (number % 3)
        facts = {"tokens": 1000, "unique_tokens": unique}
        return Answer(rates={"tokens": 1000 / unique if tree else 1.25}, facts=facts)

    sides = {"packed": lambda n: steps(n, False), "tree": lambda n: steps(n, True)}
    found = compare(sides, baseline="packed", seconds=0, station=FakeStation())
    share, gain = tune.share_of_ideal(found), found.ratio("tree", "tokens")
    assert share is not None
    assert gain is not None
    assert share.mean == pytest.approx(0.8)
    assert share.half_width == pytest.approx(0, abs=1e-6) != gain.half_width


def test_a_disturbed_tuning_run_has_no_gain() -> None:
    systems: dict[str, tune.Answer] = {}
    tune._add(systems, "packed", tuned(*[LOUD] * 20))
    assert (
        systems["tree"]["times_packed"]
        is systems["tree"]["share_of_ideal"]
        is systems["tree"]["share"]
        is None
    )
    assert "| data | tree | – |" in tables.table_of({"results": {"data": systems}})


def test_rounds_of_drafts_are_measured_beside_each_other(model: LoadedModel) -> None:
    seconds, found = measure(
        model, model, model, 1, (1, 2), seconds=0, warmups=1, least=2, station=FakeStation()
    )
    assert seconds.keys() == {"naive", "large", "large_engine", "engine", "round"}
    assert seconds["round"].keys() == {1, 2}
    assert set(found.others) == {"large", "large_engine", "engine", "round of 1", "round of 2"}
    assert gain(seconds, 0.9)["over_naive"] > 0


def test_speeds_of_environments_have_their_table() -> None:
    rates = {"this": 1000.4, "against": 900.0}
    sides = {
        name: lambda _, rate=rate: {"steps": rate, "steps in open episodes": 2 * rate}
        for name, rate in rates.items()
    }
    found = compare(sides, baseline="against", seconds=0, station=FakeStation())
    speeds = environments.speeds({"database": found})
    assert speeds["database"]["steps"] == {"this": 1000, "against": 900}
    shown = tables.table_of({"steps_per_second": speeds})
    assert "| database | this | 1,000 | 2,001 |" in shown


def test_an_instant_agent_repeats_what_the_expert_did() -> None:
    rates = environment_side.measured("database", 2)
    assert rates["steps in open episodes"] > rates["steps"] > 0


def test_measurements_of_several_runs_are_kept_by_folder_and_suite(tmp_path: Path) -> None:
    measured = Measurement(
        suite="database",
        group="held-out",
        system=SystemIdentity(name="tuned", model="m"),
        headline="success",
        metrics={name: Interval(value=0.25, low=0.1, high=0.5) for name in ("success", "valid_replies")},
        counts={"episodes": 12},
    )
    folder = tmp_path / "dev" / "stages" / "evaluate" / "tuned-1" / "database"
    folder.mkdir(parents=True)
    (folder / "measurement.json").write_text(measured.model_dump_json(), encoding="utf-8")
    found = record.scores([tmp_path / "dev"])
    assert found["dev: database"]["success"]["value"] == 0.25
    assert "| dev: database | 12 | 25 % [10–50] | 25 % [10–50] |" in tables.table_of({"scores": found})
    with pytest.raises(SystemExit, match="no measurement"):
        record.scores([tmp_path / "nothing"])
