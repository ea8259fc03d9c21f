"""`comma atlas`: a page with the map of an index."""

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()
"""Draw the map of an index."""


@app.command()
def atlas(
    index: Annotated[Path, typer.Option(envvar="COMMA_INDEX", help="Folder of an index: `comma search build`.")] = Path(
        "index"
    ),
    out: Annotated[Path, typer.Option(help="The page.")] = Path("atlas.html"),
    data: Annotated[
        str | None,
        typer.Option(help="Folder or https address of its data set, where that is not where the index was built from."),
    ] = None,
    colour: Annotated[
        str, typer.Option(help="What colours the points at first: elements, sites, or a number of the data set.")
    ] = "elements",
    most: Annotated[int, typer.Option(min=2, max=20_000, help="Structures on the map, drawn by a hash.")] = 3000,
    seed: Annotated[int, typer.Option(help="Of the map.")] = 0,
) -> None:
    """Write one page: thousands of structures on a map, each with its crystal, protocol and neighbours."""
    from comma_explorer.atlas.collect import collect
    from comma_explorer.atlas.page import write

    found = collect(index, data=data, colour=colour, most=most, seed=seed)
    size = write(found, out)
    print(f"{out}: {len(found.points):,} structures, {size / 2**20:.1f} MiB; open it in a browser", file=sys.stderr)
