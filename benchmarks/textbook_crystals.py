"""Are the embedded textbook crystals facts? Their cells beside Materials Project, their routes beside text-mined ones.

    COMMA_DATA=DIR python -m benchmarks.textbook_crystals

Cells are compared with the computed ones (PBE or PBE+U, usually 1-2 % larger) of the same formula, space group
and number of atoms; the entry nearest in lattice constants counts. Routes are compared with the recipes of the same
formula, whichever polymorph they made. A disagreement is listed, not mended:
a handbook value is not bent to a computed one.
"""

import os
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from comma_data.formulas import classify
from comma_data.protocol import Protocol
from comma_data.sample import RawStructure, Record
from comma_data.sources import recipes, structures, textbook
from pymatgen.core import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer, SymmetryUndeterminedError

from benchmarks.results_form import row, write_result

COMMAND = "COMMA_DATA=DIR python -m benchmarks.textbook_crystals"
TOLERANCE = 0.05
"""Relative difference of a lattice constant that counts as agreement."""
MARGIN = 150.0
"""°C beyond the recipes' range that still count as agreement."""
HIGHEST = 2000.0
"""°C; what a text-mined recipe states above it is an error of extraction."""
ANIONS = frozenset({"H", "C", "N", "O", "S", "F", "Cl"})
"""Elements that a solvent, a counter-ion or an atmosphere may bring in."""
LAYERED = (
    "cadmium iodide",
    "cadmium chloride",
    "molybdenite",
    "niobium diselenide",
    "graphite",
    "hexagonal boron nitride",
    "gallium sulfide",
    "tetradymite",
    "matlockite",
    "litharge",
    "black phosphorus",
    "vanadium pentoxide",
    "molybdenum trioxide",
    "red mercury iodide",
    "brucite",
)
"""First words of the names of prototypes whose layers hold together by dispersion, which PBE leaves out."""

Rows = list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """The conventional standard cell."""

    group: int
    """Number of the space group."""
    atoms: int
    edges: np.ndarray
    """Å."""

    def same_kind(self, other: "Cell") -> bool:
        """Equal space group and number of atoms: perhaps the same structure."""
        return (self.group, self.atoms) == (other.group, other.atoms)


def main() -> int:
    """Compare both, write `benchmarks/results/textbook-crystals.json`, and print the summary."""
    if "COMMA_DATA" not in os.environ:
        print("error: COMMA_DATA is not set; name the folder with the data sets", file=sys.stderr)
        return 2
    root = Path(os.environ["COMMA_DATA"])
    start = time.perf_counter()
    records = [r for r in textbook.read() if isinstance(r, Record)]
    rows = [
        *_cell_rows([r for r in records if r.modality == "structure"], root / "materials-project"),
        *_route_rows([r for r in records if r.modality == "text"], root / "synthesis-recipes"),
    ]
    what = (
        f"The {len(records) // 2} embedded textbook crystals: conventional cells against Materials Project entries of "
        "the same formula and space group, routes against text-mined recipes of the same formula."
    )
    write_result("textbook-crystals", what, COMMAND, rows, time.perf_counter() - start)
    for summary in (r for r in rows if "crystal" not in r):
        print(f"{summary['part']:8}{summary['metric']:48}{summary['value']:10.4g}   n = {summary['n']}")
    return 0


def _cell_rows(crystals: Sequence[Record], folder: Path) -> Rows:
    computed = _computed({r.formula for r in crystals}, folder)
    outside: Rows = []
    counts: dict[str, int] = defaultdict(int)
    deviations: list[float] = []
    for crystal in crystals:
        verdict, differences = _compare(crystal, computed)
        counts[verdict] += 1
        if differences is not None:
            deviations.extend(float(d) for d in differences if not _layered(crystal))
        if verdict in {"outside 5 %", "outside 5 %, layered"} and differences is not None:
            worst = round(float(differences[np.argmax(np.abs(differences))]), 4)
            outside.append(row(f"largest deviation, {verdict}", worst, n=1, part="cells", crystal=crystal.key))
    known = sum(n for verdict, n in counts.items() if verdict.split(",")[0] in {"within 5 %", "outside 5 %"})
    summary = [
        row("crystals", len(crystals), n=len(crystals), part="cells"),
        row("compared", known, n=len(crystals), part="cells"),
        *(row(verdict, n, n=len(crystals), part="cells") for verdict, n in sorted(counts.items())),
        row("median deviation, not layered", float(np.median(deviations)), n=len(deviations), part="cells"),
    ]
    return [*summary, *outside]


def _computed(formulas: set[str | None], folder: Path) -> Mapping[str, list[Cell]]:
    """Formula -> cells of the computed entries."""
    found: dict[str, list[Cell]] = defaultdict(list)
    for record in structures.read(folder, targets={}):
        if isinstance(record, Record) and record.formula is not None and record.formula in formulas:
            cell = _cell(record.value, symprec=0.1)
            if cell is not None:
                found[record.formula].append(cell)
    return found


