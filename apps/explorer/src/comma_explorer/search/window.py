"""A window of samples: the vectors of its new values, and where its values stand. One file each, so that none is lost.

A value that came before, in this window or an earlier one, gets no second vector: compositions and protocols are often
shared by many entries.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from comma_data.sample import Sample
from comma_data.storage import complete_file
from comma_encoders.encoding import Encoded
from jaxtyping import Float, UInt8

from comma_explorer.search.keys import BYTES, key
from comma_explorer.search.tables import ORIGIN, entry_of

SIZE = 1024
"""Samples of a window."""

EncodeAll = Callable[[str, Sequence[Any]], Encoded]
"""(modality, values) -> vectors of those that can be encoded, e.g. `AlignedModel.encode_all`."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The values that came before, of one modality; it grows as windows are embedded."""

    rows: dict[bytes, int] = field(default_factory=dict)
    """Key of a value -> row of its vector."""
    refused: set[bytes] = field(default_factory=set)
    """Keys of values that could not be embedded."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Window:
    """What a window adds to the index."""

    vectors: Mapping[str, Float[np.ndarray, "_ _"]]
    """Modality -> vectors (new, dim) of values that did not come before, in the order of their rows."""
    keys: Mapping[str, UInt8[np.ndarray, "_ 16"]]
    refused: Mapping[str, Sequence[tuple[str, str]]]
    """Modality -> (key in hexadecimal digits, reason) of values that the model could not embed."""
    entries: Sequence[Mapping[str, Any]]
    """`tables.entry_of` of each sample of which a value was embedded."""
    found: Sequence[Sequence[Any]]
    """(modality, row, entry within the window, place, *origin) for each place of a value."""
    steps: Sequence[Sequence[str]]
    """Steps of the new texts."""

    def remember(self, seen: Mapping[str, Seen]) -> None:
        """Add this window's values to those that came before."""
        for modality, before in seen.items():
            first = len(before.rows)
            before.rows.update({bytes(name): first + i for i, name in enumerate(self.keys[modality])})
            before.refused.update(bytes.fromhex(name) for name, _ in self.refused[modality])


def embedded(samples: Sequence[Sample], encode_all: EncodeAll, seen: Mapping[str, Seen]) -> Window:
    """Embed the new values of a window, of the modalities that `seen` has; `seen` is told of them."""
    keys_of = {modality: _keys(samples, modality) for modality in seen}
    parts: dict[str, _Part] = {}
    for modality, before in seen.items():
        new = {
            name: samples[number].fields[modality][place]
            for (number, place), name in keys_of[modality].items()
            if name not in before.rows and name not in before.refused
        }
        parts[modality] = _part(modality, new, encode_all)
    texts = parts["text"].values if "text" in parts else ()
    window = Window(
        vectors={modality: part.vectors for modality, part in parts.items()},
        keys={modality: part.keys for modality, part in parts.items()},
        refused={modality: part.refused for modality, part in parts.items()},
        entries=(),
        found=(),
        steps=[list(steps) for steps in texts],
    )
    window.remember(seen)
    entries, found = _places(samples, keys_of, seen)
    return replace(window, entries=entries, found=found)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Part:
    """The new values of one modality."""

    vectors: np.ndarray
    keys: np.ndarray
    values: Sequence[Any]
    refused: Sequence[tuple[str, str]]


def _part(modality: str, new: Mapping[bytes, Any], encode_all: EncodeAll) -> _Part:
    if not new:
        nothing = np.zeros((0, BYTES), np.uint8)
        return _Part(vectors=np.zeros((0, 0), np.float32), keys=nothing, values=(), refused=())
    names, values = list(new), list(new.values())
    encoded = encode_all(modality, values)
    good = encoded.places.tolist()
    return _Part(
        vectors=encoded.z.numpy(),
        keys=np.frombuffer(b"".join(names[place] for place in good), np.uint8).reshape(-1, BYTES),
        values=[values[place] for place in good],
        refused=[(names[place].hex(), str(error)) for place, error in encoded.refused.items()],
    )


def _keys(samples: Sequence[Sample], modality: str) -> dict[tuple[int, int], bytes]:
    """(sample, place) -> key of the value there."""
    return {
        (number, place): key(modality, value)
        for number, sample in enumerate(samples)
        for place, value in enumerate(sample.fields.get(modality, ()))
    }


def _places(
    samples: Sequence[Sample], keys_of: Mapping[str, Mapping[tuple[int, int], bytes]], seen: Mapping[str, Seen]
) -> tuple[list[Mapping[str, Any]], list[Sequence[Any]]]:
    """The entries that have a vector, and the place of every value that has one."""
    rows = {
        (modality, number, place): seen[modality].rows[name]
        for modality, keys in keys_of.items()
        for (number, place), name in keys.items()
        if name in seen[modality].rows
    }
    numbers = {number: i for i, number in enumerate(sorted({number for _, number, _ in rows}))}
    found: list[Sequence[Any]] = []
    for (modality, number, place), row in rows.items():
        known = samples[number].provenance.get(modality, ())
        origin = known[place] if place < len(known) else {}
        found.append((modality, row, numbers[number], place, *(origin.get(name) for name in ORIGIN)))
    return [entry_of(samples[number]) for number in numbers], found


def save(window: Window, path: Path) -> None:
    """Write a window into one file that is complete or not there."""
    about = {name: getattr(window, name) for name in ("refused", "entries", "found", "steps")}
    arrays = {
        **{f"vectors.{name}": array for name, array in window.vectors.items()},
        **{f"keys.{name}": array for name, array in window.keys.items()},
        "about": np.frombuffer(json.dumps(about, ensure_ascii=False).encode(), np.uint8),
    }
    with complete_file(path) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # the stub takes the names for its own options


def load(path: Path) -> Window:
    """Read what `save` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        about = json.loads(arrays["about"].tobytes())
        parts = {
            part: {name.partition(".")[2]: arrays[name] for name in arrays.files if name.startswith(f"{part}.")}
            for part in ("vectors", "keys")
        }
    about["refused"] = {name: [tuple(value) for value in values] for name, values in about["refused"].items()}
    return Window(vectors=parts["vectors"], keys=parts["keys"], **about)
