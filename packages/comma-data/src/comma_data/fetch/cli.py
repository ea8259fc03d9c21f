"""`comma-data fetch`: structures and properties from the web, into a folder that `comma-data build` reads."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Fetch structures and properties into a folder that `build` reads.")
"""Fetch structures and properties from the web."""

Out = Annotated[Path, typer.Option(help="New folder; give the same command again to go on after a break.")]
Elements = Annotated[str, typer.Option(help="Elements that a material contains, all of them: Li,Fe,O.")]
Fields = Annotated[str | None, typer.Option(help="Columns of properties.csv, separated by commas.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Records, at most.")]
PageSize = Annotated[int, typer.Option(min=1, max=1000, help="Records in one answer.")]
MaxSeconds = Annotated[
    float, typer.Option(min=1, help="Stop after this time (exit code 4); the command goes on later.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


@app.command()
def mp(
    out: Out,
    elements: Elements = "",
    fields: Fields = None,
    limit: Limit = None,
    page_size: PageSize = 200,
    max_seconds: MaxSeconds = 21600,
    json_: Json = False,
) -> None:
    """Fetch from the Materials Project, with the key that stands in MP_API_KEY; needs the extra `mp` of comma-data."""
    from comma_data.fetch import mp as project
    from comma_data.fetch.limits import Limits, Patience
    from comma_data.fetch.page import Query
    from comma_data.fetch.redact import redacted_logs
    from comma_data.fetch.run import fetch
    from comma_data.fetch.store import journal_text
    from comma_data.progress import Printer

    secret = project.key()
    url = project.endpoint()
    secret.keep_out(elements=elements, fields=fields or "", out=str(out), MP_API_ENDPOINT=url)
    query = Query(
        origin="mp",
        url=url,
        elements=_listed(elements),
        fields=project.FIELDS if fields is None else _listed(fields),
        limit=limit,
        page=page_size,
    )
    patience = Patience(limits=Limits(total_seconds=max_seconds))
    progress = Printer()
    with redacted_logs(secret):
        journal = fetch(
            query, partial(project.connect, query, secret, patience), out, patience=patience, progress=progress
        )
    progress.close()
    print(journal_text(journal, as_json=json_))


@app.command()
def optimade(
    url: Annotated[str, typer.Argument(metavar="URL", help="Of the server, e.g. https://optimade.materialscloud.org.")],
    out: Out,
    elements: Elements = "",
    filter_: Annotated[str | None, typer.Option("--filter", help="More conditions, as OPTIMADE writes them.")] = None,
    fields: Fields = None,
    limit: Limit = None,
    page_size: PageSize = 100,
    max_seconds: MaxSeconds = 21600,
    json_: Json = False,
) -> None:
    """Fetch from a server of the OPTIMADE API."""
    from comma_data.fetch import optimade as api
    from comma_data.fetch.limits import Limits, Patience
    from comma_data.fetch.page import Query
    from comma_data.fetch.run import fetch
    from comma_data.fetch.store import journal_text
    from comma_data.progress import Printer

    query = Query(
        origin="optimade",
        url=url,
        elements=_listed(elements),
        filter=filter_,
        fields=_listed(fields or ""),
        limit=limit,
        page=page_size,
    )
    patience = Patience(limits=Limits(total_seconds=max_seconds))
    progress = Printer()
    journal = fetch(query, partial(api.connect, query, patience), out, patience=patience, progress=progress)
    progress.close()
    print(journal_text(journal, as_json=json_))


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
