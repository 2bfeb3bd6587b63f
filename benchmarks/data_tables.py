"""The tables of what makes data: gold replayed, imports, collecting, lint, contamination."""

from __future__ import annotations

from typing import Any

from markdown_tables import markdown


def data_table(data: dict[str, Any]) -> str | None:
    """The table that goes with a file of this kind; `None` for another kind."""
    if "gold" in data:
        return gold(data["gold"])
    if "imported" in data:
        return imported(data["imported"])
    if "derived" in data:
        return instructions(data)
    if "steps_per_second" in data:
        return environment_speed(data["steps_per_second"])
    if "collecting" in data:
        return collecting(data["collecting"])
    if "concurrent_episodes" in data:
        return concurrent(data["concurrent_episodes"])
    if "lint" in data:
        return lint_tables(data)
    if "nodes" in data:
        return cluster(data["comparisons"])
    if "table_in_tokens" in data:
        return contaminated(data["table"])
    if "megabytes" in data:
        return search_speed(data["speed"])
    return candidates(data) if "recall" in data else None


def instructions(data: dict[str, Any]) -> str:
    """Tasks that were derived and written: how many are accepted, and why the others are not."""
    rows = [["derived", name, counts] for name, counts in data["derived"].items()]
    for teacher, kinds in data["written"].items():
        rows += [[f"written: {kind}", teacher, counts] for kind, counts in kinds.items()]
    cells = [
        [
            way,
            source,
            *(f"{counts[key]:,}" for key in ("asked", "written", "accepted")),
            "; ".join(f"{count:,} × {reason}" for reason, count in counts["rejected"].items()) or "–",
        ]
        for way, source, counts in rows
    ]
    return markdown(["tasks", "from", "asked", "written", "accepted", "rejected, by reason"], cells)


def gold(data: dict[str, dict[str, int]]) -> str:
    """Gold solutions of each source: how many were replayed, hold, and do not for which reason."""
    rows = []
    for source, counts in data.items():
        whole = sum(counts.values())
        others = [f"{count:,} × {reason}" for reason, count in counts.items() if reason != "holds"]
        rows.append([source, f"{whole:,}", f"{counts.get('holds', 0):,}", "; ".join(sorted(others)) or "–"])
    return markdown(["gold of", "replayed", "hold", "others, by reason"], rows)


def imported(data: dict[str, dict[str, Any]]) -> str:
    """Released rows read back: how many are trajectories, and how their agent's turns are written again."""
    heads = ["data", "rows", "trajectories", "turns", "the same", "but for spaces", "but for values"]
    rows = []
    for name, found in data.items():
        counts = [found["rows"], found["trajectories"], found["steps"]]
        counts += [found["turns"].get(way, 0) for way in ("exact", "spaces", "values")]
        refused = _by_reason(found["refused"])
        dialects = ", ".join(name for name, count in found["dialects"].items() if count == counts[1])
        rows.append([name, *(f"{count:,}" for count in counts), dialects, refused])
    return markdown([*heads, "written in", "refused, by reason"], rows)


def _by_reason(refused: dict[str, int]) -> str:
    """`part: reason` with its number each; parts of one reason together."""
    reasons: dict[str, dict[str, int]] = {}
    for key, count in refused.items():
        part, _, reason = key.partition(": ")
        reasons.setdefault(reason, {})[part] = count
    said = []
    for reason, parts in reasons.items():
        named = ", ".join(f"{part} {count:,}" for part, count in parts.items())
        said.append(f"{sum(parts.values()):,} × {reason} ({named})")
    return "; ".join(said) or "–"


def environment_speed(data: dict[str, Any]) -> str:
    """Steps a second by environment: of whole episodes, and in open ones; beside another version if any."""
    heads = ["environment", "version", "steps a second, whole episodes", "in open episodes"]
    rows = [
        [name, version, *(f"{rates[version]:,}" if rates[version] else "–" for rates in parts.values())]
        for name, parts in data.items()
        for version in next(iter(parts.values()))
    ]
    return markdown(heads, rows)


