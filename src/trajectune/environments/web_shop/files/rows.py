"""Rows of WebShop's files as products and goals.

Shapes and defaults are those of WebShop's engine: a product without a price costs 100 dollars, values of
options are stripped, in lower case, with ` | ` for a slash; a missing text is empty (NaN counts as
missing).

Invariant: a row that is not as it should be raises `ValueError` with one plain sentence; nothing is
guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from random import Random
from typing import Any

from trajectune.environments.web_shop.shop.goal import Goal, price_limit
from trajectune.environments.web_shop.shop.product import Product
from trajectune.storage import json_type

_CODE = re.compile(r"[A-Za-z0-9]{1,10}")
_NO_NUMBER = re.compile(r"[^\d.]")


def read_product(row: Any, attributes: tuple[str, ...] = ()) -> Product:
    """The product of a row of `items_shuffle.json`, known for these attributes."""
    if not isinstance(row, dict):
        raise ValueError(f"expected an object, found {json_type(row)}")
    asin = _text(row, "asin")
    if not _CODE.fullmatch(asin) or asin == "nan":
        raise ValueError(f"asin: expected up to ten letters and digits, found {asin[:20]!r}")
    if not (title := _text(row, "name").strip()):
        raise ValueError("name: a product needs a title")
    return Product(
        asin.upper(),
        title,
        _text(row, "full_description"),
        tuple(_lines(row, "small_description")),
        _prices(_text(row, "pricing")),
        dict(_options(row.get("customization_options") or {})),
        attributes,
        _text(row, "query").lower().strip(),
        tuple(part.strip() for part in _text(row, "product_category").split("›") if part.strip()),
    )


def read_attributes(row: Any) -> tuple[str, ...]:
    """The attributes of a row of `items_ins_v2.json`; most products have few or none."""
    if not isinstance(row, dict):
        raise ValueError(f"expected an object, found {json_type(row)}")
    return tuple(_lines(row, "attributes"))


def read_human(row: Any, product: Product, key: str) -> Goal:
    """A person's goal for a product: one of a list in `items_human_ins.json`. `key` settles its limit."""
    if not isinstance(row, dict):
        raise ValueError(f"expected an object, found {json_type(row)}")
    options = row.get("instruction_options", row.get("options"))
    if isinstance(options, dict):
        options = list(options.values())
    wanted = {"attributes": _wanted(row), "options": tuple(_lines({"options": options}, "options"))}
    return _goal(_text(row, "instruction"), product, key, **wanted)


def read_synthetic(row: Any, product: Product, key: str) -> Goal | None:
    """The goal that `items_ins_v2.json` has for a product, or `None` where it has none.

    WebShop makes one of every combination of options; here `key` settles one of them.
    """
    if not isinstance(row, dict) or not row.get("instruction"):
        return None
    rng = Random(f"options/{key}")
    chosen = {name: rng.choice(values) for name, values in sorted(product.options.items()) if values}
    said = ", and ".join(f"{name}: {value}" for name, value in chosen.items())
    instruction = _text(row, "instruction") + (f" with {said}" if said else "")
    return _goal(instruction, product, key, _wanted(row), tuple(chosen.values()))


def _wanted(row: Mapping[str, Any]) -> tuple[str, ...]:
    name = "instruction_attributes" if "instruction_attributes" in row else "attributes"
    wanted = tuple(_lines(row, name))
    if not wanted:
        raise ValueError(f"{name}: a goal needs at least one (WebShop leaves out those without)")
    return wanted


def _goal(
    instruction: str, product: Product, key: str, attributes: tuple[str, ...], options: tuple[str, ...]
) -> Goal:
    if not instruction.strip():
        raise ValueError("instruction: is empty")
    limit = price_limit(product.price, Random(f"limit/{key}"))
    told = instruction.strip().strip(".")
    if limit is not None:
        told += f", and price lower than {limit:.2f} dollars"
    return Goal(told, product.asin, product.title, product.query, product.path, attributes, options, limit)


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if value is None or value != value:  # NaN differs from itself
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{name}: expected a text, found {json_type(value)}")
    return value


def _lines(row: Mapping[str, Any], name: str) -> list[str]:
    """A list of texts, or one text."""
    value = row.get(name)
    if not isinstance(value, list):
        return [text] if (text := _text(row, name)) else []
    return [_text({name: each}, name) for each in value]


def _prices(pricing: str) -> tuple[float, ...]:
    try:
        return tuple(float(_NO_NUMBER.sub("", part)) for part in pricing.split("$")[1:3])
    except ValueError:
        raise ValueError(f"pricing: expected prices such as $5.99, found {pricing[:40]!r}") from None


def _options(given: Any) -> Iterable[tuple[str, tuple[str, ...]]]:
    if not isinstance(given, dict):
        raise ValueError(f"customization_options: expected an object, found {json_type(given)}")
    for name, contents in given.items():
        if not isinstance(contents, list | None):
            raise ValueError(f"customization_options: expected lists, found {json_type(contents)}")
        rows = (each if isinstance(each, dict) else {"value": each} for each in contents or ())
        values = (_text(each, "value").strip().replace("/", " | ").lower() for each in rows)
        yield name.lower() or "option", tuple(dict.fromkeys(filter(None, values)))
