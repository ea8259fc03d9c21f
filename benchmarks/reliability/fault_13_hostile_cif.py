"""Fault 13: CIF files that are malformed, or meant to hang, crash or take over what reads them."""

import time
from pathlib import Path

from comma_data.errors import StructureError
from comma_data.pool import Processes
from comma_data.sample import RawStructure, Refusal
from comma_data.sources.structures import read
from comma_data.validate import check_structure

from benchmarks.reliability.hostile_cifs import mutants, payloads
from benchmarks.reliability.outcome import Outcome

FAULT = 13
WHAT = "mutated and malicious CIF files: no death, no hang over 5 s, every failure typed and named, nothing run"
LONGEST = 5.5
"""Seconds: the limit of a file, and what it takes to notice."""

Trial = tuple[bool, float, int]
"""Whether all went as promised, seconds of the processor, and structures accepted."""


def run(*, full: bool, folder: Path) -> Outcome:
    """Write the files into the folder, and read each in a worker process."""
    canary = folder / "canary"
    texts = [text.encode() for text in payloads(canary)]
    texts += mutants(10_000 - len(texts) if full else 150 - len(texts))
    paths = []
    for i, text in enumerate(texts):
        paths.append(folder / f"{i:05d}.cif")
        paths[-1].write_bytes(text)
    trials = list(Processes(workers=2).map(_trial, paths, on_death=_died))
    survived = sum(good and seconds <= LONGEST for good, seconds, _ in trials)
    if canary.exists():
        survived = 0
    accepted, slowest = sum(taken for *_, taken in trials), max(seconds for _, seconds, _ in trials)
    note = f"{accepted} structures accepted; slowest file {slowest:.1f} s of the processor; code run: {canary.exists()}"
    return Outcome(tried=len(paths), survived=survived, lost=len(paths) - survived, note=note)


def _trial(path: Path) -> Trial:
    started = time.process_time()
    try:
        outcomes = list(read(path))
        good = bool(outcomes) and all(_named(outcome, path) for outcome in outcomes if isinstance(outcome, Refusal))
        structures = [outcome.value for outcome in outcomes if not isinstance(outcome, Refusal)]
        accepted = sum(_passes(structure) for structure in structures)
    except Exception as error:  # noqa: BLE001 - any exception is a loss
        print(f"{path.name}: {error!r}")
        return False, time.process_time() - started, 0
    return good, time.process_time() - started, accepted


def _named(refusal: Refusal, path: Path) -> bool:
    return refusal.message.startswith(path.name) and refusal.key.startswith(path.stem) and bool(refusal.code)


def _passes(structure: RawStructure) -> bool:
    try:
        check_structure(structure)
    except StructureError:
        return False
    return True


def _died(path: Path) -> Trial:
    print(f"{path.name}: its process died")
    return False, 0.0, 0
