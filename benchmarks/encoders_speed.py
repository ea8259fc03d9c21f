"""Speed and memory of the encoders beside peers of the same width, in one run.

Run in the root of the repository, on a quiet machine; about five minutes on two cores:

    COMMA_DATA=DIR python -m benchmarks.encoders_speed

What is measured, and how, is the suite's (`hatch run bench`), with more repetitions and the passes that it leaves out.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import torch

from benchmarks import denormals
from benchmarks.results_form import RESULTS, row, write_result
from benchmarks.suite import image, load, structure, text
from benchmarks.suite.crystals import Crystals, collections
from benchmarks.suite.measure import Measurement
from benchmarks.suite.run import THREADS

COLLECTION = "materials-project"
PASSES = (structure.STEP, structure.INFERENCE, structure.MEMORY)
BESIDE = dict.fromkeys(structure.PEERS, PASSES)
PAIRS = {"structure": 15, "text": 15, "image": 11}
WHAT = (
    "The structure encoder in training and inference on 64 crystals of the Materials Project, and a training step of "
    "the text and the image encoder, beside peers of the same width, measured in turn in one run, torch on "
    f"{THREADS} threads. Each ratio is the median over pairs of peer / comma in cost (time, or extra memory): larger "
    "is better; intervals by the sign test"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write; 2 where the crystals are not there."""
    asked = _parser().parse_args(arguments)
    torch.set_num_threads(THREADS)
    crystals = next((found for found in collections() if found.name == COLLECTION), None)
    if crystals is None:
        print(f"error: set COMMA_DATA to a folder that holds {COLLECTION}/; see benchmarks/DATA.md", file=sys.stderr)
        return 2
    start, load_before = time.perf_counter(), load.reading()
    found = list(_said(measurements(crystals, asked.pairs)))
    others = load.others_since(load_before)
    rows = [made for measurement in found for made in measurement.rows()]
    rows.append(row("cores taken by other processes", others, n=1, row="machine"))
    command = "COMMA_DATA=DIR python -m benchmarks.encoders_speed"
    path = write_result(asked.out.stem, WHAT, command, rows, time.perf_counter() - start, folder=asked.out.parent)
    print(f"wrote {path}", file=sys.stderr)
    if others is not None and others > load.TOO_MUCH:
        print(f"warning: other processes kept {others:.2g} cores busy: repeat on a quiet machine", file=sys.stderr)
    return 0


def measurements(crystals: Crystals, pairs: int | None = None) -> Iterator[Measurement]:
    """All of them; `pairs` replaces the usual numbers of repetitions."""
    count = PAIRS if pairs is None else dict.fromkeys(PAIRS, pairs)
    yield from structure.measure(crystals, count["structure"], BESIDE)
    precisions = [name for name, reduced in text.PRECISIONS.items() if not reduced or image.computes_bf16()]
    yield from text.measure(count["text"], precisions)
    yield from image.measure(count["image"])


def _said(found: Iterator[Measurement]) -> Iterator[Measurement]:
    for one in found:
        print(f"{one.name}: {median(one.costs.ratios):.3g}", file=sys.stderr, flush=True)
        yield one


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, help=f"runs of each side, for a trial; without, {PAIRS}")
    parser.add_argument("--out", type=Path, default=RESULTS / "encoders-speed.json", help="where the result goes")
    return parser


if __name__ == "__main__":
    denormals.flush()
    sys.exit(main())
