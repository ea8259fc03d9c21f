"""A running `comma serve` over a data set that is full of hostile texts, in a process of its own."""

import http.client
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from benchmarks.results_form import ROOT

MODALITIES = ("structure", "text", "composition")


def hostile() -> ModuleType:
    """The hostile texts of the explorer's tests."""
    path = ROOT / "apps" / "explorer" / "tests" / "hostile.py"
    spec = importlib.util.spec_from_file_location("hostile", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where it is, and what it has to be told."""

    port: int
    token: str

    @property
    def host(self) -> str:
        """As a browser writes it."""
        return f"127.0.0.1:{self.port}"

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, **headers: str | None
    ) -> tuple[int, bytes]:
        """Status and body of a request with the cookie, unless headers say otherwise (`_` for `-`)."""
        given = {"Host": self.host, "Cookie": f"comma-{self.port}={self.token}", **headers}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in given.items():
                if value is not None:
                    connection.putheader(name.replace("_", "-"), value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            with connection.getresponse() as answer:
                return answer.status, answer.read()
        finally:
            connection.close()


def prepared(folder: Path, count: int) -> Path:
    """A hostile data set, a small model with random weights, and an index of both; returns the index."""
    from comma_encoders import folder as models
    from comma_encoders.model import AlignedModel
    from comma_explorer.search import build

    hostile().hostile_data(folder / "data", count)
    models.save(AlignedModel.create(*MODALITIES, dim=16), folder / "model")
    build.build(str(folder / "data"), folder / "index", model=str(folder / "model"))
    return folder / "index"


@contextmanager
def running(index: Path, *options: str) -> Iterator[Server]:
    """The server, ended afterwards."""
    code = "from comma_explorer.serve.cli import app; app()"
    command = [sys.executable, "-c", code, "--index", str(index), "--no-browser", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield _told(process)
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:  # told as a failure: to wait for it would hang with it
                process.kill()
                raise


def _told(process: "subprocess.Popen[str]") -> Server:
    """What the server says of itself when it is ready."""
    for line in process.stderr or ():
        if found := re.search(r"http://127\.0\.0\.1:(\d+)/\?token=(\S+)", line):
            return Server(port=int(found[1]), token=found[2])
    raise RuntimeError("the server ended before it told its address")
