"""The benchmark suite at smoke size: ratios to peers, measured in the same run.

Fails when a ratio falls below half of the one in benchmarks/results/bench.json, if that was measured on this kind of
processor; on another, that is a warning. Set COMMA_DATA to measure on crystals
of the Materials Project too.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from comma_app.study.machine import machine

from benchmarks import denormals
from benchmarks import results_form as form
from benchmarks.suite import load
from benchmarks.suite.compare import Verdict, compare, read_cpu, read_rows
from benchmarks.suite.run import NAMES, THREADS, measurements
from benchmarks.suite.table import table

COMMITTED = form.RESULTS / "bench.json"
COMMAND = "COMMA_DATA=DIR hatch run bench --write"
WHAT = (
    "Start-up, data path, structure encoder and loss beside peers, measured in turn in one run at smoke size, torch on "
    f"{THREADS} threads. Each ratio is the median over pairs of peer / comma in cost (time, or extra memory): larger "
    "is better."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write, print and compare; 1 if a row became too slow, or the machine was too busy for `--write`."""
    asked = _asked(arguments)
    start, load_before = time.perf_counter(), load.reading()
    found = list(measurements(set(asked.only or NAMES)))
    others = load.others_since(load_before)
    rows = [row for measurement in found for row in measurement.rows()]
    rows.append(form.row("cores taken by other processes", others, n=1, row="machine"))
    verdicts, cpu = compare(rows, read_rows(COMMITTED)), read_cpu(COMMITTED)
    busy = others is not None and others > load.TOO_MUCH
    out = COMMITTED if asked.write and not busy else asked.out
    path = form.write_result(out.stem, WHAT, COMMAND, rows, time.perf_counter() - start, folder=out.parent)
    print(path.read_text(encoding="utf-8").rstrip() if asked.json else table(found, verdicts))
    print(f"wrote {path} after {time.perf_counter() - start:.0f} s", file=sys.stderr)
    if busy:
        print(f"{'error' if asked.write else 'warning'}: {_busy(others, asked)}", file=sys.stderr)
    return int(busy) if asked.write else _judge(verdicts, cpu)


def _busy(others: float | None, asked: argparse.Namespace) -> str:
    """Why the figures are not to be believed, and what became of them: a reference made so would hide a regression."""
    kept = " The committed result was left as it is." if asked.write else ""
    return (
        f"other processes kept {others:.2g} cores busy, and threaded rows (loss, step) suffer most from that.{kept} "
        "Repeat on a quiet machine."
    )


def _judge(verdicts: Sequence[Verdict], cpu: str | None) -> int:
    """1 where a row became too slow on the kind of processor on which the committed result was measured.

    Kernels that the compiler fits to a processor gain more from wide registers than the peers' do, so that on another
    kind a ratio can be a quarter of what it was without any change of the code; that is said, and is no failure.
    """
    slow = [verdict for verdict in verdicts if verdict.too_slow]
    here = machine()["cpu"]
    same = cpu in {None, here}
    for verdict in slow:
        advice = (
            "find what slowed it, or accept it with --write" if same else f"measured there on {cpu}, here on {here}"
        )
        print(f"{'error' if same else 'warning'}: {verdict}; {advice}", file=sys.stderr)
    return 1 if slow and same else 0


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="hatch run bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", action="append", choices=NAMES, help="measure this alone; repeatable")
    parser.add_argument(
        "--out", type=_json_path, default=form.ROOT / "build" / "bench.json", help="where the result goes"
    )
    parser.add_argument("--write", action="store_true", help="replace the committed result")
    parser.add_argument("--json", action="store_true", help="print the result instead of the table")
    asked = parser.parse_args(arguments)
    if asked.write and asked.only:
        parser.error("--write replaces every row: leave --only out")
    return asked


def _json_path(text: str) -> Path:
    path = Path(text)
    if path.suffix != ".json":
        raise argparse.ArgumentTypeError(f"{text}: a result is a .json file")
    return path


if __name__ == "__main__":
    denormals.flush()
    sys.exit(main())
