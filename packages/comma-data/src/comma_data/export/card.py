"""`README.md` of an exported data set: a data card with the head that Hugging Face reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from comma_data.export.columns import Column
from comma_data.export.features import card_features
from comma_data.export.markdown import code, column_table, size_category, table
from comma_data.export.yaml import dump
from comma_data.manifest import Manifest


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of the exported split."""

    name: str
    samples: int
    bytes: int
    """Of its Parquet files."""
    memory: int
    """Bytes of its rows as Arrow holds them."""
    removed: int
    """Texts that were left out because a later part tells the same DOI or paragraph."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """What the card tells."""

    manifest: Manifest
    columns: Sequence[Column]
    parts: Sequence[Part]
    test_fold: int
    licence: str

    def text(self) -> str:
        """The file's text."""
        return f"---\n{dump(self._head())}---\n{self._body()}"

    def about(self) -> str:
        """One paragraph."""
        had = ", ".join(f"{number:,} with {modality}" for modality, number in self.manifest.modalities.items())
        return (
            f"{self.manifest.samples:,} materials entries ({had}), written by comma-data"
            f" {self.manifest.package_version}. Test is fold {self.test_fold}, validation the fold after it, training"
            " the other three; no group of the split, DOI or paragraph stands in two parts."
        )

    def _head(self) -> dict[str, Any]:
        files = [{"split": part.name, "path": f"data/{part.name}-*.parquet"} for part in self.parts]
        return {
            "license": self.licence,
            "pretty_name": self.manifest.name,
            "size_categories": [size_category(self.manifest.samples)],
            "tags": ["materials-science", "chemistry", "comma"],
            "configs": [{"config_name": "default", "data_files": files}],
            "dataset_info": {
                "features": card_features(self.columns),
                "splits": [
                    {"name": part.name, "num_bytes": part.memory, "num_examples": part.samples} for part in self.parts
                ],
                "download_size": sum(part.bytes for part in self.parts),
                "dataset_size": sum(part.memory for part in self.parts),
            },
        }

    def _body(self) -> str:
        parts = [(part.name, f"{part.samples:,}", f"{part.removed:,}") for part in self.parts]
        paragraphs = (
            f"# {self.manifest.name}",
            self.about(),
            "## Parts",
            table(("part", "samples", "texts left out"), parts),
            _LEFT_OUT,
            "## Columns",
            column_table(self.columns),
            "A modality is a list with one entry per value: empty where a sample has none.",
            "## Reading it",
            _READING,
            "## Where it comes from",
            table(("source", "read", "accepted", "refused"), _counts(self.manifest)),
            self._origin(),
            _files(self.manifest.inputs),
        )
        return "\n" + "\n\n".join(paragraphs) + "\n"

    def _origin(self) -> str:
        return (
            f"The licence is given as `{code(self.licence)}`; that of each source still applies. The folds come from"
            f" the salt `{code(self.manifest.split_salt)}`; the data set that was exported has the hash"
            f" `{self.manifest.data_hash}`. Files that were read, with their sha256:"
        )


_LEFT_OUT = (
    "Training leaves out every text whose DOI or paragraph is known to validation or test; validation those known to"
    " test. Export again with another test fold for the other splits of a cross-validation."
)
_READING = """```python
from datasets import load_dataset

data = load_dataset("PATH_OF_THIS_FOLDER")
sample = data["train"][0]
```"""


LISTED = 100
"""Input files that the card names."""


def _files(inputs: Mapping[str, str]) -> str:
    lines = [f"- `{code(name)}` {sha256}" for name, sha256 in sorted(inputs.items())[:LISTED]]
    rest = [f"- and {len(inputs) - LISTED:,} more"] if len(inputs) > LISTED else []
    return "\n".join([*lines, *rest])


def _counts(manifest: Manifest) -> list[tuple[str, ...]]:
    return [
        (code(source), f"{counts.read:,}", f"{counts.accepted:,}", f"{counts.read - counts.accepted:,}")
        for source, counts in manifest.counts.items()
    ]
