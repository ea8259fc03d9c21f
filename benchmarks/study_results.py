"""Commit what a study found: its `study.json` becomes one result, or one for each of some of its tasks.

    python -m benchmarks.study_results studies/synthesis synthesis-retrieval --differences-of comma
    python -m benchmarks.study_results studies/modalities lattice=lattice defects=defects-simulated,defects-measured

A name alone takes all tasks. Nothing is computed anew: commit, machine and versions are those under which the study was
finished.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from comma_eval.report import belongs

from benchmarks.results_form import RESULTS, as_text, checked

FILE = "study.json"


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the results that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path, help="folder of a finished study")
    parser.add_argument("results", nargs="+", metavar="NAME[=TASK,...]")
    parser.add_argument("--to", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument(
        "--differences-of",
        metavar="MODEL",
        help="leave out paired differences of other models, of which tables of many are full",
    )
    asked = parser.parse_args(arguments)
    file = asked.study / FILE
    if not file.is_file():
        sys.exit(f"error: {file} is not there: the study is not finished (`comma study NAME` goes on with it)")
    found = json.loads(file.read_text(encoding="utf-8"))
    for wanted in asked.results:
        name, _, tasks = wanted.partition("=")
        path = asked.to / f"{name}.json"
        made = part(found, tasks.split(",") if tasks else known(found), asked.differences_of)
        path.write_text(as_text(made), encoding="utf-8")
        print(f"wrote {path}: {len(made['rows'])} rows, {len(made['primary'])} primary outcomes", file=sys.stderr)


def known(found: Mapping[str, Any]) -> list[str]:
    """The tasks of a study."""
    return list(dict.fromkeys(row["task"] for row in found["rows"]))


def part(found: Mapping[str, Any], tasks: Sequence[str], differences_of: str | None = None) -> dict[str, Any]:
    """The result of some tasks: rows with a value, primary outcomes and sizes of these tasks, and what all share.

    Of paired differences those of one model alone are kept, where it is named.
    """
    if missing := sorted(set(tasks) - set(known(found))):
        sys.exit(f"error: the study has no task {', '.join(missing)}; it has {', '.join(known(found))}")
    others = set(known(found)) - set(tasks)
    told = [row for row in found["rows"] if row["task"] in tasks and row["value"] is not None]
    if differences_of:
        told = [row for row in told if "against" not in row or belongs(row["model"], differences_of)]
    return {
        **found,
        "primary": [one for one in found["primary"] if asked_in(one) in tasks],
        "facts": {name: value for name, value in found["facts"].items() if not of_task(name, others)},
        "training": [] if others else found.get("training", []),
        "rows": [checked(dict(row)) for row in told],
    }


def asked_in(outcome: Mapping[str, Any]) -> str:
    """The task of an outcome, which is the first word of its question."""
    return str(outcome["question"]).partition(",")[0].strip()


def of_task(fact: str, tasks: set[str]) -> bool:
    """Whether a fact tells the size of one of these tasks."""
    _, there, question = fact.partition("held-out samples, ")
    return bool(there) and question.partition(",")[0] in tasks


if __name__ == "__main__":
    main()
