"""Page after page into a folder: nothing lost, nothing doubled, wherever it stops."""

import contextlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from comma_data.errors import DataError
from comma_data.fetch import run, store
from comma_data.fetch.errors import FetchError, StoppedError
from comma_data.fetch.limits import Limits, Patience
from comma_data.fetch.page import UNNAMED, Entry, Page, Query
from comma_data.fetch.run import fetch
from comma_data.fetch.store import JOURNAL
from comma_data.sample import Refusal

QUERY = Query(origin="optimade", url="https://x.org", fields=("gap",))


def entry(number):
    structure = {"sites": [number], "lattice": {}}
    return Entry(key=f"x-{number}", structure=structure, row={"formula_pretty": "NaCl", "nsites": 2, "gap": number})


def refusal(key, code="disordered"):
    return Refusal(source="fetch", key=key, code=code, message="no, it is")


GOOD = {
    None: Page(items=(entry(1), entry(2)), next="b"),
    "b": Page(items=(refusal("x-9"), entry(3)), next="c"),
    "c": Page(items=(entry(4),), next=None, announced=5),
}


@dataclass
class Server:
    """Pages by cursor; an exception in place of a page is raised."""

    pages: dict
    facts: dict = field(default_factory=lambda: {"database": "1"})

    def page(self, cursor):
        if isinstance(self.pages[cursor], BaseException):
            raise self.pages[cursor]
        return self.pages[cursor]


def get(pages, out, query=QUERY, **facts):
    server = Server(pages, **facts)
    return fetch(query, lambda: server, out, patience=Patience(limits=Limits(attempts=1)))


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_empty_folder_may_be_called_by_a_dot(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    get(GOOD, Path())
    get(GOOD, tmp_path / "out")
    assert content(tmp_path / "here").keys() == content(tmp_path / "out").keys()


def test_a_folder_holds_pages_tables_and_journal(tmp_path):
    journal = get(GOOD, tmp_path / "out")
    assert sorted(content(tmp_path / "out")) == [
        *["fetch.journal", "properties.csv", "refused.csv"],
        *[f"structures-0000{n}.tar" for n in (1, 2, 3)],
    ]
    table = (tmp_path / "out" / "properties.csv").read_text()
    assert table == "material_id,formula_pretty,nsites,gap\n" + "".join(f"x-{n},NaCl,2,{n}\n" for n in (1, 2, 3, 4))
    assert (tmp_path / "out" / "refused.csv").read_text() == 'key,code,message\nx-9,disordered,"no, it is"\n'
    assert [journal.stored, journal.refused, journal.announced, journal.complete] == [4, 1, 5, True]
    assert not (tmp_path / "out.fetching").exists()


class KilledError(BaseException):
    """Stands for SIGKILL: nothing catches it."""


@pytest.mark.parametrize("write", range(9))  # the first journal, three pages with theirs, two tables
@pytest.mark.parametrize("moment", ["half", "after"])
def test_killed_at_any_write_it_goes_on_to_the_same_files(tmp_path, monkeypatch, write, moment):
    get(GOOD, tmp_path / "whole")
    writes = iter(range(99))
    original = store.complete_file

    def die(*_):
        raise KilledError

    def dying(path):
        if next(writes) != write:
            return original(path)
        if moment == "half":
            path.with_name(f"{path.name}.1.part").write_bytes(b"half")
            die()
        for name in ("add_page", "publish"):
            monkeypatch.setattr(run, name, die)
        monkeypatch.setattr(store, "_write_table", die)
        return original(path)

    monkeypatch.setattr(store, "complete_file", dying)
    with contextlib.suppress(KilledError):  # after the last write there is nothing left to die in
        get(GOOD, tmp_path / "out")
    assert next(writes) > write
    monkeypatch.undo()
    get(GOOD, tmp_path / "out")
    assert content(tmp_path / "out") == content(tmp_path / "whole")
    assert not (tmp_path / "out.fetching").exists()


def test_what_came_before_a_break_is_not_taken_again(tmp_path):
    with pytest.raises(FetchError, match="down"):
        get({**GOOD, "b": FetchError("status-503", "down")}, tmp_path / "out")
    moved = {"b": Page(items=(entry(2), entry(3)), next=None)}
    journal = get(moved, tmp_path / "out")
    assert [journal.stored, journal.refused] == [3, 1]
    assert (tmp_path / "out" / "refused.csv").read_text().splitlines()[1].startswith("x-2,repeated")


def test_a_collection_that_loses_records_while_it_is_read_is_not_published(tmp_path):
    moved = {**GOOD, "c": Page(items=(entry(3), entry(4)), next=None, announced=6)}
    for _ in range(2):
        with pytest.raises(FetchError, match="6 records announced, 5 delivered"):
            get(moved, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_another_state_of_the_database_is_not_mixed_in(tmp_path):
    with pytest.raises(FetchError):
        get({**GOOD, "c": FetchError("status-503", "down")}, tmp_path / "out")
    with pytest.raises(FetchError, match="fetch again") as caught:
        get(GOOD, tmp_path / "out", facts={"database": "2"})
    assert caught.value.code == "changed"


@pytest.mark.parametrize(
    "page", [Page(items=(entry(3),), next="b"), Page(items=(entry(1), entry(2)), next="d"), Page(items=(), next="b")]
)
def test_a_circle_is_an_error(tmp_path, page):
    with pytest.raises(FetchError) as caught:
        get({None: GOOD[None], "b": page}, tmp_path / "out")
    assert caught.value.code == "circle"


def test_records_without_a_name_are_each_counted(tmp_path):
    nameless = tuple(refusal(UNNAMED, "no-structure") for _ in range(3))
    journal = get({None: Page(items=(entry(1), *nameless), next=None, announced=4)}, tmp_path / "out")
    assert [journal.stored, journal.refused] == [1, 3]


@pytest.mark.parametrize("items", [(), (refusal("x-1"), refusal("x-2"))])
def test_nothing_is_not_published(tmp_path, items):
    with pytest.raises(DataError, match="2 disordered" if items else "no record"):
        get({None: Page(items=items, next=None)}, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_interrupt_is_an_error_that_says_how_to_go_on(tmp_path):
    with pytest.raises(StoppedError, match="goes on"):
        get({**GOOD, "b": KeyboardInterrupt()}, tmp_path / "out")
    assert get(GOOD, tmp_path / "out").stored == 4


@pytest.mark.parametrize("text", ["", "[]", '{"schema_version": 1}', "\x00"])
def test_a_damaged_journal_is_named(tmp_path, text):
    (tmp_path / JOURNAL).write_text(text)
    with pytest.raises(DataError, match=r"fetch\.journal.*remove"):
        get(GOOD, tmp_path)


def test_the_journal_tells_the_query(tmp_path):
    get(GOOD, tmp_path / "out")
    journal = json.loads((tmp_path / "out" / JOURNAL).read_text())
    assert journal["query"] == QUERY.as_json()
    assert journal["facts"] == {"database": "1"}
