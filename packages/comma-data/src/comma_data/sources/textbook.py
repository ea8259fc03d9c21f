"""Textbook crystals: handbook cells and routes, from the embedded tables or a user's own in the same form."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from comma_data.errors import DataError, StructureError
from comma_data.formulas import classify, reduced
from comma_data.protocol import Operation, Protocol
from comma_data.sample import Record, Refusal
from comma_data.textbook.cell import conventional, raw
from comma_data.textbook.models import Crystal, Route
from comma_data.textbook.tables import Entry, Tables, cite, explain, load, unknown

NAME = "textbook"
FROM_ANYWHERE = frozenset({"H", "C", "N", "O"})
"""Elements that a medium or an atmosphere may bring in; every other one must stand among the precursors."""


def read(path: Path | None = None) -> Iterator[Record | Refusal]:
    """Yield a structure and a text record for each row, both with the row's id as key, or one refusal.

    Args:
        path: A TOML table of crystals or a folder of them; the embedded set where left out.

    Raises:
        DataError: A file cannot be read as a table at all. A bad row is a `Refusal` instead.
    """
    tables = load(path)
    seen: set[str] = set()
    for entry in tables.entries:
        found = _records(entry, tables, seen)
        seen.add(entry.name)
        yield from found


def _records(entry: Entry, tables: Tables, seen: set[str]) -> tuple[Record | Refusal, ...]:
    try:
        crystal = Crystal.model_validate(entry.values)
        _check_new(crystal, seen)
        return _structure(crystal, tables), _text(crystal, tables.citations)
    except ValidationError as error:
        return (_refusal(entry, "row-malformed", explain(error)),)
    except StructureError as error:
        return (_refusal(entry, error.code, str(error)),)
    except DataError as error:
        return (_refusal(entry, "reference-unknown", str(error)),)


def _check_new(crystal: Crystal, seen: set[str]) -> None:
    if crystal.id in seen:
        raise StructureError("id-repeated", "another row has this id: give each row its own")


def _refusal(entry: Entry, code: str, message: str) -> Refusal:
    where = f"{entry.file}, row {entry.number} ({entry.name})"
    return Refusal(source=NAME, key=entry.name, code=code, message=f"{where}: {message}")


def _structure(crystal: Crystal, tables: Tables) -> Record:
    prototype = tables.prototypes.get(crystal.prototype)
    if prototype is None:
        raise DataError(unknown("prototype", crystal.prototype, tables.prototypes))
    cell = conventional(crystal, prototype)
    stated, built = _formula(crystal.formula), reduced(cell.composition.get_el_amt_dict())
    if stated != built:
        raise StructureError("formula-differs", f"formula {crystal.formula} is {stated}, the sites hold {built}")
    provenance = {
        "origin": "handbook",
        "source": cite(crystal.source, tables.citations),
        "prototype": prototype.name,
        "space_group": f"{prototype.setting} ({prototype.space_group})",
    }
    targets = {}
    if crystal.band_gap_measured is not None and crystal.band_gap_source is not None:
        targets["band_gap_measured"] = crystal.band_gap_measured
        provenance["band_gap_source"] = cite(crystal.band_gap_source, tables.citations)
    return Record(
        source=NAME,
        key=crystal.id,
        modality="structure",
        value=raw(cell),
        formula=built,
        targets=targets,
        provenance=provenance,
    )


def _text(crystal: Crystal, citations: Mapping[str, str]) -> Record:
    _check_precursors(crystal)
    return Record(
        source=NAME,
        key=crystal.id,
        modality="text",
        value=_protocol(crystal.formula, crystal.route),
        formula=_formula(crystal.formula),
        provenance={"origin": "handbook", "source": cite(crystal.route.source, citations), "entry": crystal.id},
    )


def _protocol(target: str, route: Route) -> Protocol:
    return Protocol(
        target=target,
        precursors=route.precursors,
        operations=tuple(
            Operation(
                kind=step.kind,
                word=step.word,
                temperatures=step.celsius,
                hours=step.hours,
                atmospheres=step.atmosphere,
                media=step.media,
                device=step.device,
            )
            for step in route.operations
        ),
        method=route.method,
    )


def _formula(text: str) -> str:
    return reduced(_amounts("formula", text))


def _check_precursors(crystal: Crystal) -> None:
    brought = {element for text in crystal.route.precursors for element in _amounts("precursor", text)}
    lacking = set(_amounts("formula", crystal.formula)) - brought - FROM_ANYWHERE
    if lacking:
        raise StructureError(
            "route-lacks-element", f"no precursor of {crystal.formula} brings {', '.join(sorted(lacking))}: add one"
        )


def _amounts(what: str, text: str) -> Mapping[str, float]:
    read_as = classify(text)
    if read_as.kind not in {"plain", "hydrate"}:
        raise StructureError(
            "formula-unreadable", f"{what} {text!r} is {read_as.kind}: write elements with amounts, e.g. Ni(NO3)2·6H2O"
        )
    return read_as.amounts
