"""What the commands print: tables of plain text."""

import json
from collections.abc import Iterable, Mapping, Sequence

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


def counts_text(counts: Mapping[str, Counts], *, as_json: bool = False) -> str:
    """Read, accepted and refused by source, and every refusal code with its number."""
    if as_json:
        return json.dumps({source: c.model_dump() for source, c in counts.items()})
    head = ("source", "read", "accepted", "refused", "share")
    rows = [
        (source, c.read, c.accepted, sum(c.refused.values()), f"{c.refused_share:.1%}") for source, c in counts.items()
    ]
    codes = [(source, code, number) for source, c in counts.items() for code, number in c.refused.items()]
    refusals = [table(("source", "refused because", "records"), codes)] if codes else []
    return "\n\n".join([table(head, rows), *refusals])


def manifest_text(manifest: Manifest) -> str:
    """A data set in words: accounting, joins, sizes."""
    sizes = [("samples", manifest.samples), *((f"with {m}", n) for m, n in manifest.modalities.items())]
    sizes += [("shards", len(manifest.shards)), ("bytes", sum(shard.bytes for shard in manifest.shards))]
    parts = [
        f"{manifest.name}  schema {manifest.schema_version}  comma-data {manifest.package_version}",
        f"data hash {manifest.data_hash}",
        counts_text(manifest.counts),
        table(("joined", "number"), list(manifest.joined.items())),
    ]
    if manifest.simulated:
        parts.append(table(("simulated", "number"), list(manifest.simulated.items())))
    if manifest.split.get("audit"):
        parts.append(f"folds by {manifest.split['by']}, audited:\n{splits_text(manifest.split['audit'])}")
    parts.append(table(("data set", "number"), sizes))
    return "\n\n".join(parts)


def splits_text(splits: Sequence[Mapping[str, int]]) -> str:
    """The parts of each split, and how many groups were compared."""
    return table([name.replace("_", " ") for name in splits[0]], [list(split.values()) for split in splits])


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
    return "\n".join(lines)


def _value(modality: str, value: object) -> str:
    if modality == "text" and isinstance(value, tuple):
        return " ".join(value)
    if isinstance(value, Mapping):
        return "  ".join(f"{k} {getattr(v, 'shape', v)}" for k, v in value.items())
    return str(value)
