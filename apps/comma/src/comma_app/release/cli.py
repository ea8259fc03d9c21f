"""`comma release`."""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(
    no_args_is_help=True,
    help="A model, or the vectors that it gives to a data set, as a folder for others and for the Hugging Face hub.",
)

Out = Annotated[Path, typer.Option(help="New folder.")]
Json = Annotated[bool, typer.Option("--json", help="What was written, as JSON on stdout.")]


@app.command()
def model(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder, model folder, or a model of the package.")],
    out: Out,
    results: Annotated[
        list[Path] | None,
        typer.Option(help="Figures of this model: `comma eval TASK RUN --json`, or a file of benchmarks/results."),
    ] = None,
    metric: Annotated[list[str] | None, typer.Option(help="Take only this metric of the results, e.g. R@1.")] = None,
    name: Annotated[str, typer.Option(help="Name of the model; that of its run if not given.")] = "",
    description: Annotated[str, typer.Option(help="What it is, in a sentence or two.")] = "",
    licence: Annotated[str, typer.Option(help="As the Hugging Face hub names it, e.g. apache-2.0.")] = "",
    command: Annotated[str, typer.Option(help="What makes the model again.")] = "",
    limit: Annotated[list[str] | None, typer.Option(help="A sentence about what it is not good for.")] = None,
    json_: Json = False,
) -> None:
    """Copy a trained model into a folder with its card: data, split, settings, figures, licence, limits, hashes."""
    from comma_app.release.model import Stated, release

    stated = Stated(name=name, description=description, licence=licence, command=command, limits=tuple(limit or ()))
    done = release(run, out, results=results or (), metrics=metric or (), stated=stated)
    told = {"out": str(done.out), "name": done.name, "weights": done.weights, "bytes": done.bytes}
    print(json.dumps(told) if json_ else f"{done.name}: {done.bytes / 1e6:.1f} MB, weights {done.weights}")
    for what in done.unknown:
        print(f"note: the card calls the {what}", file=sys.stderr)
    print(f'written to {out}; load it with AlignedModel.from_pretrained("{out}")', file=sys.stderr)


@app.command()
def embeddings(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="Run folder, model folder, or a model of the package.")
    ],
    data: Annotated[str, typer.Option(help="Folder or https address of a data set.")],
    out: Out,
    workers: Annotated[int, typer.Option(min=0, help="Workers of the engine; 0 works in this process.")] = 2,
    engine: Annotated[Literal["processes", "ray"], typer.Option(help="What the work runs on; same bytes out.")] = (
        "processes"
    ),
    ray_address: Annotated[str | None, typer.Option(help="Of a running Ray cluster, e.g. auto.")] = None,
    name: Annotated[str, typer.Option(help="Name of the set; MODEL-DATA if not given.")] = "",
    licence: Annotated[str, typer.Option(help="As the Hugging Face hub names it, e.g. cc-by-4.0.")] = "unknown",
    json_: Json = False,
) -> None:
    """Write the vectors of every value of a data set as Parquet, with a card and Croissant metadata; resumable."""
    from comma_data.engines import engine_of
    from comma_data.interrupt import resumable
    from comma_data.progress import Printer

    from comma_app.release.embeddings import release

    progress = Printer()
    chosen = engine_of(engine, workers=workers, address=ray_address)
    with resumable("the same command goes on"):
        done = release(model, data, out, engine=chosen, licence=licence, name=name, progress=progress)
    progress.close()
    rows = [{"modality": of, "part": part, "rows": number} for (of, part), number in done.rows.items()]
    if json_:
        print(json.dumps({"out": str(done.out), "refused": done.refused, "rows": rows}))
    else:
        print("\n".join(f"{row['modality']} {row['part']}: {row['rows']:,} vectors" for row in rows))
    if done.refused:
        print(f"note: {done.refused:,} values could not be encoded: {out / 'refusals.jsonl'}", file=sys.stderr)
    print(f"written to {out}; read it with datasets.load_dataset({str(out)!r})", file=sys.stderr)
