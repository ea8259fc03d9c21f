"""A server of the APIs of the Materials Project and of OPTIMADE, with faults; started as a script, it prints its port.

The first part of a path is `FAULT~FIRST~LAST~TAG`: the data requests number FIRST to LAST of that path (from 1) meet
the fault, the others are answered well. `GET /FAULT~FIRST~LAST~TAG/seen` tells how often it was asked for data, and
`GET /elsewhere` how many requests have come by 127.0.0.2, the other host that redirects and links lead to.
Standard library only: it runs in a process of its own.
"""

import collections
import gzip
import http.server
import json
import sys
import threading
import time
import urllib.parse

RECORDS = 25
HUGE = 10 * 10**9
BOMB = gzip.compress(bytes(10**8), 1)
COUNTS: collections.Counter[str] = collections.Counter()
LOCK = threading.Lock()


def structure(number: int) -> dict:
    """Rock salt of a size of its own, as pymatgen's `as_dict`."""
    a = 5.0 + number / 100
    sites = [
        {"species": [{"element": e, "occu": 1}], "abc": [x] * 3, "xyz": [x * a] * 3, "label": e, "properties": {}}
        for e, x in (("Na", 0.0), ("Cl", 0.5))
    ]
    lattice = {"matrix": [[a, 0.0, 0.0], [0.0, a, 0.0], [0.0, 0.0, a]], "pbc": [True] * 3}
    return {"@module": "pymatgen.core.structure", "@class": "Structure", "lattice": lattice, "sites": sites}


def material(number: int, note: str) -> dict:
    """A summary document; the first has no band gap."""
    gap = None if number == 1 else number / 10
    return {
        "material_id": f"mp-{number}",
        "formula_pretty": "NaCl",
        "nsites": 2,
        "structure": structure(number),
        "band_gap": gap,
        "formation_energy_per_atom": -1.0 - number,
        "energy_above_hull": 0.0,
        "theoretical": True,
        "bulk_modulus": note,
    }


