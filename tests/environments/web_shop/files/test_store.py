"""A catalogue on disk: the same as in memory, made once, and honest about what it left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trajectune.environments.web_shop.files import store as store_module
from trajectune.environments.web_shop.files.rows import read_product
from trajectune.environments.web_shop.files.store import Store, open_store
from trajectune.environments.web_shop.shop.catalogue import stocked
from trajectune.errors import DataError

ROWS: list[Any] = [
    {"asin": f"B0{n:08d}", "name": f"Coat number {n}", "pricing": f"${n + 1}.5", "query": "coat"}
    for n in range(30)
]
ATTRIBUTES = {"B000000003": {"attributes": ["dry"]}, "b000000004": {"attributes": ["light"]}}


def folder_with(path: Path, rows: object = ROWS, attributes: object = ATTRIBUTES) -> tuple[Path, Path]:
    path.mkdir(exist_ok=True)
    files = path / "items.json", path / "attributes.json"
    for file, value in zip(files, (rows, attributes), strict=True):
        file.write_text(value if isinstance(value, str) else json.dumps(value))
    return files


def opened(path: Path, rows: object = ROWS, attributes: object = ATTRIBUTES) -> Store:
    return open_store(*folder_with(path, rows, attributes))


def test_on_disk_as_in_memory(tmp_path: Path) -> None:
    stored = opened(tmp_path / "data").catalogue
    known = {3: ("dry",), 4: ("light",)}
    memory = stocked([read_product(row, known.get(n, ())) for n, row in enumerate(ROWS)])
    assert len(stored.products) == len(memory.products) == 30
    for number in range(30):
        assert stored.products[number] == memory.products[number]
        assert stored.products.find(ROWS[number]["asin"]) == number
    for query in ("coat", "coat 7", "number", "nothing"):
        assert stored.search(query) == memory.search(query)
    for wrong in ("", "B", "B0000000031", "ZZZZZZZZZZ", "ß"):
        assert stored.product(wrong) is None


def test_bad_rows_are_told_with_their_place_each_time(tmp_path: Path) -> None:
    rows = [*ROWS[:2], {"asin": "nan", "name": "x"}, 7, ROWS[0] | {"name": "again"}, *ROWS[2:4]]
    attributes = ATTRIBUTES | {"B0BAD": []}
    files = folder_with(tmp_path / "data", rows, attributes)
    for _ in range(2):
        found = open_store(*files)
        assert [(row.line, row.reason.partition(":")[0]) for row in found.rejected] == [
            (3, "attributes.json, B0BAD"),
            (3, "items.json"),
            (4, "items.json"),
            (5, "items.json"),
        ]
        assert "B000000000 was there before" in found.rejected[-1].reason
        assert len(found.catalogue.products) == 4
        assert found.catalogue.products[0].title == "Coat number 0"


def test_it_is_made_once_and_again_when_a_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []
    make = store_module._make

    def counted(folder: Path, products: Path, attributes: Path) -> None:
        made.append(products)
        make(folder, products, attributes)

    monkeypatch.setattr(store_module, "_make", counted)
    files = folder_with(tmp_path / "data")
    assert len(open_store(*files).catalogue.products) == len(open_store(*files).catalogue.products) == 30
    assert len(made) == 1
    files[0].write_text(json.dumps(ROWS[:20]))
    assert len(open_store(*files).catalogue.products) == 20
    assert len(made) == 2


@pytest.mark.parametrize(
    ("rows", "attributes", "said"),
    [
        ([], {}, "No product could be read"),
        ([7], {}, "No product could be read"),
        ("[1, ", {}, "this is not JSON"),
        (ROWS, "[]", "this is not JSON"),
    ],
)
def test_what_cannot_be_read_leaves_nothing_behind(
    tmp_path: Path, rows: object, attributes: object, said: str
) -> None:
    with pytest.raises(DataError, match=said):
        opened(tmp_path / "data", rows, attributes)
    assert list((tmp_path / "cache" / "web_shop").iterdir()) == []


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        open_store(tmp_path / "a.json", tmp_path / "b.json")
