"""Fault 14: structures that would crash, hang or mislead a neighbour search, and sound ones that must pass."""

import importlib.util
import os
import time
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from types import ModuleType

from comma_data.errors import StructureError
from comma_data.pool import Processes
from comma_data.sample import RawStructure, Record
from comma_data.sources import structures, textbook
from comma_data.validate import check_structure

from benchmarks.reliability.memory_growth import growth_of
from benchmarks.reliability.outcome import Outcome

FAULT = 14
WHAT = (
    "60 or more pathological structures refused with their code, at most 1 s and 500 MB each; no sound crystal refused"
)
TABLE = Path(__file__).parents[2] / "packages" / "comma-data" / "tests" / "test_validate.py"
"""The table is that of the tests."""
SECONDS, MEGABYTES = 1.0, 500.0

Trial = tuple[bool, float, float]
"""Whether the code was the expected one, seconds, and MB that the process grew by."""


def run(*, full: bool, folder: Path) -> Outcome:  # noqa: ARG001 - writes nothing
    """Check each structure of the table in a worker process, then a control set of real crystals."""
    names = sorted(_table().PATHOLOGICAL)
    trials = list(Processes(workers=1).map(_trial, names, on_death=_died))
    survived = sum(good and seconds <= SECONDS and grown <= MEGABYTES for good, seconds, grown in trials)
    control = list(_control(full=full))
    passed = sum(_code(structure) == "" for structure in control)
    slowest, largest = max(seconds for _, seconds, _ in trials), max(grown for *_, grown in trials)
    note = (
        f"{len(names)} pathological, slowest {slowest:.3f} s, growth at most {largest:.0f} MB;"
        f" control set: {passed} of {len(control)} passed"
    )
    tried = len(names) + len(control)
    return Outcome(tried=tried, survived=survived + passed, lost=tried - survived - passed, note=note)


def _table() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pathological_structures", TABLE)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(TABLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _trial(name: str) -> Trial:
    structure, code = _table().PATHOLOGICAL[name]
    started = time.monotonic()
    found, grown = growth_of(partial(_code, structure))
    return found == code, time.monotonic() - started, grown


def _died(_name: str) -> Trial:
    return False, 0.0, 0.0


def _code(structure: RawStructure) -> str:
    try:
        check_structure(structure)
    except StructureError as error:
        return error.code
    return ""


def _control(*, full: bool) -> Iterator[RawStructure]:
    """A thousand crystals of the Materials Project, all of them where `full`; without the data, the textbook's."""
    if "COMMA_DATA" in os.environ:
        folder = Path(os.environ["COMMA_DATA"]) / "materials-project"
        found = (
            structures.read(folder, engine=Processes(workers=2))
            if full
            else structures.read(folder / "structures-00.tar.gz")
        )
    else:
        found = textbook.read()
    records = (item for item in found if isinstance(item, Record) and item.modality == "structure")
    for record in records if full else islice(records, 1000):
        yield record.value
