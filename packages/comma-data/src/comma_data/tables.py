"""What the commands print: tables of plain text."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from comma_data.codec import DOCUMENT, encode
from comma_data.manifest import Counts, Manifest
from comma_data.sample import Sample


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns under their heads; numbers stand right."""
    cells = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    numeric = [all(row[i].replace(",", "").isdigit() for row in cells) for i in range(len(head))]
    widths = [max(len(row[i]) for row in [list(head), *cells]) for i in range(len(head))]
    lines = [
        "  ".join(c.rjust(w) if n else c.ljust(w) for c, w, n in zip(row, widths, numeric, strict=True)).rstrip()
        for row in [list(head), *cells]
    ]
    return "\n".join(lines)


def counts_text(counts: Mapping[str, Counts]) -> str:
    """Read, accepted and refused by source, and every refusal code with its number."""
    head = ("source", "read", "accepted", "refused", "share")
    rows = [
        (source, c.read, c.accepted, sum(c.refused.values()), f"{c.refused_share:.1%}") for source, c in counts.items()
    ]
    codes = [(source, code, number) for source, c in counts.items() for code, number in c.refused.items()]
    refusals = [table(("source", "refused because", "records"), codes)] if codes else []
    return "\n\n".join([table(head, rows), *refusals])


def joined_text(joined: Mapping[str, int]) -> str:
    """What met what."""
    return table(("joined", "number"), list(joined.items()))


def split_text(split: Mapping[str, Any]) -> str:
    """The parts of each split, and what they are made by."""
    return f"folds by {split['by']}, audited:\n{splits_text(split['audit'])}"


def prepared_text(counts: Mapping[str, Counts], joined: Mapping[str, int], split: Mapping[str, Any]) -> str:
    """What is known of a data set before it is written."""
    return "\n\n".join([counts_text(counts), joined_text(joined), split_text(split)])


def manifest_text(manifest: Manifest) -> str:
    """A data set in words: accounting, joins, sizes."""
    sizes = [("samples", manifest.samples), *((f"with {m}", n) for m, n in manifest.modalities.items())]
    sizes += [("shards", len(manifest.shards)), ("bytes", sum(shard.bytes for shard in manifest.shards))]
    parts = [
        f"{manifest.name}  schema {manifest.schema_version}  comma-data {manifest.package_version}",
        f"data hash {manifest.data_hash}",
        counts_text(manifest.counts),
        joined_text(manifest.joined),
    ]
    if manifest.simulated:
        parts.append(table(("simulated", "number"), list(manifest.simulated.items())))
    if manifest.split.get("audit"):
        parts.append(split_text(manifest.split))
    parts.append(table(("data set", "number"), sizes))
    return "\n\n".join(parts)


FIRST = ("test_fold", "train", "validation", "test", "texts_removed_from_train", "texts_removed_from_validation")
"""Columns of an audit that stand first."""
COMPARED = "compared_"
"""In front of the columns that count what was compared."""


def splits_text(splits: Sequence[Mapping[str, int]]) -> str:
    """The parts of each split, and how many groups were compared."""
    names = [*FIRST, *sorted(name for name in splits[0] if name not in FIRST)]
    return table([name.replace("_", " ") for name in names], [[split[name] for name in names] for split in splits])


def walls_text(splits: Sequence[Mapping[str, int]]) -> str:
    """`no formula, image frame, specimen, doi or paragraph`: what was compared, of which nothing crosses a split."""
    kinds = sorted(name.removeprefix(COMPARED) for name in splits[0] if name.startswith(COMPARED))
    said = [{"split": "group of the split", "doi": "DOI"}.get(kind, kind.replace("_", " ")) for kind in kinds]
    return f"no {', '.join(said[:-1])} or {said[-1]}"


def sample_json(sample: Sample) -> str:
    """A sample as one JSON document in the form of the shards; large arrays stand as the names of their members."""
    members = encode(sample)
    whole = json.loads(members.pop(DOCUMENT))
    for name in sorted(members):
        part = json.loads(members[name]) if name.endswith(".json") else {}
        for key, values in part.items():
            whole[key].update(values)
    return json.dumps(whole, ensure_ascii=False)


def sample_text(sample: Sample, *, most: int = 3) -> str:
    """A sample in words: groups, targets, and the first values of each modality with their provenance."""
    lines = [sample.id, *(f"  {k}: {v}" for k, v in {**sample.groups, **sample.targets}.items())]
    for modality, values in sample.fields.items():
        lines.append(f"{modality}: {len(values)}")
        known = sample.provenance.get(modality, ())
        for i, value in enumerate(values[:most]):
            origin = ", ".join(f"{k}={v}" for k, v in known[i].items()) if i < len(known) else ""
            lines.append(f"  {_value(modality, value)}  [{origin}]")
        if len(values) > most:
            lines.append(f"  ... and {len(values) - most} more")
    return "\n".join(lines)


def _value(modality: str, value: object) -> str:
    if modality == "text" and isinstance(value, tuple):
        return " ".join(value)
    if isinstance(value, Mapping):
        return "  ".join(f"{k} {getattr(v, 'shape', v)}" for k, v in value.items())
    return str(value)
