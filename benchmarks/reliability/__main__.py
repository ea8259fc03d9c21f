"""Faults and threats, each tried many times: how many were survived, and how many did harm.

Run in the root of the repository, with COMMA_DATA set; a fault whose module is named is tried again, the others keep
the rows that they have in the result:

    python -m benchmarks.reliability [--smoke] [FAULT ...]
"""

import argparse
import json
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.results_form import RESULTS, row, write_result

ABOUT = {
    "data": "Faults and threats to data and builds: trials, how many ended as promised, how many did harm",
    "align": "Faults and threats to models and training: trials, how many ended as promised, how many did harm",
    "serve": "Threats to the local web app: trials, how many ended as promised, how many did harm",
}
"""Part -> what its result says; each has a file `reliability-PART.json`."""
COMMAND = "python -m benchmarks.reliability"


def modules() -> list[ModuleType]:
    """Every fault that can be tried, in the order of the numbers."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("fault_*.py"))
    return [import_module(f"benchmarks.reliability.{name}") for name in names]


def tried(module: ModuleType, *, full: bool) -> dict[str, Any]:
    """The row of one fault."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        outcome = module.run(full=full, folder=Path(folder))
    if outcome.tried != outcome.survived + outcome.lost:
        raise AssertionError(f"fault {module.FAULT}: tried is not survived + lost: {outcome}")
    return row(
        "survived",
        outcome.survived,
        n=outcome.tried,
        fault=module.FAULT,
        what=module.WHAT,
        lost=outcome.lost,
        note=outcome.note,
        trial_seconds=round(time.monotonic() - started, 1),
    )


def main() -> int:
    """Try the faults and write the result; 1 where any did harm."""
    parser = argparse.ArgumentParser(description="Try faults and threats; write the result.")
    parser.add_argument("faults", nargs="*", type=int, help="numbers; without one, all")
    parser.add_argument("--smoke", action="store_true", help="small versions, nothing is written")
    options = parser.parse_args()
    started = time.monotonic()
    chosen = [m for m in modules() if not options.faults or m.FAULT in options.faults]
    lost = 0
    for module in chosen:
        found = tried(module, full=not options.smoke)
        lost += found["lost"]
        print(
            f"{module.FAULT:3d}  tried {found['n']:6,}  survived {found['value']:6,}  lost {found['lost']:4,}"
            f"  {found['trial_seconds']:7.1f} s  {found['note']}",
            flush=True,
        )
        if not options.smoke:
            _write(part_of(module), found, time.monotonic() - started)
    return int(lost > 0)


def part_of(module: ModuleType) -> str:
    """Of what a fault is one."""
    return str(getattr(module, "PART", "data"))


def _present(part: str) -> dict[int, dict[str, Any]]:
    path = RESULTS / f"reliability-{part}.json"
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    return {found["fault"]: found for found in rows}


def _write(part: str, found: dict[str, Any], seconds: float) -> None:
    """Put a row beside those that are there."""
    rows = {**_present(part), found["fault"]: found}
    ordered = [rows[number] for number in sorted(rows)]
    write_result(f"reliability-{part}", what=ABOUT[part], command=COMMAND, rows=ordered, seconds=seconds)


if __name__ == "__main__":
    sys.exit(main())