def collecting(data: dict[str, Any]) -> str:
    """Steps a second and the overhead of collecting, by environment and teacher."""
    heads = ["environment", "teacher", "steps a second", "overhead a step, ms", "of the processor, ms"]
    names = ("steps_per_second", "overhead_ms", "overhead_processor_ms")
    rows = [
        [name, teacher, *(f"{found[key]:,}" if found[key] is not None else "–" for key in names)]
        for name, teachers in data.items()
        for teacher, found in teachers.items()
    ]
    return markdown(heads, rows)


def concurrent(data: dict[str, Any]) -> str:
    """Many episodes at once against a server that fails: what came, how fast, and what it took."""
    heads = ["episodes at once", "seconds", "replies", "requests", "replies a second", "memory, MB"]
    names = ("seconds", "replies", "requests", "replies_per_second", "memory_mb")
    rows = [[f"{int(count):,}", *(f"{found[key]:,}" for key in names)] for count, found in data.items()]
    return markdown(heads, rows)


def cluster(data: dict[str, Any]) -> str:
    """Steps a second of one process and of a cluster's nodes; a ratio where no round was disturbed."""
    rows: list[list[str]] = []
    for name, found in data.items():
        for part, rates in found["rates"].items():
            shown = [f"{each['median']:.1f}" if each else "–" for each in rates.values()]
            ratio = found["ratios"][part]["two nodes"]
            rows.append([name, part, *shown, f"×{ratio['median']:.2f}" if ratio else "refused"])
    return markdown(["environment", "counted", "one process", "two nodes", "ratio"], rows)


def candidates(data: dict[str, Any]) -> str:
    """The share of right elements among a ranker's first, and what agents without a model earn."""
    cuts = list(next(iter(data["recall"].values())))
    rows = [[name, *(f"{found[cut]:.1%}" for cut in cuts)] for name, found in data["recall"].items()]
    heads = ["reward", "element accuracy", "action F1", "step success"]
    blind = [[name, *(f"{each:.1%}" for each in found)] for name, found in data["blind"].items()]
    return "\n\n".join(
        [markdown(["right element among the first", *cuts], rows), markdown(["agent", *heads], blind)]
    )


def lint_tables(data: dict[str, Any]) -> str:
    """Precision and recall of each fault on seeded mutants, and what is found in real files."""
    found = data["lint"]
    hits = f"{found['false_hits']} of {found['clean_rows']} clean rows have a hit."
    mutants = [
        [name, f"{each['mutants']}", f"{each['recall']:.1%}", f"{each['precision']:.1%}"]
        for name, each in found["faults"].items()
    ]
    files = [
        [
            name,
            f"{each['rows']:,}",
            f"{each['faulty']:,}",
            ", ".join(f"{fault} {rows:,}" for fault, rows in each["faults"].items()) or "–",
            f"{each['rows_per_second']:,.0f}",
            f"{each['mb_per_second']:.1f}",
        ]
        for name, each in data.get("files", {}).items()
    ]
    heads = ["file", "rows", "with a fault", "rows by fault", "rows a second", "MB a second"]
    return "\n\n".join(
        [markdown(["fault", "mutants", "recall", "precision"], mutants), hits, markdown(heads, files)]
    )


def contaminated(table: dict[str, dict[str, dict[str, Any]]]) -> str:
    """Training data against evaluation sets, where a sample is not clean."""
    rows = [
        [train, tests, *(str(found[key]) for key in ("samples", "not_clean", "dirty"))]
        for train, sets in table.items()
        for tests, found in sets.items()
        if found["not_clean"]
    ]
    return markdown(["training data", "evaluation set", "samples", "not clean", "dirty"], rows)


def search_speed(speed: dict[str, Any]) -> str:
    """Megabytes a second of both sides, over all rounds; a ratio only where rounds were undisturbed."""
    rows: list[list[str]] = []
    for part, ratios in speed["ratios"].items():
        for side in ("trajectune", "datatrove"):
            rates = [each["pieces"][side]["rates"][part] for each in speed["rounds"]]
            ratio = ratios.get(side)
            said = f"×{ratio['median']:.1f}" if ratio else "–" if side == "datatrove" else "refused"
            rows.append([part, side, f"{min(rates):.3g}–{max(rates):.3g}", said])
    return markdown(["counted", "side", "MB/s, all rounds", "ratio"], rows)
