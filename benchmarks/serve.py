"""`comma serve` over 100,000 materials: seconds from a question to an answer, through HTTP and in a real browser.

Run in the root of the repository:

    python -m benchmarks.serve DATA [--materials 100000] [--smoke]

DATA is a data set of structures with protocols and compositions; each structure also comes strained, up to 2 % along
random axes, until there are so many. What was embedded lies in `build/serve` and is not embedded again.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from comma_data.sample import Sample
from comma_data.shards import ShardSet
from comma_data.writer import Description, write

from benchmarks.reliability.served import Server, running
from benchmarks.results_form import RESULTS, ROOT, row, write_result

STRAIN = 0.02
REPEATS = 20
SMOKE = 300
FORMULAS = ("NaCl", "LiFePO4", "BaTiO3", "GaAs", "MgAl2O4", "CsPbI3", "Ca3Al2O6", "YBa2Cu3O7", "Bi2Te3", "ZnO")
PROTOCOL = (
    "Mix {a} and TiO2 in ethanol for 12 h. Calcine at {t} °C for 6 h in air. Press into pellets. Sinter at {u} °C."
)
CIF = """data_x
_cell_length_a {a}
_cell_length_b {a}
_cell_length_c {a}
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
A1 {x} 0 0 0
B1 {y} 0.5 0.5 0.5
"""

Ask = Callable[[int], None]


def main() -> None:
    """Embed, serve, ask, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--materials", type=int, default=100_000)
    parser.add_argument("--smoke", action="store_true", help=f"{SMOKE} materials, five questions; writes to build/")
    asked = parser.parse_args()
    start = time.perf_counter()
    count, repeats = (SMOKE, 5) if asked.smoke else (asked.materials, REPEATS)
    index = prepared(asked.data, ROOT / "build" / f"serve-{count}", count)
    began = time.perf_counter()
    with running(index) as server:
        ready = time.perf_counter() - began
        rows = [row("seconds until it answers", round(ready, 2), n=1, way="start"), *measured(server, repeats)]
    path = write_result(
        "serve",
        what=(
            f"`comma serve` with comma-small over {count:,} materials, the structures of a data set and strained copies"
            " of them: seconds from a question to the whole page with its hits of every modality, median and worst; by "
            "HTTP, and in Chromium until the page is loaded"
        ),
        command="python -m benchmarks.serve data/materials-project",
        rows=[{**one, "materials": count} for one in rows],
        seconds=time.perf_counter() - start,
        folder=ROOT / "build" if asked.smoke else RESULTS,
    )
    print(f"wrote {path}", file=sys.stderr)


def prepared(data: Path, folder: Path, count: int) -> Path:
    """The index, made where it is missing; an interrupted one goes on."""
    if not (folder / "data" / "manifest.json").is_file():
        shutil.rmtree(folder / "data", ignore_errors=True)
        about = Description(name="strained", build={}, inputs={}, counts={}, joined={})
        write(strained(ShardSet(data), count), folder / "data", about)
    code = "from comma_explorer.search.cli import app; app()"
    command = [sys.executable, "-c", code, "build", str(folder / "data"), "--out", str(folder / "index")]
    subprocess.run(command, check=True, env=dict(os.environ))
    return folder / "index"


def strained(shards: ShardSet, count: int) -> Iterator[Sample]:
    """So many samples with a structure: those of the set, then copies, each strained by its own symmetric tensor."""
    numbers = [number for number, one in enumerate(shards.rows) if "structure" in one.modalities]
    for made in range(count):
        copy, place = divmod(made, len(numbers))
        sample = shards[numbers[place]]
        if copy:
            rng = np.random.default_rng([copy, place])
            tensor = rng.uniform(-STRAIN, STRAIN, (3, 3))
            stretch = np.eye(3) + (tensor + tensor.T) / 2
            whole = sample.fields["structure"][0]
            moved = {**whole, "positions": whole["positions"] @ stretch, "cell": whole["cell"] @ stretch}
            known = {"structure": sample.provenance["structure"][:1]} if "structure" in sample.provenance else {}
            sample = replace(
                sample, id=f"{sample.id}-s{copy}", fields={"structure": (moved,)}, annotations={}, provenance=known
            )
        yield sample


def measured(server: Server, repeats: int) -> Iterator[dict[str, Any]]:
    """Rows of every way to ask."""
    ways: dict[str, Ask] = {
        "formula": lambda i: _get(server, f"/?q={FORMULAS[i % len(FORMULAS)]}&n={6 + i // len(FORMULAS)}"),
        "protocol": lambda i: _get(server, f"/?q={quote(_protocol(i))}"),
        "structure file": lambda i: _file(server, i),
        "like a structure": lambda i: _get(server, f"/?like=structure:{37 * i}"),
        "formula under conditions": lambda i: _get(server, f"/?q={FORMULAS[i % len(FORMULAS)]}&elements=O&without=Pb"),
    }
    for name, ask in ways.items():
        yield from _timed(name, ask, repeats)
    yield from _browser(server, repeats)


def _timed(name: str, ask: Ask, repeats: int) -> Iterator[dict[str, Any]]:
    ask(repeats)  # what is loaded at the first question of a kind is not counted
    took = []
    for number in range(repeats):
        began = time.perf_counter()
        ask(number)
        took.append(time.perf_counter() - began)
    yield row("median seconds", round(float(np.median(took)), 4), n=repeats, way=name)
    yield row("worst seconds", round(max(took), 4), n=repeats, way=name)


def _protocol(number: int) -> str:
    return PROTOCOL.format(a=("BaCO3", "SrCO3", "CaCO3", "PbO")[number % 4], t=900 + 10 * number, u=1200 + 10 * number)


def _get(server: Server, path: str) -> None:
    status, page = server.ask(path)
    if status != 200 or b'class="panel card"' not in page:
        raise RuntimeError(f"{path}: {status}")


def _file(server: Server, number: int) -> None:
    pair = (("Na", "Cl"), ("Mg", "O"), ("Cs", "Br"), ("Ga", "P"))[number % 4]
    text = CIF.format(a=4 + 0.05 * number, x=pair[0], y=pair[1])
    status, told = server.ask("/sent", "POST", text.encode(), X_Name="a.cif")
    if status != 200:
        raise RuntimeError(told.decode())
    _get(server, f"/?file={told.decode().split(chr(34))[3]}")


def _browser(server: Server, repeats: int) -> Iterator[dict[str, Any]]:
    """In a real Chromium: words are typed, and the page with the hits is loaded."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("no chromium on this machine: not measured in a browser", file=sys.stderr)
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as session:
        browser = session.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"http://{server.host}/?token={server.token}")

        def ask(number: int) -> None:
            page.fill("#q", _protocol(number))
            page.press("#q", "Control+Enter")
            page.wait_for_url(f"**{1200 + 10 * number}**", wait_until="domcontentloaded")
            page.wait_for_selector(".card")

        yield from _timed("protocol, in a browser, until the hits are there", ask, repeats)
        browser.close()


if __name__ == "__main__":
    main()
