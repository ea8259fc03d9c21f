"""Every encoder alone beside a named simple rival, on held-out formulas.

Run in the root of the repository, with COMMA_DATA set; a part that is named replaces its rows of the result, so that
the whole can be measured in pieces:

    python -m benchmarks.encoder_rivals [text] [xrd] [image] [--smoke]

With `--smoke` each part runs on little data for few steps, and writes to `build/` only.
"""

import argparse
import importlib
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.results_form import RESULTS, ROOT, row, write_result

NAME = "encoder-rivals"
PARTS = ("text", "xrd", "image")
"""Each is a module beside this one with `rows(data, *, smoke) -> rows`; `data` is the folder named by COMMA_DATA."""
COMMAND = "COMMA_DATA=DIR python -m benchmarks.encoder_rivals"
WHAT = (
    "Each encoder, trained from scratch by a plain loop on the training folds, beside a simple rival that is fitted on"
    " the same rows: choices by the validation fold, one look at the test fold, intervals by bootstrap over formulas"
)

Rows = list[dict[str, Any]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the parts and write the result after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="without one, all")
    parser.add_argument("--smoke", action="store_true", help="little data and few steps; writes to build/ only")
    asked = parser.parse_args(arguments)
    root = os.environ.get("COMMA_DATA")
    if not root:
        sys.exit("error: set COMMA_DATA to the folder that benchmarks/DATA.md describes")
    folder = ROOT / "build" if asked.smoke else RESULTS
    for part in asked.parts or PARTS:
        print(f"{part}: wrote {_measured(part, Path(root), folder, smoke=asked.smoke)}", file=sys.stderr)


def _measured(part: str, data: Path, folder: Path, *, smoke: bool) -> Path:
    """Run one part and put its rows into the result beside those of the others."""
    start = time.monotonic()
    found = importlib.import_module(f"benchmarks.encoder_rivals.{part}").rows(data, smoke=smoke)
    found = [*found, row("seconds", round(time.monotonic() - start, 1), n=1)]
    kept = [r for r in _present(folder) if r["part"] != part]
    rows = sorted([*kept, *({"part": part, **r} for r in found)], key=lambda r: PARTS.index(r["part"]))
    seconds = sum(r["value"] for r in rows if r["metric"] == "seconds")
    return write_result(NAME, what=WHAT, command=COMMAND, rows=rows, seconds=seconds, folder=folder)


def _present(folder: Path) -> Rows:
    path = folder / f"{NAME}.json"
    rows: Rows = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.is_file() else []
    return rows


if __name__ == "__main__":
    main()
