"""What the handlers work with: explanations within bounds, and data that are not there, damaged or changed."""

import asyncio
import os
import shutil
import signal
import threading
from urllib.parse import quote, urlsplit

import pytest
from comma_data.shards import ShardSet
from comma_encoders import folder as models
from comma_encoders.model import AlignedModel
from comma_explorer.atlas.cli import app as atlas
from comma_explorer.atlas.collect import collect
from comma_explorer.search import build as building
from comma_explorer.search.errors import NoDataError, SearchError
from comma_explorer.serve.asked import Asked
from comma_explorer.serve.cli import app as serve
from comma_explorer.serve.desk import Desk
from comma_explorer.serve.run import server_of
from comma_explorer.serve.site import app_of
from hostile import hostile_data
from typer.testing import CliRunner


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("desk")
    hostile_data(root / "data", 8)
    models.save(AlignedModel.create("structure", "text", "composition", dim=16), root / "model")
    building.build(str(root / "data"), root / "index", model=str(root / "model"))
    return root


@pytest.fixture
def desk(place):
    return Desk.open(place / "index")


def test_what_takes_too_long_to_explain_is_refused_with_how_long(desk, monkeypatch):
    monkeypatch.setattr("comma_explorer.serve.desk.seconds", lambda *_: 81.4)
    monkeypatch.setattr("comma_explorer.serve.desk.explain", lambda *_, **__: pytest.fail("explained all the same"))
    with pytest.raises(SearchError, match=r"about 81 s.*`comma explain`"):
        desk.why(Asked(words="NaCl"), "structure", 0)


def test_a_search_is_answered_beside_an_explanation(desk, monkeypatch):
    searching = threading.Thread(target=desk.answer, args=(Asked(words="NaCl"),), daemon=True)

    def explained(*_, **__):
        searching.start()
        searching.join(20)
        raise SearchError("done")

    monkeypatch.setattr("comma_explorer.serve.desk.explain", explained)
    with pytest.raises(SearchError, match="done"):
        desk.why(Asked(words="NaCl"), "structure", 0)
    assert not searching.is_alive()


def test_who_interrupts_the_server_is_heard(desk, monkeypatch):
    said, ended = [], []
    monkeypatch.setattr(os, "_exit", ended.append)
    server = server_of(app_of(desk, token="x", port=1), say=said.append)  # noqa: S106 - of a test
    server.handle_exit(signal.SIGINT, None)
    assert server.should_exit
    assert ["Ctrl-C again" in line for line in said] == [True]
    assert not ended
    server.handle_exit(signal.SIGINT, None)
    assert ended == [130]


def test_a_server_ends_though_nobody_reads_what_it_says(desk):
    """As behind a pipe that was closed, or a terminal that is gone: the word about it must not keep it running."""

    def gone(_text):
        raise BrokenPipeError

    server = server_of(app_of(desk, token="x", port=1), say=gone)  # noqa: S106 - of a test
    server.handle_exit(signal.SIGTERM, None)
    assert server.should_exit


def test_a_question_says_what_of_it_is_not_read(desk):
    text = " ".join(f"Stir for {hours} h." for hours in range(1, 41))
    (question,) = desk.answer(Asked(words=text)).questions
    assert question.notes == ("only the first 32 of 40 steps are read; of later ones only the formulas",)
    assert "Of your question: only the first 32 of 40 steps" in asked(desk, f"/?q={quote(text)}")[1]


def asked(desk, path):
    """Status and text of a page."""
    app = app_of(desk, token="x", port=80)  # noqa: S106 - of a test
    told = []

    async def receive():
        return {"type": "http.request"}

    async def send(message):
        told.append(message)

    where = urlsplit(path)
    parts = {"path": where.path, "raw_path": where.path.encode(), "root_path": "", "query_string": where.query.encode()}
    headers = [(b"host", b"localhost"), (b"cookie", b"comma-80=x")]
    scope = {"type": "http", "method": "GET", "http_version": "1.1", "scheme": "http", **parts, "headers": headers}
    asyncio.run(app(scope, receive, send))
    return told[0]["status"], b"".join(message.get("body", b"") for message in told[1:]).decode()


def test_damaged_data_are_not_told_as_missing(place, tmp_path):
    shutil.copytree(place / "data", tmp_path / "data")
    desk = Desk.open(place / "index", data=tmp_path / "data")
    (shard,) = (tmp_path / "data").glob("shard-*.tar")
    shard.write_bytes(bytes(byte ^ 0x55 for byte in shard.read_bytes()))
    for path in ("/entry/s-000", "/picture/structure/0"):
        status, text = asked(desk, path)
        assert (status, "damaged" in text, "no entry" in text) == (500, True, False)
    assert asked(desk, "/entry/nobody")[0] == 404


def test_why_there_are_no_data_is_told(place, tmp_path):
    """A data set that was built anew at its place is not one that is missing."""
    hostile_data(tmp_path / "data", 6)
    building.build(str(tmp_path / "data"), tmp_path / "index", model=str(place / "model"))
    shutil.rmtree(tmp_path / "data")
    assert "not on this machine: it was at" in Desk.open(tmp_path / "index").lacking
    hostile_data(tmp_path / "data", 7)
    desk = Desk.open(tmp_path / "index")
    assert "was changed since the index was built of it: build the index again" in desk.lacking
    status, text = asked(desk, "/entry/s-000")
    assert (status, "was changed since" in text) == (404, True)
    with pytest.raises(NoDataError, match="was changed since"):
        collect(tmp_path / "index")
    (tmp_path / "data" / "manifest.json").write_text("{}")
    assert "cannot be read" in Desk.open(tmp_path / "index").lacking


@pytest.mark.parametrize("command", ["serve", "atlas"])
def test_an_address_of_data_stays_one(place, monkeypatch, command):
    given = []
    monkeypatch.setattr("comma_explorer.search.index.ShardSet", lambda place: given.append(place) or ShardSet(place))
    app = {"serve": serve, "atlas": atlas}[command]
    address = "https://127.0.0.1:9/set"
    result = CliRunner().invoke(app, ["--index", str(place / "index"), "--data", address])
    assert given == [address]
    assert result.exit_code != 0
