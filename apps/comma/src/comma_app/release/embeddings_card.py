"""The card and the metadata of a released set of vectors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from comma_data.export.columns import Column
from comma_data.export.croissant import Node, Records, croissant
from comma_data.export.features import card_features
from comma_data.export.markdown import code, column_table, size_category, table
from comma_data.export.yaml import dump
from comma_data.manifest import Manifest
from comma_data.split import PARTS

ALL = "all"
"""Name of the configuration that holds every modality."""
RECORDS = Records(
    name="vectors",
    about="One row a value: a crystal, a protocol, a micrograph, a pattern or a composition of a sample.",
    key=("id", "modality", "value"),
    includes="data/*/*.parquet",
)


@dataclass(frozen=True, kw_only=True)
class Card:
    """What the card tells."""

    name: str
    model: str
    weights: str
    about: Mapping[str, Any]
    """What the model's manifest says."""
    manifest: Manifest
    """Of the data set."""
    columns: Sequence[Column]
    rows: Mapping[tuple[str, str], int]
    """(modality, part) -> rows."""
    files: Mapping[str, tuple[int, str]]
    """Path below the card -> bytes and sha256."""
    refused: int
    licence: str
    versions: Mapping[str, str]

    @property
    def modalities(self) -> tuple[str, ...]:
        """Those that have rows."""
        return tuple(dict.fromkeys(modality for modality, _ in self.rows))

    def text(self) -> str:
        """`README.md`."""
        return f"---\n{dump(self._head())}---\n\n" + "\n\n".join(self._body()) + "\n"

    def croissant(self) -> Node:
        """`croissant.json`."""
        return croissant(
            name=self.name, version="1.0.0", licence=self.licence, about=self.summary(), columns=self.columns,
            files=self.files, records=RECORDS,
        )  # fmt: skip

    def summary(self) -> str:
        """One paragraph."""
        counts = ", ".join(f"{self._total(modality):,} of {modality}" for modality in self.modalities)
        return (
            f"{sum(self.rows.values()):,} unit vectors ({counts}) that the model {code(self.model)} gives to the data"
            f" set {code(self.manifest.name)}, all in one space: one row for every value of every sample."
        )

    def _total(self, modality: str) -> int:
        return sum(number for (of, _), number in self.rows.items() if of == modality)

    def _head(self) -> dict[str, Any]:
        configs = [{"config_name": ALL, "default": True, "data_files": self._data_files("*", self._parts(None))}]
        configs += [
            {"config_name": name, "data_files": self._data_files(name, self._parts(name))} for name in self.modalities
        ]
        features = card_features(self.columns)
        return {
            "license": self.licence,
            "pretty_name": self.name,
            "size_categories": [size_category(sum(self.rows.values()))],
            "tags": ["materials-science", "chemistry", "embeddings", "comma"],
            "configs": configs,
            "dataset_info": [{"config_name": config["config_name"], "features": features} for config in configs],
        }

    def _parts(self, modality: str | None) -> list[str]:
        """The parts that have rows."""
        return [p for p in PARTS if any(part == p and modality in (None, of) for of, part in self.rows)]

    @staticmethod
    def _data_files(folder: str, parts: Sequence[str]) -> list[dict[str, str]]:
        return [{"split": part, "path": f"data/{folder}/{part}-*.parquet"} for part in parts]

    def _body(self) -> list[str]:
        return [
            f"# {code(self.name)}",
            self.summary(),
            "## Rows",
            self._counts(),
            PARTS_TOLD if self.about.get("split") else PARTS_ASSUMED,
            "## Columns",
            column_table(self.columns),
            "## Reading it",
            READING.format(modality=self.modalities[0]),
            "## Where it comes from",
            self._origin(),
            table(("source", "read", "accepted"), self._sources()),
            "## Limits",
            self._limits(),
            "## Files",
            table(("file", "bytes", "sha256"), [(f"`{n}`", f"{b:,}", f"`{h}`") for n, (b, h) in self.files.items()]),
        ]

    def _counts(self) -> str:
        lines = [
            (modality, *(f"{self.rows.get((modality, part), 0):,}" for part in PARTS), f"{self._total(modality):,}")
            for modality in self.modalities
        ]
        return table(("modality", *PARTS, "all"), lines)

    def _sources(self) -> list[tuple[str, ...]]:
        return [(code(name), f"{n.read:,}", f"{n.accepted:,}") for name, n in self.manifest.counts.items()]

    def _origin(self) -> str:
        trained = self.about.get("data")
        on = code(str(trained.get("name"))) if isinstance(trained, Mapping) else "unknown data"
        versions = ", ".join(f"{package} {number}" for package, number in self.versions.items())
        return (
            f"Model {code(self.model)}, trained on {on}, sha256 of its weights `{self.weights}`. Data set"
            f" {code(self.manifest.name)}, {self.manifest.samples:,} samples, hash `{self.manifest.data_hash}`."
            f" Made with {versions}, on one thread a worker: the same model, data and versions give the same bytes on"
            " processors of one kind. Its sources:"
        )

    def _limits(self) -> str:
        listed = ", in `refusals.jsonl`" if self.refused else ""
        return "\n".join(
            f"- {line}"
            for line in (
                CONTENT.format(licence=code(self.licence)),
                REPEATED,
                "Vectors compare materials as the model's training data saw them; a cosine is no probability.",
                f"Values that could not be encoded: {self.refused:,}{listed}.",
                *map(str, self.about.get("limits", ())),
            )
        )


CONTENT = (
    "Only vectors, ids, formulas, names of sources and DOIs are in here: no text, crystal, image or pattern. The"
    " licence of this table is given as `{licence}`; that of each source still applies to what the table is made from,"
    " and a vector may tell something of its value."
)
REPEATED = (
    "A value that belongs to several samples, such as a recipe joined by formula, has a row in each, and `joined_by`"
    " says so: count distinct `key`s where that matters."
)
PARTS_TOLD = (
    "Parts are those of the model's own split. It learnt from `train` and was watched on `validation`; a probe that is"
    " to be judged on unseen materials learns from `train` and is asked on `test`. Where `seen` is true, the model has"
    " seen the row's group (its formula, where the data set is split by formula)."
)
PARTS_ASSUMED = (
    "The model does not say what it learnt from. Parts are those of a split with fold 0 as its test, which need not be"
    " its own: rows of `test` may have been learnt from, and `seen` is unknown."
)
READING = """```python
import numpy as np
import pandas as pd
from datasets import load_dataset

frame = pd.read_parquet("PATH_OF_THIS_FOLDER/data")  # every modality and part
vectors = np.stack(frame["vector"])
train = load_dataset("PATH_OF_THIS_FOLDER", "{modality}", split="train").with_format("numpy")
```"""
