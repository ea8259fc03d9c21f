"""Data sets over HTTP: the same samples as from the folder, by range requests, whatever the server does in passing."""

import functools
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from comma_data import reader
from comma_data.codec import encode
from comma_data.errors import ShardError, StorageError
from comma_data.shards import ShardSet
from comma_data.writer import Description, write

ABOUT = Description(name="made", build={}, inputs={}, counts={}, joined={})


class Handler(BaseHTTPRequestHandler):
    """Serves a folder with ranges; `faults` are what the next requests for a shard are answered with instead."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *args, folder, faults, asked, **kwargs):
        self.folder, self.faults, self.asked = folder, faults, asked
        super().__init__(*args, **kwargs)

    def do_GET(self):
        name = self.path.rsplit("/", 1)[-1]
        self.asked.append((name, self.headers["Range"]))
        path = self.folder / name
        if not path.is_file():
            return self.answer(404, b"")
        data = path.read_bytes()
        first, _, last = self.headers["Range"].removeprefix("bytes=").partition("-")
        part = data[int(first) : int(last) + 1 if last else None]
        fault = self.faults.pop(0) if self.faults and name.endswith(".tar") else None
        if fault is None:
            return self.answer(206, part) if part else self.answer(416, b"")
        return fault(self, data, part)

    def answer(self, status, data, length=None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        self.end_headers()
        self.wfile.write(data)
        if length not in {None, len(data)}:
            self.close_connection = True

    def log_message(self, *_):
        pass


def busy(handler, _data, _part):
    handler.answer(503, b"later")


def cut(handler, _data, part):
    handler.answer(206, part[:-1], length=len(part))


def whole(handler, data, _part):
    handler.answer(200, data)


def too_much(handler, data, _part):
    handler.answer(206, data)


def wrong(handler, _data, part):
    handler.answer(206, bytes(255 - b for b in part))


def moved(handler, _data, _part):
    handler.send_response(302)
    handler.send_header("Location", "http://127.0.0.2:1/elsewhere")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


@pytest.fixture
def served(make, tmp_path, monkeypatch):
    """(address, folder, faults to come, requests so far)."""
    monkeypatch.setattr(reader, "PAUSE", 0.001)
    folder = tmp_path / "set"
    write([make["sample"](f"s-{i:02d}", formula=f"F{i}") for i in range(25)], folder, ABOUT, samples_per_shard=10)
    faults, asked = [], []
    handler = functools.partial(Handler, folder=folder, faults=faults, asked=asked)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.handle_error = lambda *_: None  # a client that gives up on a connection is what is tested
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/some/set", folder, faults, asked
    server.shutdown()
    server.server_close()
    thread.join()


def test_samples_come_as_from_the_folder(served):
    address, folder, _, _ = served
    here, there = ShardSet(folder), ShardSet(address)
    assert there.manifest == here.manifest
    assert [encode(sample) for sample in there] == [encode(sample) for sample in here]
    assert encode(there[13]) == encode(here[13])
    assert encode(pickle.loads(pickle.dumps(there))[3]) == encode(here[3])  # noqa: S301 - our own object


def test_one_modality_takes_only_its_bytes(served):
    address, folder, _, asked = served
    data = ShardSet(address)
    asked.clear()
    sample = data.read(7, modalities={"structure"})
    assert list(sample.fields) == ["structure"]
    ((name, bytes_range),) = asked
    first, last = map(int, bytes_range.removeprefix("bytes=").split("-"))
    member = next(m for m in data.rows[7].members if m[0] == "sample.json")
    assert (name, first, last - first + 1) == (data.rows[7].shard, *member[1:3])
    assert last - first < (folder / name).stat().st_size / 20


def test_a_stream_asks_once_for_many_samples(served):
    address, _, _, asked = served
    data = ShardSet(address)
    asked.clear()
    assert len(list(data.stream(modalities={"text"}))) == 25
    assert len(asked) == 3


def test_threads_read_from_one_data_set_at_once(served, monkeypatch):
    address, folder, _, asked = served
    monkeypatch.setattr(reader, "TRIES", 1)  # another try would hide that threads disturb each other
    here, there = ShardSet(folder), ShardSet(address)
    expected = [encode(sample) for sample in here]
    asked.clear()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: encode(there[i % 25]), range(400)))
    assert found == expected * 16
    assert len(asked) == 400


@pytest.mark.parametrize("fault", [busy, cut])
def test_faults_that_pass_are_waited_out(served, fault):
    address, folder, faults, _ = served
    faults += [fault] * (reader.TRIES - 1)
    assert encode(ShardSet(address)[5]) == encode(ShardSet(folder)[5])


@pytest.mark.parametrize("fault", [busy, cut, too_much])
def test_faults_that_stay_are_said(served, fault):
    address, _, faults, _ = served
    faults += [fault] * reader.TRIES
    with pytest.raises(StorageError, match=r"shard-00000\.tar: no answer after 5 tries"):
        ShardSet(address)[5]


@pytest.mark.parametrize(
    ("fault", "message"), [(whole, "range requests"), (wrong, "damaged"), (moved, "the server answers 302")]
)
def test_what_another_try_cannot_mend_is_said_at_once(served, fault, message):
    address, _, faults, asked = served
    data = ShardSet(address)
    asked.clear()
    faults.append(fault)
    with pytest.raises(ShardError, match=message):
        data[5]
    assert len(asked) == 1


def test_a_place_without_a_data_set_says_so(served):
    address, folder, _, _ = served
    (folder / "manifest.json").unlink()
    with pytest.raises(ShardError, match="not a data set"):
        ShardSet(address)


@pytest.mark.parametrize("place", ["http://example.org/set", "pipe:cat x", "file:///etc", "ftp://a/b", "s3://a/b"])
def test_other_addresses_are_refused(place):
    with pytest.raises(ShardError, match="folder or an https address"):
        ShardSet(place)
