"""Fetch page after page until everything is there."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from comma_data.errors import ConfigError, StorageError
from comma_data.fetch.errors import FetchError, StoppedError
from comma_data.fetch.limits import Patience
from comma_data.fetch.page import REPEATED, UNNAMED, Connection, Entry, Page, Query
from comma_data.fetch.store import FETCHING, Journal, add_page, publish, read_journal, resume, write_journal
from comma_data.sample import Refusal
from comma_data.storage import with_name_of_its_own

Progress = Callable[[str, int], None]


def fetch(
    query: Query,
    connect: Callable[[], Connection],
    out: Path,
    *,
    patience: Patience,
    progress: Progress = lambda _what, _done: None,
) -> Journal:
    """Fill a folder with the answer to a query; what an earlier run of the same query has left is gone on from.

    Args:
        query: What is asked for.
        connect: Opens the connection; not called where the folder is complete.
        out: The folder; it appears when everything is there, and is called `NAME.fetching` before.
        patience: The limits of this run.
        progress: Told what is done, and how many records of it.

    Returns:
        The journal of the complete folder.

    Raises:
        FetchError: The server does not answer as it should, `StoppedError` where time is over.
        ConfigError: The folder holds something else.
        StorageError: The disk does not take it.
    """
    out = with_name_of_its_own(out)
    done = read_journal(out, query.as_json())
    if done:
        return done
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out}: is there already and was not fetched; choose a new folder")
    work = out.with_name(out.name + FETCHING)
    try:
        journal = _fill(work, query, connect, patience, progress)
    except KeyboardInterrupt as error:
        raise StoppedError("interrupted", f"{out}: interrupted; the same command goes on") from error
    publish(work, out, journal)
    return journal


def _fill(
    work: Path, query: Query, connect: Callable[[], Connection], patience: Patience, progress: Progress
) -> Journal:
    connection = patience.persist(connect)
    journal = _begin(work, query, connection)
    seen = set(resume(work, journal))
    while not journal.complete:
        page = patience.persist(lambda cursor=journal.next: connection.page(cursor))  # type: ignore[misc]
        journal = add_page(work, journal, _checked(page, journal, seen, query.limit))
        progress("records fetched", journal.stored + journal.refused)
    return journal


def _begin(work: Path, query: Query, connection: Connection) -> Journal:
    journal = read_journal(work, query.as_json())
    facts = dict(connection.facts)
    if journal is None:
        try:
            work.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{work}: cannot be made ({error.strerror}); choose another folder") from error
        today = datetime.now(UTC).date().isoformat()
        return write_journal(work, Journal(query=query.as_json(), facts=facts, started=today))
    if journal.facts != facts:
        raise FetchError(
            "changed",
            f"{query.url}: was {journal.facts} when {work} was begun, is {facts}; remove the folder and fetch again",
        )
    return journal


def _checked(page: Page, journal: Journal, seen: set[str], limit: int | None) -> Page:
    """The page with what came before refused, and cut at the limit.

    Raises:
        FetchError: The server leads in a circle.
    """
    items = tuple(_not_again(item, seen) for item in page.items)
    circle = page.next is not None and (page.next == journal.next or (bool(items) and all(map(_again, items))))
    if circle:
        raise FetchError("circle", f"the page after {journal.next} leads back to what came before: report it there")
    left = None if limit is None else limit - journal.stored - journal.refused
    if left is not None and left <= len(items):
        return replace(page, items=items[:left], next=None)
    return replace(page, items=items)


def _not_again(item: Entry | Refusal, seen: set[str]) -> Entry | Refusal:
    if item.key in seen and item.key != UNNAMED:
        message = "the server delivered this id before; the first one is kept"
        return Refusal(source="fetch", key=item.key, code=REPEATED, message=message)
    seen.add(item.key)
    return item


def _again(item: Entry | Refusal) -> bool:
    return isinstance(item, Refusal) and item.code == REPEATED
