"""Structure <-> protocol on held-out formulas: a trained run beside what it has to beat.

Run in the root of the repository:

    python -m benchmarks.materials_project_first runs/materials-project data/materials-project
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from comma_eval.run import Asked, evaluate
from comma_eval.runs import model_folder
from comma_eval.task import Report
from comma_eval.tasks.synthesis import Synthesis

from benchmarks.results_form import ROOT, row, write_result

NAME = "materials-project-first"


def main(arguments: Sequence[str]) -> None:
    """Score the run in every view asked for and write the result."""
    asked = _parser().parse_args(arguments)
    start = time.monotonic()
    model = model_folder(asked.run)
    reports = [
        evaluate(Synthesis(view=view), model, asked.data, Asked(part=asked.fold), _say)
        for view in asked.view or ["precursors"]
    ]
    path = write_result(
        NAME,
        what=_what(reports[0], asked.fold),
        command=" ".join(["python -m benchmarks.materials_project_first", *(_relative(text) for text in arguments)]),
        rows=[found for report in reports for found in _rows(report)],
        seconds=time.monotonic() - start,
    )
    _say(f"wrote {path}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="run folder or model folder")
    parser.add_argument("data", type=Path, help="data set")
    parser.add_argument("--view", action="append", help="precursors (default), amounts, masked, operations; repeatable")
    parser.add_argument("--fold", default="test", choices=["test", "validation"])
    return parser


def _what(report: Report, part: str) -> str:
    facts = report.facts
    return (
        f"Retrieval between structures and protocols of formulas of the {part} part (test fold {facts['test fold']}) "
        f"of the data set {facts['data']} (hash {str(facts['data hash'])[:16]}); intervals by bootstrap over formulas, "
        f"every formula weighs the same. The model was trained on {facts['model trained on']}."
    )


def _rows(report: Report) -> Iterator[dict[str, Any]]:
    for found in report.rows:
        yield row(found.metric, found.value, n=found.n, low=found.low, high=found.high, **found.labels)


def _relative(text: str) -> str:
    """A path inside the repository without where that is."""
    path = Path(text)
    return str(path.relative_to(ROOT)) if path.is_absolute() and path.is_relative_to(ROOT) else text


def _say(message: str) -> None:
    print(message, file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
