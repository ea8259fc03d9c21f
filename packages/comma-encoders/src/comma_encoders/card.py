"""The card of a model: what it is, where it comes from and what it is not good for, read from its folder.

Everything comes from `config.json`, `manifest.json` and the weights' shapes; what the maker did not state is called
unknown. A maker states more by keys of the manifest (`about` of `folder.save`): `name`, `description`, `licence`,
`metrics` (rows of the form of a committed result), `results` (the files that these were read from), `limits` (a list of
sentences), `command`, `training` (the settings of the run), `trained` (what it took).
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from comma_encoders.card_figures import figures, table
from comma_encoders.errors import InputError
from comma_encoders.folder import read_config, read_manifest, sha256

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
```

In place of the name give the path of this folder, or `owner/name` on the Hugging Face hub. With the folder on your
machine no network is asked. Loading verifies the sha256 of every file, and asks the model for known answers."""


def parameters(folder: Path) -> dict[str, int]:
    """Modality -> weights of its encoder and head; `imputer` where there is one."""
    counts: Counter[str] = Counter()
    try:
        opened = safe_open(folder / "model.safetensors", framework="numpy")
    except (OSError, SafetensorError) as error:
        raise InputError(f"{folder}/model.safetensors cannot be read: {error}; copy the whole folder again") from error
    with opened as weights:
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
        figures(manifest.get("metrics") or (), manifest.get("results") or ()),
        "## Limits",
        _list([*LIMITS, *manifest.get("limits", ())]),
        "## Files",
        _files(folder, manifest),
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
    return table(("part", "parameters", "settings"), rows) + "\n\n" + note


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
        "texts removed, since a held-out fold tells them": _stated(_mapping(manifest, "texts_removed")),
        "groups seen in training": f"{_count(seen):,}; their hashes are in manifest.json" if seen else UNKNOWN,
        "versions": _stated(_mapping(manifest, "versions")),
        "command": f"`{manifest['command']}`" if manifest.get("command") else UNKNOWN,
        "commit": str(manifest.get("commit") or UNKNOWN),
        "licence": str(manifest.get("licence") or UNKNOWN),
        "training": _stated(_mapping(manifest, "trained")),
    }
    return _list(f"{key}: {value}" for key, value in facts.items()) + "\n\n" + _settings_of_run(manifest)


def _settings_of_run(manifest: Mapping[str, Any]) -> str:
    """The complete config of the run as TOML, folded up."""
    lines = list(_toml(_mapping(manifest, "training")))
    if not lines:
        return f"The settings of the run are {UNKNOWN}."
    fenced = "\n".join(["```toml", *lines, "```"])
    return f"<details><summary>Settings of the run, {len(lines)} of them</summary>\n\n{fenced}\n\n</details>"


def _toml(content: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """Dotted keys, a line each; numbers, texts and lists look alike in JSON and TOML."""
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from _toml(value, f"{before}{key}.")
        elif value is not None:
            yield f"{before}{key} = {json.dumps(value, ensure_ascii=False)}"


def _files(folder: Path, manifest: Mapping[str, Any]) -> str:
    """Name, size and hash of everything but this card; of the manifest only as it is published, without a path."""
    published = "path" not in _mapping(manifest, "data")
    names = [*manifest.get("sha256", ()), *(["manifest.json"] if published else [])]
    paths = [folder / Path(name).name for name in names if (folder / Path(name).name).is_file()]
    return table(("file", "bytes", "sha256"), [(path.name, f"{path.stat().st_size:,}", sha256(path)) for path in paths])


def _count(seen: Any) -> int:
    """Groups in a list, or in lists by stage."""
    return sum(map(_count, seen.values())) if isinstance(seen, Mapping) else len(seen)


def _mapping(manifest: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = manifest.get(key)
    return value if isinstance(value, Mapping) else {}


def _stated(facts: Mapping[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in facts.items()) or UNKNOWN


def _enumerated(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
