"""`comma data`: build, check and read aligned materials data."""

import json
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Build, check and read aligned materials data.")
"""Build, check and read aligned materials data."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
Data = Annotated[Path, typer.Argument(metavar="DATA", help="Folder of a data set.")]


@app.command()
def build(
    name: Annotated[str, typer.Argument(metavar="NAME|PATH", help="A named build, or a TOML file that describes one.")],
    root: Annotated[
        Path | None, typer.Option(envvar="COMMA_DATA", help="Folder of the foreign files that the build reads.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write.  [default: data/NAME]")] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes that parse and simulate; 0 works in this one.")] = 2,
    max_refused: Annotated[
        float | None, typer.Option(min=0, max=1, help="Refused share of structures beyond which nothing is written.")
    ] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE in place of the build's.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read, curate, join and count; write nothing.")] = False,
    json_: Json = False,
) -> None:
    """Turn foreign files into a data set: curated, joined, split by formula, in tar shards with a manifest."""
    from comma_data.build import build as run
    from comma_data.build import check_refused, prepare
    from comma_data.config import read_build
    from comma_data.manifest import MANIFEST
    from comma_data.progress import Printer
    from comma_data.tables import counts_text, manifest_text

    given = [] if max_refused is None else [f"max_refused={max_refused}"]
    described = read_build(name, settings=[*(settings or []), *given])
    progress = Printer()
    if dry_run:
        prepared = prepare(described, root=root, workers=workers, progress=progress)
        progress.close()
        print(counts_text(prepared.curated.counts, as_json=json_))
        check_refused(described, prepared.curated)
        return
    target = out or Path("data") / described.name
    there = (target / MANIFEST).exists()
    manifest = run(described, root=root, out=target, workers=workers, progress=progress)
    progress.close()
    print(manifest.to_json() if json_ else manifest_text(manifest))
    seconds = time.monotonic() - progress.started
    read = sum(counts.read for counts in manifest.counts.values())
    done = f"read {read:,} records in {seconds:.0f} s ({read / seconds:,.0f}/s), written to {target}"
    print(f"{target} is this data set already: left alone" if there else done, file=sys.stderr)


@app.command()
def check(data: Data, json_: Json = False) -> None:
    """Verify every checksum of a data set, read every sample, and audit the walls between the parts of each split."""
    from comma_data.check import check as run
    from comma_data.errors import ShardError
    from comma_data.tables import table

    faults, splits = run(data)
    if json_:
        print(json.dumps({"faults": faults, "splits": splits}))
    elif splits:
        print(table(list(splits[0]), [list(split.values()) for split in splits]))
    if faults:
        listed = "\n  ".join(faults[:20] + [f"and {len(faults) - 20} more"] * (len(faults) > 20))
        raise ShardError(f"{data} is damaged, build or copy it again:\n  {listed}")
    print(f"{data}: every checksum holds, no formula, DOI or paragraph stands on two sides of a split", file=sys.stderr)


@app.command()
def show(
    data: Data,
    sample: Annotated[str | None, typer.Argument(metavar="[ID]", help="A sample; without one, the data set.")] = None,
    json_: Json = False,
) -> None:
    """Print what a data set says of itself and its first ids, or one sample."""
    from comma_data.codec import DOCUMENT, encode
    from comma_data.shards import ShardSet
    from comma_data.tables import manifest_text, sample_text

    shards = ShardSet(data)
    if sample is None:
        print(shards.manifest.to_json() if json_ else manifest_text(shards.manifest))
        print(f"first ids: {' '.join(shards.ids[:8])}", file=sys.stderr)
        return
    found = shards[shards.position(sample)]
    print(encode(found)[DOCUMENT].decode() if json_ else sample_text(found))
