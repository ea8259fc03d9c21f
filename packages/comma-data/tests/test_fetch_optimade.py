"""OPTIMADE: its structures in every form, and a real server of the reference implementation."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from functools import partial
from importlib.util import find_spec

import numpy as np
import pytest
from comma_data.errors import ConfigError, StructureError
from comma_data.fetch import optimade
from comma_data.fetch.errors import FetchError
from comma_data.fetch.limits import Limits, Patience
from comma_data.fetch.optimade_structure import to_pymatgen
from comma_data.fetch.page import Query, cell, safe_key
from comma_data.fetch.run import fetch
from comma_data.sample import Record
from comma_data.sources import structures
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Molecule, Structure


def attributes(**changes):
    """Rock salt, as OPTIMADE gives it."""
    return {
        "nsites": 2,
        "chemical_formula_reduced": "ClNa",
        "lattice_vectors": [[4.0, 0, 0], [0.5, 4.1, 0], [0, 0.2, 4.2]],
        "cartesian_site_positions": [[0, 0, 0], [2.0, 2.1, 2.2]],
        "species": [{"name": e, "chemical_symbols": [e], "concentration": [1.0]} for e in ("Na", "Cl")],
        "species_at_sites": ["Na", "Cl"],
        "dimension_types": [1, 1, 1],
        "structure_features": [],
        **changes,
    }


def mixed(symbols, shares):
    return [
        {"name": "Na", "chemical_symbols": symbols, "concentration": shares},
        {"name": "Cl", "chemical_symbols": ["Cl"], "concentration": [1.0]},
    ]


CASES = {
    "crystal": attributes(),
    "slab": attributes(dimension_types=[1, 1, 0], lattice_vectors=[[4.0, 0, 0], [0.5, 4.1, 0], [None] * 3]),
    "molecule": attributes(dimension_types=[0, 0, 0], lattice_vectors=[[None] * 3] * 3),
    "disordered": attributes(species=mixed(["Na", "K"], [0.7, 0.3]), structure_features=["disorder"]),
    "vacant": attributes(species=mixed(["Na", "vacancy"], [0.4, 0.6]), structure_features=["disorder"]),
    "implicit": attributes(structure_features=["implicit_atoms"]),
}


def test_pymatgen_reads_what_is_written():
    crystal = Structure.from_dict(to_pymatgen(CASES["crystal"]))
    assert np.allclose(crystal.cart_coords, CASES["crystal"]["cartesian_site_positions"])
    assert np.array_equal(crystal.lattice.matrix, CASES["crystal"]["lattice_vectors"])
    slab = Structure.from_dict(to_pymatgen(CASES["slab"]))
    assert slab.lattice.pbc == (True, True, False)
    assert np.allclose(slab.cart_coords, CASES["slab"]["cartesian_site_positions"])
    molecule = Molecule.from_dict(to_pymatgen(CASES["molecule"]))
    assert molecule.get_distance(0, 1) == pytest.approx(np.linalg.norm([2.0, 2.1, 2.2]))
    disordered = Structure.from_dict(to_pymatgen(CASES["disordered"]))
    assert disordered[0].species.as_dict() == {"Na": 0.7, "K": 0.3}
    assert Structure.from_dict(to_pymatgen(CASES["vacant"]))[0].species.as_dict() == {"Na": 0.4}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"structure_features": ["assemblies"]}, "not-explicit"),
        ({"structure_features": ["unknown_positions"]}, "not-explicit"),
        ({"species_at_sites": []}, "wrong-shape"),
        ({"species_at_sites": ["Na", "K"]}, "wrong-shape"),
        ({"species_at_sites": None}, "wrong-shape"),
        ({"species": mixed(["X"], [1.0])}, "unknown-element"),
        ({"species": mixed(["Na"], ["much"])}, "wrong-shape"),
        ({"species": "Na"}, "wrong-shape"),
        ({"species": mixed([["Na"]], [1.0])}, "unknown-element"),
        ({"structure_features": 3}, "wrong-shape"),
        ({"cartesian_site_positions": [[0, 0, 0], [0, 0, 10**400]]}, "wrong-shape"),
        ({"cartesian_site_positions": [[0, 0, 0]]}, "wrong-shape"),
        ({"cartesian_site_positions": [[0, 0, 0], [0, 0, float("nan")]]}, "wrong-shape"),
        ({"lattice_vectors": None}, "wrong-shape"),
        ({"lattice_vectors": [[1, 0, 0], [2, 0, 0], [0, 0, 1]]}, "cell-too-flat"),
        ({"dimension_types": None}, "wrong-shape"),
        ({"dimension_types": [1, [], 0]}, "wrong-shape"),
        ({"species": mixed(["vacancy"], [1.0]), "species_at_sites": ["Na", "Na"]}, "no-atoms"),
    ],
)
def test_what_tells_no_structure_is_refused_with_a_code(change, code):
    with pytest.raises(StructureError) as caught:
        to_pymatgen(attributes(**change))
    assert caught.value.code == code


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=8,
)


@given(name=st.sampled_from([*attributes()]), value=_JSON, depth=st.integers(0, 2))
def test_any_attribute_gives_a_structure_or_a_structure_error(name, value, depth):
    document = attributes()
    place, last = document, name
    while depth and isinstance(place[last], list) and place[last]:  # the value stands for the whole or for a part
        place, last, depth = place[last], 0, depth - 1
    place[last] = value
    with contextlib.suppress(StructureError):
        json.dumps(to_pymatgen(document))


@given(st.text(max_size=200))
def test_any_id_makes_a_harmless_file_name(identifier):
    key = safe_key(identifier)
    assert set(key) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
    assert len(key) <= 100


@pytest.mark.parametrize("value", [[1], {"a": 1}, "x" * 201, "two\nlines"])
def test_a_cell_holds_plain_values_only(value):
    with pytest.raises(ValueError, match="gap"):
        cell("gap", value)
    assert [cell("gap", good) for good in (1, 1.5, "A", True, None)] == [1, 1.5, "A", True, None]


def test_the_first_request_says_what_is_wanted():
    query = Query(origin="optimade", url="https://x.org", elements=("Li", "O"), filter="nsites<9 OR nsites>20", page=7)
    asked = optimade.parameters(query)
    assert asked["filter"] == 'elements HAS ALL "Li","O" AND (nsites<9 OR nsites>20)'
    assert asked["page_limit"] == "7"
    assert "filter" not in optimade.parameters(Query(origin="optimade", url="https://x.org"))


@pytest.mark.parametrize("url", ["https://x.org", "https://x.org/", "https://x.org/v1", "https://x.org/v1/"])
def test_the_version_is_added_where_it_is_missing(url):
    assert optimade.base(url) == "https://x.org/v1"


@pytest.mark.parametrize(
    ("link", "following"),
    [
        (None, None),
        ("", None),
        ({"href": None}, None),
        ("https://x.org/v1/structures?page=2", "https://x.org/v1/structures?page=2"),
        ({"href": "/v1/structures?page=2"}, "https://x.org/v1/structures?page=2"),
        ("http://x.org/v1/structures?page=2", "https://x.org/v1/structures?page=2"),
    ],
)
def test_next_links(link, following):
    assert optimade._next({"links": {"next": link}}, "https://x.org/v1/structures") == following


@pytest.mark.parametrize("link", ["https://y.org/", "//y.org/", "https://x.org:444/", "https://x.org.y.org/"])
def test_a_next_link_to_another_server_is_an_error(link):
    with pytest.raises(FetchError, match="not followed"):
        optimade._next({"links": {"next": link}}, "https://x.org/v1/structures")


@pytest.mark.parametrize("change", [{"elements": ("Li", "Oxygen")}, {"limit": 0}, {"page": 0}])
def test_a_query_that_nobody_could_answer_is_refused(change):
    with pytest.raises(ConfigError):
        Query(origin="optimade", url="https://x.org", **change)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Address of the reference server with the structures of `CASES`."""
    if not (find_spec("optimade") and find_spec("uvicorn")):
        pytest.skip("the reference server is not installed: pip install 'optimade[server]'")
    folder = tmp_path_factory.mktemp("optimade")
    head = [{"x-optimade": {"meta": {"api_version": "1.1.0"}}}]
    entries = [{"id": f"set/{name}", "type": "structures", "attributes": given} for name, given in CASES.items()]
    (folder / "data.jsonl").write_text("".join(json.dumps(line) + "\n" for line in [*head, *entries]))
    (folder / "config.json").write_text(
        json.dumps({"insert_test_data": False, "insert_from_jsonl": str(folder / "data.jsonl"), "log_dir": str(folder)})
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "optimade.server.main:app", "--port", str(port)]
    known = {**os.environ, "OPTIMADE_CONFIG_FILE": str(folder / "config.json")}
    with (folder / "log").open("w") as log, subprocess.Popen(command, env=known, stdout=log, stderr=log) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}/v1/info", process, folder / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def wait_for(url, process, log):
    """Until the server answers, or has ended."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url):  # noqa: S310 - the test's own server
                return
        except (urllib.error.URLError, ConnectionError):
            assert process.poll() is None, log.read_text()
            time.sleep(0.2)
    pytest.fail(log.read_text())


def get(server, out, **changes):
    query = Query(**{"origin": "optimade", "url": server, "page": 2, **changes})
    patience = Patience(limits=Limits(interval=0))
    return fetch(query, partial(optimade.connect, query, patience), out, patience=patience)


def test_a_real_server_is_read_page_by_page(server, tmp_path):
    journal = get(server, tmp_path / "out")
    assert [journal.announced, journal.stored, journal.refused, len(journal.pages)] == [6, 5, 1, 3]
    assert (tmp_path / "out" / "refused.csv").read_text().splitlines()[1].startswith("set-implicit,not-explicit")
    items = {item.key: item for item in structures.read(tmp_path / "out")}
    accepted = {key for key, item in items.items() if isinstance(item, Record)}
    assert accepted == {"set-crystal", "set-slab", "set-molecule"}
    assert {items["set-disordered"].code, items["set-vacant"].code} == {"disordered"}
    assert items["set-slab"].value["periodic"].tolist() == [True, True, False]
    assert items["set-crystal"].formula == "NaCl"
    assert np.array_equal(items["set-crystal"].value["cell"], CASES["crystal"]["lattice_vectors"])


def test_a_real_server_filters(server, tmp_path):
    assert get(server, tmp_path / "out", filter='id="set/slab"').stored == 1


def test_a_real_server_names_a_bad_filter(server, tmp_path):
    with pytest.raises(FetchError, match="400"):
        get(server, tmp_path / "out", filter="nonsense here")
