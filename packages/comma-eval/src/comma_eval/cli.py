"""`comma eval`: one command a task; they share their options."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from comma_data.storage import check_file

from comma_eval.options import Options, task_command

if TYPE_CHECKING:
    from comma_eval.task import Report, Task

app = typer.Typer(no_args_is_help=True)

ViewOption = Annotated[str, typer.Option("--view", help="precursors, amounts, masked or operations.")]
FORMS = (".html", ".json", ".md")
"""How a report can be written."""
LISTED = 10
"""Protocols for one structure."""
HeadOption = Annotated[str, typer.Option("--head", help="Fitted on the model's vectors: ridge, knn, forest or mlp.")]


@app.callback()
def main() -> None:
    """Score a model beside what it has to beat."""


@task_command(app)
def synthesis(
    *,
    view: ViewOption = "precursors",
    pool: Annotated[str, typer.Option(help="open, elements, cations, nearest, or all of these.")] = "open",
    corrupt: Annotated[float, typer.Option(help="Share of the steps of held-out protocols that is corrupted.")] = 0.0,
    corruption: Annotated[str, typer.Option(help="drop loses those steps, swap takes another recipe's.")] = "drop",
    fused: Annotated[
        bool,
        typer.Option("--fused", help="See a crystal by its structure and its composition, if the model reads both."),
    ] = False,
    counting: Annotated[
        float, typer.Option(help="Weight of the elements and amounts that both sides name, beside the model's vectors.")
    ] = 0.0,
    options: Options,
) -> None:
    """Find the protocol of an unseen material by its structure, and the structure by its protocol."""
    from comma_eval.errors import UsageError
    from comma_eval.tasks.synthesis import Synthesis

    if corruption != "drop" and not corrupt:
        raise UsageError(f"--corruption {corruption} says how, and --corrupt how much: give both")
    task = Synthesis(view=view, pool=pool, corrupted=corrupt, corruption=corruption, fused=fused, counting=counting)
    ask(task, options)


@task_command(app)
def retrieval(
    *,
    pair: Annotated[str, typer.Option(help="Two modalities, e.g. xrd-image, or all pairs.")] = "all",
    measured: Annotated[
        bool,
        typer.Option("--measured", help="All measured patterns and their protocols, a chemistry left out at a time."),
    ] = False,
    view: Annotated[str | None, typer.Option(help="As of synthesis. Default: precursors; amounts if measured.")] = None,
    options: Options,
) -> None:
    """Find the partner of a value in another modality, for every pair of modalities."""
    from comma_eval.errors import UsageError
    from comma_eval.tasks.measured import Measured
    from comma_eval.tasks.retrieval import Retrieval

    if not measured:
        ask(Retrieval(pair=pair, view=view or "precursors"), options)
        return
    if pair not in ("all", "text-xrd", "xrd-text"):
        raise UsageError(f"--measured asks about patterns and protocols, not about {pair}: omit --pair")
    if options.fold not in {"test", "all"} or options.test_fold is not None:
        raise UsageError("--measured asks about all folds, a chemistry left out at a time: omit --fold and --test-fold")
    ask(Measured(view=view or "amounts"), replace(options, fold="all"))


@task_command(app)
def missing(
    *,
    target: Annotated[str, typer.Option(help="The modality that is searched, or all one by one.")] = "structure",
    view: ViewOption = "precursors",
    seed: Annotated[int, typer.Option(help="Of what is taken away.")] = 0,
    property_: Annotated[
        str, typer.Option("--property", help="Predict this number instead of searching, e.g. band_gap_pbe.")
    ] = "",
    head: HeadOption = "ridge",
    options: Options,
) -> None:
    """Search, or predict, with 0, 30, 60 and 90 % of an entry's modalities taken away, with and without imputation."""
    from comma_eval.errors import UsageError
    from comma_eval.tasks.missing import Missing
    from comma_eval.tasks.missing_property import MissingProperty

    if property_:
        if (target, view) != ("structure", "precursors"):
            raise UsageError("--property predicts a number and searches nothing: omit --target and --view")
        ask(MissingProperty(target=property_, seed=seed, head=head), options)
        return
    ask(Missing(target=target, view=view, seed=seed), options)


@task_command(app)
def recommend(
    *,
    structure: Annotated[
        Path | None, typer.Option(help="A CIF, POSCAR, ...: list protocols for it, and score nothing.")
    ] = None,
    count: Annotated[int, typer.Option("--count", "-k", min=1, help="Protocols to list for a structure.")] = LISTED,
    everything: Annotated[
        bool, typer.Option("--everything", help="List for a structure from all folds, not from training folds alone.")
    ] = False,
    view: ViewOption = "precursors",
    options: Options,
) -> None:
    """Recommend precursors: scored on held-out materials, or listed with sources for one structure."""
    if structure is None:
        from comma_eval.tasks.recommend import Recommend

        if everything or count != LISTED:
            raise typer.BadParameter("--everything and --count are of a list for one structure; give --structure")
        ask(Recommend(view=view), options)
        return
    if options.transfer or options.items or options.fold != "test":
        raise typer.BadParameter("--transfer, --items and --fold are of scores; for one structure leave them out")
    from comma_eval.advice import Wanted, advise
    from comma_eval.runs import model_folder
    from comma_eval.showing import check_grid_file, show_grid

    check_grid_file(options.out)
    folder = None if options.baselines_only else model_folder(options.model)
    wanted = Wanted(view=view, count=count, everything=everything, test_fold=options.test_fold)
    advice = advise(structure, folder, options.data, wanted)
    show_grid(advice.grid(), advice.to_json(), advice.told(), json=options.json, out=options.out)


