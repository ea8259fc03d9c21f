"""`comma eval`: one command a task; they share their options."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from comma_eval.options import Options, task_command

if TYPE_CHECKING:
    from rich.console import Console

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


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="What --items wrote; a folder of such files, one a fold.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Likewise, or the same file with --model-a and --model-b.")],
    *,
    model_a: Annotated[
        list[str] | None, typer.Option(help="Whose answers in A; repeat it for one name a fold.")
    ] = None,
    model_b: Annotated[list[str] | None, typer.Option(help="Whose answers in B.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    out: Annotated[Path | None, typer.Option(help="Also write the comparison here: .json or .md.")] = None,
) -> None:
    """Say whether one model is better than another, paired on the items that both answered."""
    from comma_eval import compare as comparing

    items_a, items_b = comparing.read(a), comparing.read(b)
    first = comparing.choose("A", items_a, items_b, model_a or ())
    second = comparing.choose("B", items_b, items_a, model_b or ())
    found = comparing.compare(first, second)
    if alone := len(first[1].keys() ^ second[1].keys()):
        say(f"{alone} questions and metrics are in one of the two only, and left out")
    document = comparing.to_json(found, (first[0], second[0]))
    grid = comparing.grid(found, (first[0], second[0]))
    if out:
        from comma_eval.report import markdown_of

        write(markdown_of(grid) if out.suffix == ".md" else document, out)
    if json:
        print(document)
        return
    from comma_eval.report import table

    console().print(table(grid))


def ask(task: "Task[Any]", options: Options) -> None:
    """Run the task and show its report where the options say."""
    from comma_eval.run import Asked, evaluate
    from comma_eval.runs import model_folder

    folder = None if options.baselines_only else model_folder(options.model)
    report = evaluate(task, folder, options.data, Asked(part=options.fold, test_fold=options.test_fold), say)
    if options.items:
        from comma_eval.items import write as keep

        say(f"wrote {keep(report.items, options.items)} answers to {options.items}")
    show(report, json=options.json, out=options.out)


def show(report: "Report", *, json: bool, out: Path | None) -> None:
    """Print a report, and write it where a file is named."""
    from comma_eval.report import markdown, tables

    if out:
        write(markdown(report) if out.suffix == ".md" else report.to_json(), out)
    if json:
        print(report.to_json())
        return
    screen = console()
    screen.print(*(f"{name}: {value}" for name, value in report.facts.items()), sep="\n", markup=False)
    for table in tables(report):
        screen.print(table)


def console() -> "Console":
    """Where tables are drawn: as wide as the terminal, or wide enough for a file."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)


def write(text: str, out: Path) -> None:
    """Write a file, and the folder that it lies in."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    say(f"wrote {out}")


def say(message: str) -> None:
    """To the person, not to the pipe."""
    print(message, file=sys.stderr)
