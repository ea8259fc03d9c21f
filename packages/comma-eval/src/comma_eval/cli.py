"""`comma eval`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)

WIDTH = 160
"""Columns of a table that is written into a file or a pipe."""


@app.callback()
def main() -> None:
    """Score a model beside what it has to beat."""


@app.command()
def synthesis(
    model: Annotated[
        Path | None, typer.Argument(help="Run folder or model folder. Default: the newest under runs/.")
    ] = None,
    *,
    data: Annotated[Path | None, typer.Option(help="Data set. Default: the one that the model names.")] = None,
    view: Annotated[str, typer.Option(help="precursors, amounts, masked or operations.")] = "precursors",
    fold: Annotated[str, typer.Option(help="test, or validation for choices.")] = "test",
    test_fold: Annotated[int | None, typer.Option(help="0 to 4. Default: the one that the model names, or 0.")] = None,
    baselines_only: Annotated[bool, typer.Option("--baselines-only", help="Score no model; needs --data.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    out: Annotated[Path | None, typer.Option(help="Also write the report here: .json or .md.")] = None,
) -> None:
    """Find the protocol of an unseen material by its structure, and the structure by its protocol."""
    from comma_eval.report import markdown, tables
    from comma_eval.run import Question, evaluate_synthesis
    from comma_eval.runs import model_folder

    folder = None if baselines_only else model_folder(model)
    report = evaluate_synthesis(folder, data, Question(view=view, part=fold, test_fold=test_fold), _say)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(markdown(report) if out.suffix == ".md" else report.to_json() + "\n", encoding="utf-8")
        _say(f"wrote {out}")
    if json:
        print(report.to_json())
        return
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    console.print(*(f"{name}: {value}" for name, value in report.facts.items()), sep="\n", markup=False)
    for table in tables(report):
        console.print(table)


def _say(message: str) -> None:
    print(message, file=sys.stderr)
