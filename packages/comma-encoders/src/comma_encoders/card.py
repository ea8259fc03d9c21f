"""The card of a model: what it is, where it comes from and what it is not good for, read from its folder.

Everything comes from `config.json`, `manifest.json` and the weights' shapes; what the maker did not state is called
unknown. A maker states more by keys of the manifest (`about` of `folder.save`): `name`, `description`, `licence`,
`metrics` (rows of the form of a committed result), `limits` (a list of sentences), `command`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import safe_open

from comma_encoders.folder import read_config, read_manifest

UNKNOWN = "unknown"

LIMITS = (
    "Vectors compare materials as the training data saw them; for what it lacks they mean little, and nothing warns.",
    "A cosine is no probability, and a near neighbour no proof: check what it suggests.",
)
"""What holds for every model of this kind."""

USE = """```python
from comma_encoders import AlignedModel

model = AlignedModel.from_pretrained("{name}")
vectors = model.encode("{modality}", values, output="numpy")
```"""


def parameters(folder: Path) -> dict[str, int]:
    """Modality -> weights of its encoder and head; `imputer` where there is one."""
    counts: Counter[str] = Counter()
    with safe_open(folder / "model.safetensors", framework="numpy") as weights:
        for key in weights.keys():  # noqa: SIM118  it is no mapping
            part, _, rest = key.partition(".")
            size = 1
            for extent in weights.get_slice(key).get_shape():
                size *= extent
            counts[rest.partition(".")[0] if part in ("encoders", "heads") else part] += size
    return dict(counts)


def name_of(folder: Path, manifest: Mapping[str, Any]) -> str:
    """The name that its maker gave, else the run's, else the folder's."""
    return str(manifest.get("name") or manifest.get("run") or folder.resolve().name)


def card(folder: Path) -> str:
    """The card as Markdown, with the front matter that the Hugging Face hub reads.

    Raises:
        UsageError: there is no model in the folder.
        InputError: its config or manifest is damaged.
    """
    config, manifest = read_config(folder), read_manifest(folder)
    name, modalities = name_of(folder, manifest), list(config["modalities"])
    parts = [
        _front(manifest, modalities),
        f"# {name}",
        str(manifest.get("description") or f"Unit vectors for {_enumerated(modalities)}, all in one space."),
        "## How to use",
        f"`pip install comma-encoders`, then:\n\n{USE.format(name=name, modality=modalities[0])}",
        "## What is inside",
        _inside(config, parameters(folder)),
        "## Trained on",
        _facts(manifest),
        "## Figures",
        _metrics(manifest.get("metrics") or ()),
        "## Limits",
        _list([*LIMITS, *manifest.get("limits", ())]),
    ]
    return "\n\n".join(parts) + "\n"


def _front(manifest: Mapping[str, Any], modalities: Sequence[str]) -> str:
    """YAML that the hub shows and searches."""
    tags = ["materials-science", "chemistry", "feature-extraction", *modalities]
    licence = str(manifest.get("licence") or UNKNOWN).lower()
    lines = [
        "---",
        "library_name: comma-encoders",
        f"license: {licence}",
        "tags:",
        *(f"- {tag}" for tag in tags),
        "---",
    ]
    return "\n".join(lines)


def _inside(config: Mapping[str, Any], counts: Mapping[str, int]) -> str:
    """One row a modality."""
    rows = [(name, f"{counts.get(name, 0):,}", _settings(content)) for name, content in config["modalities"].items()]
    if "imputer" in config:
        rows.append(("imputer", f"{counts.get('imputer', 0):,}", "gives the vector of an absent modality"))
    made = config.get("comma_encoders", UNKNOWN)
    note = f"Vectors have {config['dim']} dimensions. Format {config['format']}, saved by comma-encoders {made}."
    return _table(("part", "parameters", "settings"), rows) + "\n\n" + note


def _settings(content: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in content.items() if value not in ("", None))


def _facts(manifest: Mapping[str, Any]) -> str:
    """Data, split, samples, versions; unknown where the maker does not say."""
    data, split, samples = (_mapping(manifest, key) for key in ("data", "split", "samples"))
    seen = manifest.get("groups_seen")
    folds = {key: value for key, value in split.items() if key != "salt"}
    facts = {
        "data": _stated({key: value for key, value in data.items() if key != "path"}),
        "split": _stated(folds),
        "samples": _stated(samples),
        "groups seen in training": f"{_count(seen):,}; their hashes are in manifest.json" if seen else UNKNOWN,
        "versions": _stated(_mapping(manifest, "versions")),
        "command": f"`{manifest['command']}`" if manifest.get("command") else UNKNOWN,
        "licence": str(manifest.get("licence") or UNKNOWN),
    }
    return _list(f"{key}: {value}" for key, value in facts.items())


def _count(seen: Any) -> int:
    """Groups in a list, or in lists by stage."""
    return sum(map(_count, seen.values())) if isinstance(seen, Mapping) else len(seen)


def _mapping(manifest: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = manifest.get(key)
    return value if isinstance(value, Mapping) else {}


def _stated(facts: Mapping[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in facts.items()) or UNKNOWN


def _metrics(rows: Sequence[Mapping[str, Any]]) -> str:
    """Figures with their intervals, as the maker gave them."""
    if not rows:
        return f"None are stated: how well it does is {UNKNOWN}."
    measured = ("metric", "value", "low", "high", "n")
    labels = list(dict.fromkeys(key for row in rows for key in row if key not in measured))
    body = [
        [*(_cell(row.get(k)) for k in labels), str(row.get("metric")), _value(row), _cell(row.get("n"))] for row in rows
    ]
    return _table((*labels, "metric", "value (95 % interval)", "n"), body)


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _value(row: Mapping[str, Any]) -> str:
    value, low, high = (row.get(key) for key in ("value", "low", "high"))
    if not isinstance(value, int | float):
        return UNKNOWN
    interval = f" ({low:.4g} to {high:.4g})" if isinstance(low, int | float) and isinstance(high, int | float) else ""
    return f"{value:.4g}{interval}"


def _enumerated(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; bars in cells are escaped."""
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in [head, *rows]]
    lines = [f"| {' | '.join(row)} |" for row in escaped]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])
