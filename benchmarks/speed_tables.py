"""The tables of speed: decoding, drafts, tuning, emulation."""

from __future__ import annotations

from typing import Any

from markdown_tables import markdown


def speed(results: list[dict[str, Any]] | dict[str, Any]) -> str:
    """Speeds of a benchmark, each beside its peers."""
    if isinstance(results, dict):
        return tuning_speed(results)
    if "temperature" in results[0]:
        return drafting(results)
    return emulation_speed(results) if "prompt" in results[0] else decoding_speed(results)


def drafting(results: list[dict[str, Any]]) -> str:
    """`drafts.py`: every side over the large model alone, and over plain composition."""
    rows = [
        [
            f"{result['kind']}, temperature {result['temperature']:g}",
            side,
            rounded(rate, 1),
            *(ratio(result["over"][base][side]) if side != base else "–" for base in ("large", "plain")),
            share_of(result["acceptance"].get(side)),
            rounded(result["block"].get(side), 1),
        ]
        for result in results
        for side, rate in result["tokens_per_second"].items()
    ]
    return markdown(["", "side", "tok/s", "over large alone", "over plain", "kept", "block"], rows)


def share_of(value: float | None) -> str:
    """`85 %`."""
    return "–" if value is None else f"{100 * value:.0f} %"


def decoding_speed(results: list[dict[str, Any]]) -> str:
    """`decode.py`: every side over `transformers.generate`."""
    parts = ("decode", "prefill", "together")
    rows = [
        [result["dtype"], result["case"], side, *(_over(result, part, side) for part in parts)]
        for result in results
        for side in _sides(result)
    ]
    return markdown(["", "case", "side", *(f"{part}: tok/s, ratio" for part in parts)], rows)


def _sides(result: dict[str, Any]) -> list[str]:
    """All but the baseline; the oldest file has this project's earlier name."""
    return [side for side in result["together"] if side not in ("transformers", "ratio")]


def _over(result: dict[str, Any], part: str, side: str) -> str:
    """Rate and ratio, of newer files with its interval."""
    if part not in result:
        return "–"
    if "comparison" not in result:
        return f"{result[part][side]:.0f}, ×{result[part]['ratio']:.2f}"
    return f"{rounded(result[part][side])}, {ratio(result['comparison']['ratios'][part].get(side))}"


def tuning_speed(results: dict[str, Any]) -> str:
    """`tune.py`: ours and its peers by data set."""
    rows = [
        [
            data,
            name,
            rounded(system["rows_per_second"], 2),
            f"{system['fill']:.0%}",
            f"{system['unique_share']:.0%}",
            "–" if system["share"] is None else f"{system['share']:.0%}",
            f"{system['peak_memory_gb']:.1f}",
            f"{system.get('first_loss', system['losses'][0]):.4f}",
        ]
        for data, systems in results.items()
        for name, system in systems.items()
    ]
    heads = ["data", "system", "rows/s", "fill", "unique", "of matrix rate", "peak GB", "first loss"]
    gains = [
        f"{data}: the tree ×{value:.2f} over {name.removeprefix('times_')}"
        for data, systems in results.items()
        for name, value in systems["tree"].items()
        if name.startswith("times_") and value
    ]
    ideal = [
        f"{data}: {interval_of(systems['tree']['share_of_ideal'])} of the ideal gain of the tree"
        for data, systems in results.items()
        if systems["tree"].get("share_of_ideal")
    ]
    return "\n\n".join([markdown(heads, rows), *gains, *ideal])


def ratio(value: dict[str, float] | None) -> str:
    """`×2.31 [2.25–2.37]`; a ratio that the run refused is `refused`."""
    return f"×{interval_of(value)}" if value else "refused"


def interval_of(value: dict[str, float]) -> str:
    """`2.31 [2.25–2.37]`."""
    return f"{value['mean']:.2f} [{value['low']:.2f}–{value['high']:.2f}]"


def rounded(value: float | None, digits: int = 0) -> str:
    """A rate; none where every round was disturbed."""
    return "–" if value is None else f"{value:,.{digits}f}"


def emulation_speed(results: list[dict[str, Any]]) -> str:
    """`emulate.py`: tokens per second of every system."""
    systems = list(results[0]["tokens_per_second"])
    heads = ["batch", "prompt", *systems, "over naive", "over large", "kept", "block", "predicted"]
    rows = [
        [
            str(result["batch"]),
            str(result["prompt"]),
            *(rounded(result["tokens_per_second"].get(name)) for name in systems),
            *(_times(result[f"speculative_over_{name}"]) for name in ("naive", "large")),
            f"{result['acceptance']:.0%}",
            f"{result['block']:.1f}",
            f"{result['predicted_tokens_per_second']:.0f}",
        ]
        for result in results
    ]
    return markdown(heads, rows)


def _times(value: float | None) -> str:
    return "refused" if value is None else f"×{value:.2f}"
