"""What an image belongs to, so that a split never cuts it apart: `groups["image_frame"]`."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Literal, assert_never

from comma_data.errors import ConfigError
from comma_data.micrographs.frame import ImageError
from comma_data.micrographs.overlap import place
from comma_data.micrographs.runs import run_of
from comma_data.sample import Record, Refusal

GROUP = "image_frame"
Rule = Literal["file", "folder", "prefix", "runs", "overlap"]
"""`file`: each file. `folder`: its folder. `prefix`: its path up to the last number in the name. `runs`: a run of
numbers within that prefix. `overlap`: the picture that images were cut out of, by the pixels they share."""

_LAST_NUMBER = re.compile(r"^(.*?)[\s_.,()#-]*\d+\D*$")
_DIGITS = re.compile(r"(\d+)\D*$")


@dataclass(frozen=True, kw_only=True)
class Framing:
    """How the frame of an image is told."""

    rule: Rule
    run_length: int
    """Numbers of a run."""
    run_gap: int
    """Numbers between runs."""

    def of(self, path: str, *, stated: str | None, index: int | None) -> str:
        """The frame of an image by its name; for the rule `overlap` the images among which it is sought.

        Args:
            path: Inside the folder or archive.
            stated: By the pattern or the table; `runs` and `overlap` work within it, the others give way.
            index: By the pattern or the table; else the last number of the name.

        Raises:
            ImageError: `between-runs`, or `no-number` where a run has to be told by a number.
        """
        pure = PurePosixPath(path)
        match self.rule:
            case "runs":
                run = run_of(_number(pure, index), length=self.run_length, gap=self.run_gap)
                return f"{stated or prefix(path)}/run-{run}"
            case "folder" | "overlap":
                return stated or str(pure.parent)
            case "file":
                return stated or str(pure.with_suffix(""))
            case "prefix":
                return stated or prefix(path)
            case _:
                assert_never(self.rule)


def prefix(path: str) -> str:
    """The path without its ending, up to the last number of the name; of a name that is a number alone, the folder."""
    pure = PurePosixPath(path)
    match = _LAST_NUMBER.match(pure.stem)
    if match is None:
        return str(pure.with_suffix(""))
    return str(pure.with_name(match[1]) if match[1] else pure.parent)


def by_overlap(
    records: Sequence[Record], *, band: int | None, refuse: Callable[[Record, ImageError], Refusal]
) -> list[Record | Refusal]:
    """Records with the picture that they were cut out of as their frame, and their place in it as provenance.

    Args:
        records: Images, in order; those of one `image_frame` are compared with each other.
        band: Cut each picture into bands of so many columns; an image that lies in two is refused.
        refuse: Makes the refusal.

    Raises:
        ConfigError: A band that no image fits into, or too many pixels to compare.
    """
    together: Mapping[str, list[int]] = defaultdict(list)
    for number, record in enumerate(records):
        together[record.groups[GROUP]].append(number)
    outcomes: dict[int, Record | Refusal] = {}
    for numbers in together.values():
        places = place([records[number].value["pixels"] for number in numbers])
        for number, where in zip(numbers, places, strict=True):
            record = _placed(records[number], where.frame, where.y, where.x)
            outcomes[number] = record if band is None else _in_band(record, where.x, band, refuse)
    return [outcomes[number] for number in range(len(records))]


def _placed(record: Record, frame: int, y: int, x: int) -> Record:
    groups = {**record.groups, GROUP: f"{record.groups[GROUP]}/frame-{frame}"}
    return replace(record, groups=groups, provenance={**record.provenance, "frame_y": str(y), "frame_x": str(x)})


def _in_band(record: Record, x: int, band: int, refuse: Callable[[Record, ImageError], Refusal]) -> Record | Refusal:
    width = record.value["pixels"].shape[1]
    if width > band:
        raise ConfigError(f"micrographs.band = {band}: images are {width} columns wide; give a few times that")
    if x // band != (x + width - 1) // band:
        return refuse(record, ImageError("between-bands", f"columns {x} to {x + width - 1} lie in two bands of {band}"))
    return replace(record, groups={**record.groups, GROUP: f"{record.groups[GROUP]}/band-{x // band}"})


def _number(path: PurePosixPath, index: int | None) -> int:
    if index is not None:
        return index
    match = _DIGITS.search(path.stem)
    if match is None:
        raise ImageError("no-number", "no number in the name to tell its run by; name a group `index` in the pattern")
    return int(match[1])
