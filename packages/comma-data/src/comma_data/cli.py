"""`comma-data`, also mounted as `comma data`: build, check and read aligned materials data."""

import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import typer

from comma_data.fetch.cli import app as fetch_app

app = typer.Typer(no_args_is_help=True, help="Build, check and read aligned materials data.")
"""Build, check and read aligned materials data."""
app.add_typer(fetch_app, name="fetch")

Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
Data = Annotated[str, typer.Argument(metavar="DATA", help="Folder or https address of a data set.")]


@app.command()
def build(
    name: Annotated[str, typer.Argument(metavar="NAME|PATH", help="A named build, or a TOML file that describes one.")],
    root: Annotated[
        Path | None, typer.Option(envvar="COMMA_DATA", help="Folder of the foreign files that the build reads.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write; data/NAME if not given.")] = None,
    workers: Annotated[int, typer.Option(min=0, help="Workers of the engine; 0 works in this process.")] = 2,
    engine: Annotated[Literal["processes", "ray"], typer.Option(help="What the work runs on; same bytes out.")] = (
        "processes"
    ),
    ray_address: Annotated[str | None, typer.Option(help="Of a running Ray cluster, e.g. auto.")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE in place of the build's.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read, curate, join and count; write nothing.")] = False,
    report: Annotated[bool, typer.Option(help="Write the page about the data set, OUT.html.")] = True,
    json_: Json = False,
) -> None:
    """Turn foreign files into a data set: curated, joined, split by group, in tar shards with a manifest."""
    from comma_data.build import build as run
    from comma_data.config import read_build
    from comma_data.dry_run import dry_run as try_out
    from comma_data.engines import engine_of
    from comma_data.interrupt import resumable
    from comma_data.manifest import MANIFEST
    from comma_data.pages.page import may_write
    from comma_data.progress import Printer
    from comma_data.storage import with_name_of_its_own
    from comma_data.tables import manifest_text

    described = read_build(name, settings=settings or [])
    progress = Printer()
    chosen = engine_of(engine, workers=workers, address=ray_address)
    if dry_run:
        outcome = try_out(described, root=root, engine=chosen, progress=progress)
        progress.close()
        print(outcome.json if json_ else outcome.text)
        _print_remarks(outcome.remarks)
        print(f"nothing written; it would be {outcome.samples:,} samples", file=sys.stderr)
        return
    target = with_name_of_its_own(out or Path("data") / described.name)
    there = (target / MANIFEST).exists()
    remarks: list[str] = []
    with resumable("the same command goes on"):
        manifest = run(described, root=root, out=target, engine=chosen, progress=progress, remark=remarks.append)
    progress.close()
    print(manifest.to_json() if json_ else manifest_text(manifest))
    _print_remarks(remarks)
    seconds = time.monotonic() - progress.started
    read = sum(counts.read for counts in manifest.counts.values())
    done = f"read {read:,} records in {seconds:.0f} s ({read / seconds:,.0f}/s), written to {target}"
    print(f"{target} is this data set already: left alone" if there else done, file=sys.stderr)
    page = target.with_name(f"{target.name}.html")
    if report and not there and may_write(page):
        _write_report(target, page)
    elif report and not there:
        print(f"note: {page} is no page of ours: left alone; `comma-data report` takes --out", file=sys.stderr)


def _print_remarks(lines: Iterable[str]) -> None:
    for line in lines:
        print(f"note: {line}", file=sys.stderr)


@app.command()
def report(
    data: Data,
    out: Annotated[Path | None, typer.Option(help="HTML file to write; DATA.html if not given.")] = None,
) -> None:
    """Write the page about a data set: what was read and refused, what met what, how it is split."""
    from comma_data.storage import with_name_of_its_own

    if out is None and "://" in data:
        out = Path(f"{data.rstrip('/').rpartition('/')[2]}.html")
    elif out is None:
        folder = with_name_of_its_own(Path(data))
        out = folder.with_name(f"{folder.name}.html")
    _write_report(data, out)


def _write_report(data: Path | str, page: Path) -> None:
    from comma_data.pages.report import report as page_of
    from comma_data.storage import complete_file

    with complete_file(page) as file:
        file.write(page_of(data).encode())
    print(f"the page about it: {page}", file=sys.stderr)


@app.command()
def export(
    data: Data,
    out: Annotated[Path, typer.Argument(help="New folder.")],
    test_fold: Annotated[int, typer.Option(min=0, max=4, help="Fold that becomes the part `test`.")] = 0,
    licence: Annotated[str, typer.Option(help="Licence for the card, as Hugging Face names it, e.g. cc-by-4.0.")] = (
        "unknown"
    ),
) -> None:
    """Write a data set as Parquet with a data card and Croissant metadata; needs the extra `export` of comma-data."""
    from comma_data.export.command import export as run
    from comma_data.progress import Printer

    progress = Printer()
    done = run(data, out, test_fold=test_fold, licence=licence, progress=progress)
    progress.close()
    for part in done.parts:
        print(f"{part.name}: {part.samples:,} samples")
    print(f"written to {out}; read it with datasets.load_dataset({str(out)!r})", file=sys.stderr)


@app.command()
def check(data: Data, json_: Json = False) -> None:
    """Verify every checksum of a data set, read every sample, and audit the walls between the parts of each split."""
    from comma_data.check import check as run
    from comma_data.errors import ConfigError, ShardError
    from comma_data.tables import splits_text, walls_text

    if "://" in data:
        raise ConfigError(f"{data}: copy the data set to a folder to check every byte of it")
    faults, splits = run(Path(data))
    if json_:
        print(json.dumps({"faults": faults, "splits": splits}))
    elif splits:
        print(splits_text(splits))
    if faults:
        listed = "\n  ".join(faults[:20] + [f"and {len(faults) - 20} more"] * (len(faults) > 20))
        raise ShardError(f"{data} is damaged, build or copy it again:\n  {listed}")
    print(f"{data}: every checksum holds; {walls_text(splits)} stands on two sides of a split", file=sys.stderr)


@app.command()
def show(
    data: Data,
    sample: Annotated[str | None, typer.Argument(metavar="[ID]", help="A sample; without one, the data set.")] = None,
    html: Annotated[Path | None, typer.Option(help="Draw the sample as a page in this file.")] = None,
    json_: Json = False,
) -> None:
    """Print what a data set says of itself and its first ids, or one sample; or draw the sample as a page."""
    from comma_data.errors import ConfigError
    from comma_data.pages.show import page
    from comma_data.shards import ShardSet
    from comma_data.storage import complete_file
    from comma_data.tables import manifest_text, sample_json, sample_text

    if html is not None and sample is None:
        raise ConfigError("--html draws one sample: give its id too; `comma-data report` draws the data set")
    shards = ShardSet(data)
    if sample is None:
        print(shards.manifest.to_json() if json_ else manifest_text(shards.manifest))
        print(f"first ids: {' '.join(shards.ids[:8])}", file=sys.stderr)
        return
    found = shards[shards.position(sample)]
    if html is not None:
        with complete_file(html) as file:
            file.write(page(found).encode())
        print(f"drawn in {html}", file=sys.stderr)
    elif json_:
        print(sample_json(found))
    else:
        print(sample_text(found))


def main() -> None:
    """Run the command; a user's mistake ends with one message and its exit code."""
    from comma_data.command import run

    run(app)
