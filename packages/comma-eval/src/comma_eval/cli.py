"""`comma eval`: one command a task; they share their options."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from comma_eval.options import Options, task_command

if TYPE_CHECKING:
    from comma_eval.task import Report, Task

app = typer.Typer(no_args_is_help=True)

ViewOption = Annotated[str, typer.Option("--view", help="precursors, amounts, masked or operations.")]
WIDTH = 160
"""Columns of a table that is written into a file or a pipe."""


@app.callback()
def main() -> None:
    """Score a model beside what it has to beat."""


@task_command(app)
def synthesis(
    *,
    view: ViewOption = "precursors",
    pool: Annotated[str, typer.Option(help="open, elements, cations, nearest, or all of these.")] = "open",
    options: Options,
) -> None:
    """Find the protocol of an unseen material by its structure, and the structure by its protocol."""
    from comma_eval.tasks.synthesis import Synthesis

    ask(Synthesis(view=view, pool=pool), options)


def ask(task: "Task[Any]", options: Options) -> None:
    """Run the task and show its report where the options say."""
    from comma_eval.run import Asked, evaluate
    from comma_eval.runs import model_folder

    folder = None if options.baselines_only else model_folder(options.model)
    report = evaluate(task, folder, options.data, Asked(part=options.fold, test_fold=options.test_fold), say)
    if options.items:
        from comma_eval.items import write

        say(f"wrote {write(report.items, options.items)} answers to {options.items}")
    show(report, json=options.json, out=options.out)


def show(report: "Report", *, json: bool, out: Path | None) -> None:
    """Print a report, and write it where a file is named."""
    from comma_eval.report import markdown, tables

    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(markdown(report) if out.suffix == ".md" else report.to_json() + "\n", encoding="utf-8")
        say(f"wrote {out}")
    if json:
        print(report.to_json())
        return
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    console.print(*(f"{name}: {value}" for name, value in report.facts.items()), sep="\n", markup=False)
    for table in tables(report):
        console.print(table)


def say(message: str) -> None:
    """To the person, not to the pipe."""
    print(message, file=sys.stderr)