def attributes(number: int) -> dict:
    """The same as OPTIMADE gives it."""
    whole = structure(number)
    return {
        "nsites": 2,
        "chemical_formula_reduced": "ClNa",
        "lattice_vectors": whole["lattice"]["matrix"],
        "cartesian_site_positions": [site["xyz"] for site in whole["sites"]],
        "species": [{"name": e, "chemical_symbols": [e], "concentration": [1.0]} for e in ("Na", "Cl")],
        "species_at_sites": ["Na", "Cl"],
        "dimension_types": [1, 1, 1],
        "structure_features": [],
        "_x_band_gap": number / 10,
    }


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by path."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Be silent."""

    def do_GET(self) -> None:
        """Any request."""
        if self.server.server_address[0] != "127.0.0.1":
            COUNTS["elsewhere"] += 1
        url = urllib.parse.urlsplit(self.path)
        scenario, _, rest = url.path.strip("/").partition("/")
        asked = {name: values[0] for name, values in urllib.parse.parse_qs(url.query).items()}
        if rest == "seen" or scenario == "elsewhere":
            return self.json({"seen": COUNTS[scenario]})
        if rest == "heartbeat":
            return self.json({"status": "OK", "db_version": "2026.11.1", "access_controlled_batch_ids": []})
        if rest.endswith("v1/info"):
            meta = {"api_version": "1.2.0", "provider": {"name": "Faulty", "prefix": "x", "description": "-"}}
            return self.json({"data": {"attributes": {"license": "https://example.org/cc-by"}}, "meta": meta})
        return self.data(scenario, rest, asked)

    def data(self, scenario: str, rest: str, asked: dict[str, str]) -> None:
        """A page, or the fault."""
        fault, first, last, _ = scenario.split("~")
        with LOCK:
            COUNTS[scenario] += 1
            faulty = int(first) <= COUNTS[scenario] <= int(last)
        good = self.optimade(scenario, asked) if rest.endswith("structures") else self.summary(asked)
        if not faulty or fault == "ok":
            return self.json(good)
        return getattr(self, f"fault_{fault.replace('-', '_')}")(scenario, good)

    def summary(self, asked: dict[str, str]) -> dict:
        """As `materials/summary/` answers."""
        size, page = int(asked.get("_limit", 100)), int(asked.get("_page", 1))
        numbers = range(1, RECORDS + 1)[(page - 1) * size : page * size]
        wanted = asked.get("_fields", "material_id").split(",")
        note = self.headers.get("x-api-key", "") if "bulk_modulus" in wanted else ""
        documents = [{k: v for k, v in material(n, note).items() if k in wanted} for n in numbers]
        return {"data": documents, "meta": {"total_doc": RECORDS, "api_version": "0.86.3"}}

    def optimade(self, scenario: str, asked: dict[str, str]) -> dict:
        """As `structures` answers."""
        size, start = int(asked.get("page_limit", 10)), int(asked.get("page_offset", 0))
        numbers = range(1, RECORDS + 1)[start : start + size]
        more = start + size < RECORDS
        query = urllib.parse.urlencode({"page_limit": size, "page_offset": start + size})
        link = f"http://127.0.0.1:{self.server.server_address[1]}/{scenario}/v1/structures?{query}"
        data = [{"id": f"x/{n}", "type": "structures", "attributes": attributes(n)} for n in numbers]
        meta = {"data_returned": RECORDS, "more_data_available": more}
        return {"data": data, "links": {"next": link if more else None}, "meta": meta}

    def json(self, document: object, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """Send JSON."""
        self.body(json.dumps(document).encode(), status, headers)

    def body(self, data: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """Send bytes."""
        self.head(len(data), status, headers)
        self.wfile.write(data)

    def head(self, size: int | None, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """Send the head of an answer."""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if size is not None:
            self.send_header("Content-Length", str(size))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()

    def fault_busy(self, _: str, __: dict) -> None:
        """429, come back at once."""
        self.json({"detail": "slow down"}, 429, {"Retry-After": "0"})

    def fault_later(self, _: str, __: dict) -> None:
        """429, come back tomorrow."""
        self.json({"detail": "slow down"}, 429, {"Retry-After": "86400"})

    def fault_error(self, _: str, __: dict) -> None:
        """500, with the key in its text."""
        self.json({"detail": f"crash: {self.headers.get('x-api-key')}"}, 500)

    def fault_denied(self, _: str, __: dict) -> None:
        """403, with the key in its text."""
        self.json({"detail": f"no such key: {self.headers.get('x-api-key')}"}, 403)

    def fault_cut(self, _: str, good: dict) -> None:
        """Half of what was declared, then the end."""
        data = json.dumps(good).encode()
        self.head(len(data))
        self.wfile.write(data[: len(data) // 2])
        self.close_connection = True

    def fault_drip(self, _: str, good: dict) -> None:
        """One byte at a time."""
        self.head(len(json.dumps(good)))
        self.drip(json.dumps(good).encode())

    def fault_drip_head(self, _: str, __: dict) -> None:
        """One byte at a time from the status line on."""
        self.drip(b"HTTP/1.1 200 OK\r\nX-Filler: " + b"a" * 10_000)

    def drip(self, data: bytes) -> None:
        """Send slowly, until the other side has gone."""
        self.close_connection = True
        try:
            for i in range(len(data)):
                self.wfile.write(data[i : i + 1])
                self.wfile.flush()
                time.sleep(0.05)
        except OSError:
            return

    def fault_garbage(self, _: str, __: dict) -> None:
        """No JSON."""
        self.body(b"<html>maintenance" + self.headers.get("x-api-key", "").encode())

    def fault_shape(self, _: str, __: dict) -> None:
        """JSON of another shape."""
        self.json({"data": {"key": self.headers.get("x-api-key")}, "meta": None})

    def fault_deep(self, _: str, __: dict) -> None:
        """JSON that is nested too deeply for any parser."""
        self.body(b'{"data": ' + b"[" * 200_000 + b"]" * 200_000 + b"}")

    def fault_huge(self, _: str, __: dict) -> None:
        """10 GB, declared."""
        self.head(HUGE)
        self.endless()

    def fault_huge_chunked(self, _: str, __: dict) -> None:
        """10 GB, not declared."""
        self.head(None, headers={"Transfer-Encoding": "chunked"})
        self.endless(b"100000\r\n", b"\r\n")

    def endless(self, before: bytes = b"", after: bytes = b"") -> None:
        """10 GB in pieces of 1 MiB, until the other side has gone."""
        self.close_connection = True
        piece = before + b" " * 2**20 + after
        try:
            for _ in range(HUGE // 2**20):
                self.wfile.write(piece)
        except OSError:
            return

    def fault_bomb(self, _: str, __: dict) -> None:
        """100 MB in half a megabyte."""
        self.body(BOMB, headers={"Content-Encoding": "gzip"})

    def fault_elsewhere(self, _: str, __: dict) -> None:
        """A redirect to another host."""
        there = f"http://127.0.0.2:{self.server.server_address[1]}/ok~1~1~x{self.path[self.path.index('/', 1) :]}"
        self.json({}, 302, {"Location": there})

    def fault_circle(self, _: str, __: dict) -> None:
        """A redirect to itself."""
        self.json({}, 302, {"Location": self.path})

    def fault_link(self, _: str, good: dict) -> None:
        """A next link to another host."""
        there = f"http://127.0.0.2:{self.server.server_address[1]}/"
        self.json({**good, "links": {"next": {"href": there}}})

    def fault_itself(self, _: str, good: dict) -> None:
        """A next link to the same page."""
        here = f"http://127.0.0.1:{self.server.server_address[1]}{self.path}"
        self.json({**good, "links": {"next": here}})


def main() -> None:
    """Serve on two loopback addresses until the standard input ends."""
    here = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    there = http.server.ThreadingHTTPServer(("127.0.0.2", here.server_address[1]), Handler)
    for server in (here, there):
        server.daemon_threads = True
        server.handle_error = lambda *_: None  # clients that go away in the middle are what is tested
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(here.server_address[1], flush=True)  # noqa: T201 - how the port is told
    sys.stdin.read()


if __name__ == "__main__":
    main()
