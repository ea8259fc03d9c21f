"""An answer as a table for people and as JSON for programs."""

import io
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from comma_explorer.search.ask import Answer
from comma_explorer.search.hits import Hit, Place

LISTED = 3
"""Entries of a hit that are named in the table."""
WIDE = 160
"""Columns of the table where it is not printed on a terminal."""


def document(answer: Answer, index: str, model: str) -> dict[str, Any]:
    """The answer as plain values: queries, and for each modality its hits in their order."""
    return {
        "index": index,
        "model": model,
        "queries": [{"said": q.said, "modality": q.modality} for q in answer.questions],
        "hits": {name: [_hit(hit) for hit in hits] for name, hits in answer.hits.items()},
    }


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "rank": hit.rank,
        "cosine": round(hit.cosine, 6),
        "counted": None if hit.counted is None else round(hit.counted, 6),
        "row": hit.row,
        "entries": [_place(place) for place in hit.places],
        "steps": list(hit.steps),
    }


def _place(place: Place) -> dict[str, Any]:
    return {**asdict(place), "elements": list(place.elements), "targets": dict(place.targets)}


def text(answer: Answer, *, width: int = WIDE) -> str:
    """The tables as plain text."""
    file = io.StringIO()
    _print(answer, Console(file=file, width=width))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def write(answer: Answer) -> None:
    """Write a table for each modality to stdout: as wide as the terminal, or plain text where there is none."""
    if sys.stdout.isatty():
        _print(answer, Console())
    else:
        sys.stdout.write(text(answer))


def _print(answer: Answer, console: Console) -> None:
    for modality, hits in answer.hits.items():
        console.print(_table(modality, hits) if hits else Text(f"{modality}: nothing meets the conditions"))


def _table(modality: str, hits: tuple[Hit, ...]) -> Table:
    """Cells are `Text`, so that nothing in a data set is taken for markup."""
    table = Table(title=Text(modality), title_justify="left", box=None, pad_edge=False)
    numbers = ("rank", "cosine", *(("counted",) if any(hit.counted is not None for hit in hits) else ()))
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("formula", "id", "what"):
        table.add_column(name)
    table.add_column("DOI", overflow="fold")
    for hit in hits:
        figures = (str(hit.rank), f"{hit.cosine:.3f}", f"{hit.counted or 0:.2f}")[: len(numbers)]
        cells = (*figures, _formulas(hit), _ids(hit), _what(hit), _dois(hit))
        table.add_row(*(Text(_printable(cell)) for cell in cells))
    return table


def _formulas(hit: Hit) -> str:
    return _listed(dict.fromkeys(place.formula or "?" for place in hit.places))


def _ids(hit: Hit) -> str:
    return _listed(dict.fromkeys(place.id for place in hit.places))


def _dois(hit: Hit) -> str:
    return _listed(dict.fromkeys(place.origin["doi"] for place in hit.places if "doi" in place.origin))


def _what(hit: Hit) -> str:
    """A protocol's steps; of anything else the numbers that are known of its first entry, and where it is from."""
    if hit.steps:
        return " ".join(hit.steps)
    first = hit.places[0]
    numbers = [f"{name} {value:.4g}" for name, value in first.targets.items()]
    told = [first.origin[name] for name in ("prototype", "space_group", "origin") if name in first.origin]
    return ", ".join([*told, *numbers])


def _listed(names: Mapping[str, None]) -> str:
    shown = list(names)[:LISTED]
    more = len(names) - len(shown)
    return ", ".join([*shown, f"{more} more"] if more else shown)


def _printable(text: str) -> str:
    """Without what a terminal would obey."""
    return "".join(character if character.isprintable() else " " for character in text)
