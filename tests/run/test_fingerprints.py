"""A changed key changes exactly the fingerprints of the stages that depend on it."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from trajectune.run.recipe import Recipe, check_recipe, override
from trajectune.run.stage import Result, Stage, bind, in_order
from trajectune.run.study import Study, stages_of

SELF = check_recipe(
    {
        "name": "x",
        "model": "tiny",
        "environments": {"database": {"options": {"train": 9, "test": 9}, "collect": 4, "evaluate": 3}},
        "curate": {"general": {"own": {"data": "self", "rows": 5}}, "agent": {"more": {"data": "hf:a/b"}}},
        "tune": {"lora": {}},
        "suites": {"mine": {"suite": "my:Suite"}},
        "agent": {"price": {"prompt": 1.0, "generated": 2.0}},
    },
    where="a test",
)
EVALUATE = {"evaluate/base", "evaluate/tuned"}
SEEDED = {"collect", "general", "curate", "tune", *EVALUATE}
FEEDS: dict[str, set[str]] = {
    "collect": {"curate"},
    "general": {"curate", *EVALUATE},
    "curate": {"tune"},
    "tune": {"evaluate/tuned"},
}
"""Which stages need the result of which."""
WHOLE = ("model", "study", "environments.database.agent", "environments.database.instructions")
"""Sections that are there or not; what each of their keys changes is tested with their stages."""

DEPENDS: dict[str, tuple[Any, set[str]]] = {
    "name": ("y", set()),
    "seed": (1, SEEDED),
    "model": ("embedded", {"general", "curate", "tune", *EVALUATE}),
    "dialect": ("react", {"curate", *EVALUATE}),
    "environments.database.environment": ("other", {"collect", *EVALUATE}),
    "environments.database.options": ({"train": 8, "test": 9}, {"collect", *EVALUATE}),
    "environments.database.collect": (3, {"collect"}),
    "environments.database.instructions": (
        {"way": "derive", "questions": "questions.json", "databases": "dbs.sql"},
        {"collect"},
    ),
    "environments.database.agent": ({"kind": "local"}, {"collect"}),
    "environments.database.attempts": (2, {"collect"}),
    "environments.database.threshold": (0.5, {"curate", *EVALUATE}),
    "environments.database.evaluate": (2, EVALUATE),
    "environments.database.split": ("dev", EVALUATE),
    "agent.kind": ("local", {"collect"}),
    "agent.model": ("unused by an expert", set()),
    "agent.url": ("http://unused", set()),
    "agent.key_variable": ("UNUSED", set()),
    "agent.workers": (2, set()),
    "agent.temperature": (1.0, set()),
    "agent.stream": (True, set()),
    "agent.headers": ({"X-Title": "unused"}, set()),
    "agent.header_variables": ({"X-Key": "UNUSED"}, set()),
    "agent.body": ({"top_p": 0.5}, set()),
    "agent.requests_per_minute": (9, set()),
    "agent.tokens_per_minute": (9, set()),
    "agent.price.prompt": (3.0, set()),
    "agent.price.generated": (3.0, set()),
    "agent.budget.tokens": (9, set()),
    "agent.budget.money": (9.0, set()),
    "rollout.batch_size": (2, set()),
    "rollout.max_new_tokens": (2, set()),
    "rollout.max_context": (64, set()),
    "rollout.precision": ("int8", set()),
    "rollout.bad_format_limit": (2, {"collect"}),
    "rollout.repetition_limit": (2, {"collect"}),
    "rollout.history_limit": (3500, {"collect"}),
    "curate.eta": (0.5, {"curate"}),
    "curate.agent.more.data": ("hf:a/c", {"curate"}),
    "curate.agent.more.rows": (3, {"curate"}),
    "curate.agent.more.reasoning": ("omit", {"curate"}),
    "curate.agent.more.weight": (3.0, {"curate"}),
    "curate.general.own.data": ("hf:a/c", {"general"}),
    "curate.general.own.rows": (4, {"general", "curate"}),
    "curate.general.own.reasoning": ("omit", set()),  # it is about files, and these are answers
    "curate.general.own.weight": (0.5, {"curate", *EVALUATE}),
    "curate.validation": (7, {"general", "curate", *EVALUATE}),
    "curate.export": ("openai", {"curate"}),
    "curate.steps": ([{"filter": {"per_task": 2}}], {"curate"}),
    "evaluate.batch_size": (2, set()),
    "evaluate.max_new_tokens": (2, EVALUATE),
    "evaluate.max_context": (64, EVALUATE),
    "evaluate.precision": ("int8", EVALUATE),
    "evaluate.bad_format_limit": (2, EVALUATE),
    "evaluate.repetition_limit": (2, EVALUATE),
    "evaluate.history_limit": (3500, EVALUATE),
    "evaluate.general": (False, EVALUATE),
    "evaluate.references": ({"gpt-4": {"database": 0.3}}, set()),
    "evaluate.allow_other_template": (True, set()),
    "suites.mine.suite": ("my:Other", EVALUATE),
    "tune.epochs": (2.0, {"tune"}),
    "tune.steps": (3, {"tune"}),
    "tune.batch_rows": (3, {"tune"}),
    "tune.pack_tokens": (3, {"tune"}),
    "tune.memory": ("lean", set()),
    "tune.compile": (True, {"tune"}),
    "tune.max_tokens": (300, {"curate", "tune"}),
    "tune.prefix_tree": (False, {"tune"}),
    "tune.learning_rate": (1e-3, {"tune"}),
    "tune.warmup_ratio": (0.5, {"tune"}),
    "tune.betas": ([0.9, 0.98], {"tune"}),
    "tune.weight_decay": (0.1, {"tune"}),
    "tune.clip": (None, {"tune"}),
    "tune.precision": ("fp32", {"tune"}),
    "tune.checkpoint_activations": (True, {"tune"}),
    "tune.capability_weights": ({"reasoning": 2.0}, {"tune"}),
    "tune.format_weight": (0.5, {"tune"}),
    "tune.teacher": ("tiny", {"tune"}),
    "tune.lora.rank": (2, {"tune"}),
    "tune.lora.alpha": (2.0, {"tune"}),
    "tune.lora.dropout": (0.5, {"tune"}),
    "tune.lora.modules": ("q_proj", {"tune"}),
    "tune.freeze_layers": (1, {"tune"}),
    "tune.checkpoint_every": (3, set()),
    "tune.keep_checkpoints": (3, set()),
    "tune.seed": (5, {"tune"}),
    "tune.device": ("cpu", {"tune"}),
}
"""By key: another value, and the stages that read it."""


def fingerprints(recipe: Recipe) -> dict[str, str]:
    return {name: result.fingerprint for name, result in bind(stages_of(recipe), recipe).items()}


def with_all_that_follows(stages: set[str]) -> set[str]:
    found, new = set(stages), set(stages)
    while new:
        new = {after for stage in new for after in FEEDS.get(stage, set())} - found
        found |= new
    return found


def changed(old: Recipe, new: Recipe) -> set[str]:
    before, after = fingerprints(old), fingerprints(new)
    return {stage for stage in before if before[stage] != after[stage]}


def fields(annotation: Any, prefix: str, names: Mapping[str, str]) -> Iterator[str]:
    """Dotted keys of all fields below a section; a mapping of sections stands for one of its keys."""
    parts = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    for part in parts:
        if get_origin(part) is dict and prefix in names:
            yield from fields(get_args(part)[1], f"{prefix}.{names[prefix]}", names)
            return
        if isinstance(part, type) and issubclass(part, BaseModel) and prefix not in WHOLE:
            for name, field in part.model_fields.items():
                yield from fields(field.annotation, f"{prefix}.{name}".strip("."), names)
            return
    yield prefix


def test_the_table_holds_every_key_of_a_recipe() -> None:
    """A new key is put into the table, so that somebody thinks of what depends on it."""
    names = {
        "environments": "database",
        "curate.agent": "more",
        "curate.general": "own",
        "suites": "mine",
    }
    which_stages_there_are = {"study", "data_only"}
    assert set(fields(Recipe, "", names)) - which_stages_there_are == DEPENDS.keys()


@given(st.sets(st.sampled_from(sorted(DEPENDS)), max_size=4))
def test_changed_keys_change_exactly_what_depends_on_them(keys: set[str]) -> None:
    if {"agent.kind", "curate.general.own.data"} & keys and len(keys) > 1:
        return  # these decide what others mean; they are changed alone
    new = override(SELF, {key: DEPENDS[key][0] for key in sorted(keys)})
    expected = with_all_that_follows({stage for key in keys for stage in DEPENDS[key][1]})
    assert changed(SELF, new) == expected


def test_the_page_reads_everything() -> None:
    def page(recipe: Recipe) -> str:
        return Study(recipe, print).report.fingerprint

    for key, (value, _) in DEPENDS.items():
        assert page(override(SELF, {key: value})) != page(SELF), key


@pytest.mark.parametrize(
    ("key", "value", "reads"),
    [
        ("dialect", "react", True),
        ("agent.temperature", 1.0, True),
        ("rollout.max_new_tokens", 5, True),
        ("rollout.max_context", 100, True),
        ("rollout.precision", "int8", True),
        ("rollout.batch_size", 5, False),
        ("agent.model", "tiny", True),
        ("agent.workers", 3, False),
    ],
)
@pytest.mark.parametrize("kind", ["local", "endpoint"])
def test_what_a_model_collects_depends_on_how_it_acts(kind: str, key: str, value: Any, reads: bool) -> None:
    acting = override(SELF, {"agent": {"kind": kind, "url": "http://here/v1", "model": "a-model"}})
    assert ("collect" in changed(acting, override(acting, {key: value}))) == reads


def test_a_default_written_out_is_the_same() -> None:
    for changes in ({"tune.seed": 0}, {"curate.steps": [{"filter": None}]}, {"agent.kind": "expert"}):
        assert changed(SELF, override(SELF, changes)) == set()
    assert changed(override(SELF, {"seed": 3}), override(SELF, {"seed": 3, "tune.seed": 3})) == set()


def test_a_file_counts_by_its_content_not_by_its_place(tmp_path: Path) -> None:
    row = '{"instruction": "Hi", "output": "Hello"}\n'
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "chat.jsonl").write_text(row, encoding="utf-8")

    def of(folder: str) -> Recipe:
        return override(SELF, {"curate.general": {"own": {"data": str(tmp_path / folder / "chat.jsonl")}}})

    assert changed(of("a"), of("b")) == set()
    before = fingerprints(of("a"))
    (tmp_path / "a" / "chat.jsonl").write_text(2 * row, encoding="utf-8")
    after = fingerprints(of("a"))
    different = {stage for stage in before if before[stage] != after[stage]}
    assert different == with_all_that_follows({"general"})


def test_a_models_folder_counts_by_its_files(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}", encoding="utf-8")
    recipe = override(SELF, {"model": str(model)})
    before = fingerprints(recipe)
    model = model.rename(tmp_path / "moved")
    assert fingerprints(override(SELF, {"model": str(model)})) == before
    (model / "model.safetensors").write_bytes(b"weights")
    after = fingerprints(override(SELF, {"model": str(model)}))
    assert {stage for stage in before if before[stage] != after[stage]} == DEPENDS["model"][1]


def test_the_dialect_of_a_file_of_trajectories_is_read(tmp_path: Path) -> None:
    path = tmp_path / "played.jsonl"
    path.write_text('{"environment": "e", "task": "t", "steps": [], "outcome": "completed"}\n', "utf-8")
    file = override(SELF, {"environments": {}, "curate.agent": {"file": {"data": str(path)}}, "suites": {}})
    assert changed(file, override(file, {"dialect": "react"})) == {"curate", "tune", "evaluate/tuned"}
    none = override(SELF, {"environments": {}, "curate.agent": {}, "suites": {}})
    assert changed(none, override(none, {"dialect": "react"})) == set()


def test_a_made_model_shares_what_the_larger_one_answers() -> None:
    small = override(SELF, {"model": {"shrink": "tiny", "layers": 2}})
    assert changed(SELF, small) == {"tune", "evaluate/base", "evaluate/tuned"}
    deeper = override(SELF, {"model": {"shrink": "tiny", "layers": 3}})
    assert changed(small, deeper) == {"base", "tune", "evaluate/base", "evaluate/tuned"}


def test_a_stages_version_and_name_are_in_its_fingerprint() -> None:
    def fingerprint(name: str, version: int, values: Any) -> str:
        return Result(Stage(name, lambda _: values, print, version=version), SELF).fingerprint

    made = {fingerprint(n, v, x) for n in ("a", "b") for v in (1, 2) for x in (None, [1], {"k": 1})}
    assert len(made) == 12
    assert fingerprint("a", 1, {"k": 1, "l": 2}) == fingerprint("a", 1, {"l": 2, "k": 1})


def test_what_is_needed_comes_first_and_once() -> None:
    results = bind(stages_of(SELF), SELF)
    twin = bind(stages_of(SELF), SELF)
    ordered = in_order([results["evaluate/tuned"], twin["evaluate/tuned"], results["evaluate/base"]])
    names = [result.stage.name for result in ordered]
    assert len(names) == len(set(names))
    for result in ordered:
        for needed in result.needs:
            assert names.index(needed) < names.index(result.stage.name)


def test_files_of_curate_steps_count_by_their_content(tmp_path: Path) -> None:
    questions = tmp_path / "questions.jsonl"
    questions.write_text('{"question": "How many?"}\n')
    steps = ["deduplicate", {"decontaminate": {"against": [str(questions)]}}]
    recipe = override(SELF, {"curate.steps": steps})
    before = fingerprints(recipe)
    assert fingerprints(recipe) == before
    questions.write_text('{"question": "How much?"}\n')
    after = fingerprints(recipe)
    assert {stage for stage in before if before[stage] != after[stage]} == {"curate", "tune", *EVALUATE}