def _cell(value: RawStructure, *, symprec: float) -> Cell | None:
    """The conventional standard cell; None where no symmetry is found within the precision."""
    structure = Structure(value["cell"], value["numbers"], value["positions"], coords_are_cartesian=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # spglib announces changes of its own interface
        analyzer = SpacegroupAnalyzer(structure, symprec=symprec)
        try:
            standard = analyzer.get_conventional_standard_structure()
        except SymmetryUndeterminedError:
            return None
        return Cell(group=analyzer.get_space_group_number(), atoms=len(standard), edges=np.array(standard.lattice.abc))


def _compare(crystal: Record, computed: Mapping[str, list[Cell]]) -> tuple[str, np.ndarray | None]:
    """The verdict, and the relative differences of a, b, c to the nearest entry of the same kind."""
    entries = computed.get(crystal.formula or "", [])
    if not entries:
        return "formula not found", None
    own = _cell(crystal.value, symprec=0.01)
    same = [entry for entry in entries if own is not None and own.same_kind(entry)]
    if own is None or not same:
        return "structure not found", None
    differences = min((entry.edges / own.edges - 1.0 for entry in same), key=lambda d: float(np.abs(d).max()))
    near = bool(np.abs(differences).max() <= TOLERANCE)
    return ("within" if near else "outside") + " 5 %" + (", layered" if _layered(crystal) else ""), differences


def _layered(crystal: Record) -> bool:
    return crystal.provenance["prototype"].startswith(LAYERED)


def _route_rows(routes: Sequence[Record], folder: Path) -> Rows:
    mined = _mined({r.formula for r in routes}, folder)
    met = [(r, mined[r.formula]) for r in routes if r.formula in mined]
    same = [_overlap(r.value, others) for r, others in met]
    heated = [(r, span) for r, others in met if (span := _span(others)) and _hottest(r.value) is not None]
    beyond = [(r, span) for r, span in heated if not span[0] - MARGIN <= _top(r) <= span[1] + MARGIN]
    summary = [
        row("routes", len(routes), n=len(routes), part="routes"),
        row("with recipes of the formula", len(met), n=len(routes), part="routes"),
        row("recipes of these formulas", sum(len(o) for _, o in met), n=len(met), part="routes"),
        row("cation set equals that of a recipe", sum(s == 1.0 for s in same), n=len(met), part="routes"),
        row("mean of best overlap of cation sets", float(np.mean(same)), n=len(met), part="routes"),
        row("temperatures compared", len(heated), n=len(met), part="routes"),
        row("temperature within the range and 150 °C", len(heated) - len(beyond), n=len(heated), part="routes"),
        row("temperature outside", len(beyond), n=len(heated), part="routes"),
    ]
    return [*summary, *_overlap_rows(met, same), *_temperature_rows(beyond)]


def _overlap_rows(met: Iterable[tuple[Record, list[Protocol]]], same: Iterable[float]) -> Iterator[dict[str, Any]]:
    for (route, others), overlap in zip(met, same, strict=True):
        if overlap < 1.0:
            yield row(
                "best overlap of cation sets",
                overlap,
                n=len(others),
                part="routes",
                crystal=route.key,
                precursors=", ".join(route.value.precursors),
            )


def _temperature_rows(beyond: Iterable[tuple[Record, tuple[float, float, int]]]) -> Iterator[dict[str, Any]]:
    for route, (low, high, n) in beyond:
        yield row(
            "highest temperature, °C; the recipes' range in the labels",
            _top(route),
            n=n,
            part="routes",
            crystal=route.key,
            method=route.value.method,
            recipes_lowest=low,
            recipes_highest=high,
        )


def _mined(formulas: set[str | None], folder: Path) -> Mapping[str | None, list[Protocol]]:
    found: dict[str | None, list[Protocol]] = defaultdict(list)
    for record in recipes.read(folder):
        if isinstance(record, Record) and record.formula in formulas:
            found[record.formula].append(record.value)
    return found


def _cations(protocol: Protocol) -> frozenset[str]:
    return frozenset(e for p in protocol.precursors for e in classify(p).amounts) - ANIONS


def _overlap(own: Protocol, others: Iterable[Protocol]) -> float:
    """The largest Jaccard index of the cation sets."""
    mine = _cations(own)
    return max((len(mine & t) / len(mine | t) if mine | t else 1.0) for t in map(_cations, others))


def _hottest(protocol: Protocol) -> float | None:
    """The highest temperature of a protocol, °C."""
    return max((t for step in protocol.operations for t in step.temperatures if t <= HIGHEST), default=None)


def _top(route: Record) -> float:
    return _hottest(route.value) or 0.0


def _span(protocols: Iterable[Protocol]) -> tuple[float, float, int] | None:
    """Lowest and highest of the recipes' highest temperatures, and their number."""
    tops = [top for protocol in protocols if (top := _hottest(protocol)) is not None]
    return (min(tops), max(tops), len(tops)) if tops else None


if __name__ == "__main__":
    sys.exit(main())