@task_command(app, "property")
def property_(
    *,
    target: Annotated[str, typer.Option(help="Name of the number that is predicted, e.g. band_gap_pbe.")],
    source: Annotated[
        str, typer.Option("--from", help="Modality that the model reads; structure+text reads both side by side.")
    ] = "structure",
    labels: Annotated[
        str, typer.Option(help="A label curve: numbers of labels, e.g. 300,1000,3000. Default: all labels.")
    ] = "",
    head: HeadOption = "ridge",
    options: Options,
) -> None:
    """Predict a property of unseen materials by a small head on frozen vectors, with many labels and with few."""
    from comma_eval.tasks.property import Property

    ask(Property(target=target, modalities=tuple(source.split("+")), labels=counts(labels), head=head), options)


@task_command(app)
def lattice(
    *,
    sources: Annotated[
        list[str] | None,
        typer.Option("--from", help="text, xrd, image or composition, each asked apart. Default: all that there are."),
    ] = None,
    head: HeadOption = "ridge",
    options: Options,
) -> None:
    """Predict the conventional cell of unseen materials from their words, patterns, images or formulas."""
    from comma_eval.tasks.lattice import SOURCES, Lattice

    ask(Lattice(sources=tuple(sources or SOURCES), head=head), options)


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
    from comma_eval.showing import check_grid_file, show_grid

    check_grid_file(out)
    items_a, items_b = comparing.read(a), comparing.read(b)
    first = comparing.choose("A", items_a, items_b, model_a or ())
    second = comparing.choose("B", items_b, items_a, model_b or ())
    found = comparing.compare(first, second)
    if alone := len(first[1].keys() ^ second[1].keys()):
        say(f"{alone} questions and metrics are in one of the two only, and left out")
    names = (first[0], second[0])
    show_grid(comparing.grid(found, names), comparing.to_json(found, names), {}, json=json, out=out)


@task_command(app)
def defects(
    *,
    which: Annotated[str, typer.Option("--set", help="simulated or measured.")] = "simulated",
    shots: Annotated[tuple[int, int, int], typer.Option(help="Labels of a class to learn from, beside all.")] = (
        5,
        20,
        100,
    ),
    options: Options,
) -> None:
    """Tell the defect in a micrograph by image, structure and both, on hosts, conditions and frames held out."""
    from comma_eval.errors import UsageError
    from comma_eval.tasks.defects import Defects

    task = Defects(which=which, shots=shots)
    if which == "measured":
        if options.fold not in {"test", "all"} or options.test_fold is not None:
            raise UsageError("--set measured holds out frames within each material: omit --fold and --test-fold")
        options = replace(options, fold="all")
    ask(task, options)


def counts(text: str) -> tuple[int, ...]:
    """`300, 1000` or `300 1000` as numbers, each once and rising.

    Raises:
        UsageError: something else.
    """
    from comma_eval.errors import UsageError

    try:
        return tuple(sorted({int(word) for word in text.replace(",", " ").split()}))
    except ValueError as error:
        raise UsageError(f"--labels {text!r}: give whole numbers with commas between them, e.g. 300,1000") from error


def ask(task: "Task[Any]", options: Options) -> None:
    """Run the task and show its report where the options say."""
    from comma_eval.errors import UsageError
    from comma_eval.items import pyarrow, write
    from comma_eval.run import Asked, evaluate
    from comma_eval.runs import model_folder

    for path in filter(None, (options.out, options.items)):
        check_file(path)
    if options.out and options.out.suffix not in FORMS:
        raise UsageError(f"--out {options.out}: a report is written as {', '.join(FORMS)}")
    if options.items:
        pyarrow()
    folder = None if options.baselines_only else model_folder(options.model)
    report = evaluate(
        task,
        folder,
        options.data,
        Asked(part=options.fold, test_fold=options.test_fold, transfer=options.transfer),
        say,
    )
    show(report, json=options.json, out=options.out)
    if options.items:  # last: a disk that is full takes the file alone
        say(f"wrote {write(report.items, options.items)} answers to {options.items}")


def show(report: "Report", *, json: bool, out: Path | None) -> None:
    """Print a report, and write it where a file is named."""
    from comma_eval.report import tables
    from comma_eval.showing import console, tell, write

    if json:
        print(report.to_json())
    else:
        screen = console()
        tell(screen, report.facts)
        for table in tables(report):
            screen.print(table)
    if out:  # after it is shown: a disk that is full takes the file alone
        write(written(report, out.suffix), out)


def written(report: "Report", suffix: str) -> str:
    """The report in the form that a file's ending asks for."""
    if suffix == ".html":
        from comma_eval.page.page import of_report, render

        return render(of_report(report))
    from comma_eval.report import markdown

    return markdown(report) if suffix == ".md" else report.to_json() + "\n"


def say(message: str) -> None:
    """To the person, not to the pipe."""
    print(message, file=sys.stderr)
