"""A small file in the shape of Mind2Web's, with pages of our own: what its loader is tried on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

CITIES = ("Oslo", "Lima", "Kyoto", "Ghent", "Turin")


def element(number: int, tag: str, text: str = "", **attributes: str) -> str:
    """One element of a page, in Mind2Web's XML."""
    said = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
    inner = f"<text>{escape(text)}</text>" if text else ""
    return f'<{tag} backend_node_id="{number}"{said}>{inner}</{tag}>'


def page(*, links: int = 14) -> str:
    """A page with a search field (2), a list (3), a button (4) and links from 10 on."""
    options = "".join(element(100 + n, "option", city) for n, city in enumerate(CITIES))
    form = (
        f'<form backend_node_id="1"><label backend_node_id="5"><text>Destination</text></label>'
        f"{element(2, 'input', type='text', placeholder='Destination')}"
        f'<select backend_node_id="3" name="city">{options}</select>'
        f"{element(4, 'button', 'Search flights')}</form>"
    )
    rest = "".join(element(10 + n, "a", f"Link number {n}") for n in range(links))
    body = f'{form}<div backend_node_id="7">{rest}</div>'
    return f'<html backend_node_id="0"><body backend_node_id="6">{body}</body></html>'


def action(right: list[int], op: str, value: str = "", html: str = "") -> dict[str, Any]:
    """One recorded action; every other element of the page that can be acted on is a wrong candidate."""
    others = [n for n in (2, 3, 4, *range(10, 24)) if n not in right]
    return {
        "action_uid": f"uid-{right}-{op}",
        "raw_html": "<html></html>",
        "cleaned_html": html or page(),
        "operation": {"op": op, "original_op": op, "value": value},
        "pos_candidates": [candidate(n) for n in right],
        "neg_candidates": [candidate(n) for n in others],
    }


def candidate(number: int) -> dict[str, str]:
    """A candidate as Mind2Web lists it."""
    attributes = json.dumps({"backend_node_id": str(number)})
    return {"tag": "a", "attributes": attributes, "backend_node_id": str(number)}


def row(name: str = "one", actions: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """One recorded task: type a city, choose one from the list, and search."""
    steps = actions or [
        action([2], "TYPE", "Oslo  Airport"),
        action([3], "SELECT", "Lima"),
        action([4], "CLICK"),
    ]
    return {
        "annotation_id": name,
        "website": "flights",
        "domain": "Travel",
        "subdomain": "Airlines",
        "confirmed_task": "Search for flights: type Oslo Airport as destination, select the city Lima.",
        "action_reprs": [f"[element]  {n} -> {a['operation']['op']}" for n, a in enumerate(steps)],
        "actions": steps,
    }


def write(folder: Path, rows: list[Any], name: str = "train_0.json") -> Path:
    """A file of these rows."""
    file = folder / name
    file.write_text(json.dumps(rows), encoding="utf-8")
    return file
