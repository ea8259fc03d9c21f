"""`comma serve`: the explorer in a browser."""

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()
"""Search, explain and look in a browser."""


@app.command()
def serve(
    index: Annotated[Path, typer.Option(envvar="COMMA_INDEX", help="Folder of an index: `comma search build`.")] = Path(
        "index"
    ),
    data: Annotated[
        str | None,
        typer.Option(help="Folder or https address of its data set, where that is not where the index was built from."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Its model, where it is not where the index names it.")] = None,
    atlas: Annotated[Path | None, typer.Option(help="A page that `comma atlas` made, to be shown beside.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page at once.")] = True,
) -> None:
    """Search in a browser on this machine: drop a crystal, paste a protocol, see ranked answers and why."""
    from comma_explorer.serve.desk import Desk
    from comma_explorer.serve.run import run

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    run(lambda: Desk.open(index, data=data, model=model, atlas=atlas), port=port, browser=browser, say=say)
