"""The embedded crystals are facts of the stated kind, and a user's own table gets a clear answer row by row."""

import tomllib
from collections import Counter
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from comma_data.errors import DataError, StructureError
from comma_data.protocol import Protocol
from comma_data.sample import Record, Refusal
from comma_data.sources.textbook import read
from comma_data.textbook.cell import conventional, coordinate
from comma_data.textbook.models import Crystal
from comma_data.textbook.tables import Tables, load
from pymatgen.analysis.molecule_structure_comparator import CovalentRadius
from pymatgen.core import Composition, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

FOLDER = resources.files("comma_data") / "textbook" / "crystals"
FILES = sorted(file.name for file in FOLDER.iterdir() if file.name.endswith(".toml"))
FROM_MEDIA = {"H", "C", "N", "O"}


@pytest.fixture(scope="module")
def tables() -> Tables:
    return load()


@pytest.fixture(scope="module")
def records() -> list[Record | Refusal]:
    return list(read())


@pytest.fixture(scope="module")
def cells(records) -> dict[str, Record]:
    return {r.key: r for r in records if isinstance(r, Record) and r.modality == "structure"}


@pytest.fixture(scope="module")
def routes(records) -> dict[str, Record]:
    return {r.key: r for r in records if isinstance(r, Record) and r.modality == "text"}


def crystals(tables: Tables, file: str) -> list[Crystal]:
    return [Crystal.model_validate(entry.values) for entry in tables.entries if entry.file == file]


def structure(record: Record) -> Structure:
    value = record.value
    return Structure(value["cell"], value["numbers"], value["positions"], coords_are_cartesian=True)


def test_every_row_gives_a_structure_and_a_route(tables, records, cells, routes):
    assert [r for r in records if isinstance(r, Refusal)] == []
    assert list(cells) == list(routes) == [entry.name for entry in tables.entries]
    assert len(records) == 2 * len(tables.entries)


def test_the_set_is_large_and_varied(tables, cells):
    formulas = Counter(cell.formula for cell in cells.values())
    prototypes = {entry.values["prototype"] for entry in tables.entries}
    assert len(cells) >= 150
    assert len(formulas) >= 140
    assert sum(n > 1 for n in formulas.values()) >= 15
    assert len(prototypes) >= 12


def test_every_prototype_and_source_is_used(tables, cells, routes):
    used = {
        record.provenance[key]
        for record in cells.values()
        for key in ("source", "band_gap_source")
        if key in record.provenance
    } | {record.provenance["source"] for record in routes.values()}
    assert set(tables.citations.values()) == used
    assert set(tables.prototypes) == {entry.values["prototype"] for entry in tables.entries}


def test_keys_are_slugs_and_distinct(tables):
    names = [entry.name for entry in tables.entries]
    assert len(set(names)) == len(names)
    assert all(name.startswith("tb-") and set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for name in names)


@pytest.mark.parametrize("file", FILES)
def test_formula_is_that_of_the_sites(tables, cells, file):
    for crystal in crystals(tables, file):
        built = structure(cells[crystal.id]).composition.reduced_formula
        assert built == Composition(crystal.formula).reduced_formula == cells[crystal.id].formula, crystal.id


@pytest.mark.parametrize("file", FILES)
@pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")  # spglib, to pymatgen that calls it
def test_spglib_finds_the_stated_space_group(tables, cells, file):
    for crystal in crystals(tables, file):
        stated = tables.prototypes[crystal.prototype].space_group
        found = SpacegroupAnalyzer(structure(cells[crystal.id]), symprec=0.01)
        assert found.get_space_group_number() == stated, crystal.id


@pytest.mark.parametrize("file", FILES)
def test_pearson_symbol_counts_the_conventional_cell(tables, file):
    for crystal in crystals(tables, file):
        prototype = tables.prototypes[crystal.prototype]
        assert len(conventional(crystal, prototype)) == int(prototype.pearson[2:]), crystal.id


@pytest.mark.parametrize("file", FILES)
def test_atoms_neither_overlap_nor_float(tables, cells, file):
    for crystal in crystals(tables, file):
        built = structure(cells[crystal.id])
        radii = np.array([CovalentRadius.radius[site.specie.symbol] for site in built])
        centres, neighbours, _, distances = built.get_neighbor_list(6.0)
        ratios = distances / (radii[centres] + radii[neighbours])
        nearest = np.full(len(built), np.inf)
        np.minimum.at(nearest, centres, ratios)
        assert distances.min() > 0.9, crystal.id
        assert ratios.min() > 0.7, crystal.id
        assert nearest.max() < 1.35, f"{crystal.id}: an atom has no neighbour"


@pytest.mark.parametrize(
    ("key", "bond", "n", "length"),
    [
        ("tb-sio2-quartz", "Si-O", 4, 1.61),
        ("tb-sio2-cristobalite", "Si-O", 4, 1.605),
        ("tb-tio2-brookite", "Ti-O", 6, 1.96),
        ("tb-zro2-monoclinic", "Zr-O", 7, 2.16),
        ("tb-in2o3", "In-O", 6, 2.18),
        ("tb-catio3", "Ti-O", 6, 1.955),
        ("tb-lamno3", "Mn-O", 6, 2.02),
        ("tb-bifeo3", "Fe-O", 6, 2.03),
        ("tb-linbo3", "Nb-O", 6, 2.00),
        ("tb-knbo3", "Nb-O", 6, 2.01),
        ("tb-yba2cu3o7", "Y-O", 8, 2.40),
        ("tb-mgal2o4", "Mg-O", 4, 1.92),
        ("tb-mgal2o4", "Al-O", 6, 1.93),
        ("tb-y3al5o12", "Y-O", 8, 2.37),
        ("tb-mg3al2si3o12", "Si-O", 4, 1.635),
        ("tb-y2ti2o7", "Ti-O", 6, 1.96),
        ("tb-cawo4", "W-O", 4, 1.785),
        ("tb-znwo4", "W-O", 6, 1.93),
        ("tb-zrsio4", "Si-O", 4, 1.62),
        ("tb-yvo4", "V-O", 4, 1.71),
        ("tb-mgtio3", "Ti-O", 6, 1.98),
        ("tb-licoo2", "Co-O", 6, 1.92),
        ("tb-cualo2", "Cu-O", 2, 1.86),
        ("tb-lifepo4", "P-O", 4, 1.55),
        ("tb-mg2sio4-forsterite", "Si-O", 4, 1.635),
        ("tb-al2sio5-sillimanite", "Si-O", 4, 1.62),
        ("tb-al2sio5-andalusite", "Si-O", 4, 1.63),
        ("tb-naalsi2o6", "Si-O", 4, 1.62),
        ("tb-be3al2si6o18", "Si-O", 4, 1.61),
        ("tb-ca5p3o12f", "P-O", 4, 1.535),
        ("tb-caco3-calcite", "C-O", 3, 1.285),
        ("tb-caco3-aragonite", "C-O", 3, 1.285),
        ("tb-kno3", "N-O", 3, 1.25),
        ("tb-baso4", "S-O", 4, 1.48),
        ("tb-caso4", "S-O", 4, 1.475),
        ("tb-li2co3", "C-O", 3, 1.285),
        ("tb-laf3", "La-F", 9, 2.48),
        ("tb-fes2-pyrite", "Fe-S", 6, 2.265),
        ("tb-mos2-2h", "Mo-S", 6, 2.41),
        ("tb-mos2-3r", "Mo-S", 6, 2.41),
        ("tb-cosb3", "Co-Sb", 6, 2.52),
        ("tb-cu2znsns4", "Sn-S", 4, 2.41),
        ("tb-si3n4-beta", "Si-N", 4, 1.735),
        ("tb-sic-6h", "Si-C", 4, 1.89),
        ("tb-ti3sic2", "Ti-C", 3, 2.13),
        ("tb-fesi2-beta", "Fe-Si", 8, 2.37),
    ],
)
def test_bond_lengths_are_those_of_the_coordination(cells, key, bond, n, length):
    """The mean of the n shortest bonds at every centre, against sums of ionic radii or lengths in the literature."""
    centre, ligand = bond.split("-")
    built = structure(cells[key])
    for site in (s for s in built if s.specie.symbol == centre):
        bonds = sorted(x.nn_distance for x in built.get_neighbors(site, 4.0) if x.specie.symbol == ligand)[:n]
        assert len(bonds) == n
        assert np.mean(bonds) == pytest.approx(length, rel=0.025)
        assert bonds[0] > 0.9 * length


@pytest.mark.parametrize("file", FILES)
def test_density_and_volume_are_those_of_solids(tables, cells, file):
    for crystal in crystals(tables, file):
        built = structure(cells[crystal.id])
        assert 0.4 < built.density < 23.0, crystal.id
        assert 5.0 < built.volume / len(built) < 65.0, crystal.id


@pytest.mark.parametrize(
    ("key", "density"),
    [
        ("tb-copper", 8.93),
        ("tb-tungsten", 19.25),
        ("tb-silicon", 2.329),
        ("tb-diamond", 3.515),
        ("tb-graphite", 2.26),
        ("tb-nacl", 2.165),
        ("tb-gaas", 5.317),
        ("tb-al2o3", 3.987),
        ("tb-sio2-quartz", 2.648),
        ("tb-tio2-rutile", 4.25),
        ("tb-tio2-anatase", 3.89),
        ("tb-caco3-calcite", 2.711),
        ("tb-caco3-aragonite", 2.93),
        ("tb-y3al5o12", 4.55),
        ("tb-batio3-tetragonal", 6.02),
        ("tb-mg2sio4-forsterite", 3.22),
        ("tb-cawo4", 6.12),
    ],
)
def test_density_is_the_tabulated_one(cells, key, density):
    assert structure(cells[key]).density == pytest.approx(density, rel=0.01)


@pytest.mark.parametrize("file", FILES)
def test_raw_values_are_of_the_agreed_types(tables, cells, file):
    for crystal in crystals(tables, file):
        value = cells[crystal.id].value
        n = len(value["numbers"])
        assert (value["numbers"].dtype, value["numbers"].shape) == (np.int64, (n,))
        assert (value["positions"].dtype, value["positions"].shape) == (np.float64, (n, 3))
        assert (value["cell"].dtype, value["cell"].shape) == (np.float64, (3, 3))
        assert value["periodic"].dtype == np.bool_
        assert value["periodic"].all()
        assert n <= 84, f"{crystal.id}: the largest primitive cell, that of garnet, has 80 atoms"


@pytest.mark.parametrize(
    "key", ["tb-nacl", "tb-tio2-brookite", "tb-al2o3", "tb-mgal2o4", "tb-ga2o3-beta", "tb-catio3", "tb-caso4"]
)
@pytest.mark.filterwarnings("ignore:Full symbol not available")  # pymatgen, of settings such as Pbnm
def test_cell_is_the_one_that_pymatgen_builds(tables, key):
    crystal = next(Crystal.model_validate(e.values) for e in tables.entries if e.name == key)
    prototype = tables.prototypes[crystal.prototype]
    built = conventional(crystal, prototype)
    sites = {label: site.split()[1:] for label, site in prototype.sites.items()}
    positions = [[coordinate(t, crystal.free.get(label, {})) for t in texts] for label, texts in sites.items()]
    other = Structure.from_spacegroup(
        prototype.setting, built.lattice, [crystal.species[label] for label in sites], positions
    )
    assert len(built) == len(other)
    far = built.lattice.get_all_distances(built.frac_coords, other.frac_coords)
    unlike = np.array(built.atomic_numbers)[:, None] != np.array(other.atomic_numbers)
    assert np.where(unlike, np.inf, far).min(axis=1).max() < 1e-6


def test_reading_twice_gives_the_same_bytes(records):
    for one, two in zip(records, read(), strict=True):
        if isinstance(one, Record) and isinstance(two, Record) and one.modality == "structure":
            assert one.value["positions"].tobytes() == two.value["positions"].tobytes()
        assert one.key == two.key


def test_provenance_names_handbook_prototype_and_entry(cells, routes):
    for key, cell in cells.items():
        assert cell.provenance["origin"] == routes[key].provenance["origin"] == "handbook"
        assert " " in cell.provenance["source"]
        assert " " in routes[key].provenance["source"]
        assert {"prototype", "space_group"} <= set(cell.provenance)
        assert routes[key].provenance["entry"] == key
        assert routes[key].formula == cell.formula


def test_gaps_are_of_the_right_size_and_have_a_source(cells):
    gaps = {key: cell for key, cell in cells.items() if "band_gap_measured" in cell.targets}
    assert len(gaps) >= 60
    for key, cell in gaps.items():
        assert 0.0 < cell.targets["band_gap_measured"] < 15.0, key
        assert " " in cell.provenance["band_gap_source"]


@pytest.mark.parametrize("file", FILES)
def test_precursors_bring_every_element_that_no_medium_brings(tables, routes, file):
    for crystal in crystals(tables, file):
        parts = [part.lstrip("0123456789") for p in routes[crystal.id].value.precursors for part in p.split("·")]
        brought = {element.symbol for part in parts for element in Composition(part)}
        assert {e.symbol for e in Composition(crystal.formula)} - FROM_MEDIA <= brought, crystal.id


@pytest.mark.parametrize("file", FILES)
def test_conditions_are_those_of_a_laboratory(tables, routes, file):
    for crystal in crystals(tables, file):
        protocol = routes[crystal.id].value
        assert isinstance(protocol, Protocol)
        assert protocol.target == crystal.formula
        assert all(-80.0 <= t <= 3100.0 for step in protocol.operations for t in step.temperatures), crystal.id
        assert all(0.0 < h <= 1000.0 for step in protocol.operations for h in step.hours), crystal.id


GOOD = """
[[crystal]]
id = "mine"
formula = "MgO"
prototype = "rock-salt"
species = { A = "Mg", X = "O" }
lattice = { a = 4.21 }
source = "My notebook, page 12"

[crystal.route]
method = "solid-state"
precursors = ["MgCO3"]
operations = [{ kind = "heat", word = "calcined", celsius = 1000, hours = [2, 4], atmosphere = "air" }]
source = "west-2014"
"""


def test_a_users_own_table_is_read(tmp_path):
    (tmp_path / "mine.toml").write_text(GOOD)
    for path in (tmp_path, tmp_path / "mine.toml"):
        cell, route = read(path)
        assert cell.formula == "MgO"
        assert cell.provenance["source"] == "My notebook, page 12"
        assert route.provenance["source"].startswith("A. R. West")
        assert route.value.operations[0].hours == (2.0, 4.0)
        assert route.value.operations[0].atmospheres == ("air",)


def test_a_users_own_prototypes_and_sources_are_read(tmp_path):
    (tmp_path / "prototypes.toml").write_text(
        '[shifted]\nname = "shifted"\npearson = "cF8"\nspace_group = 225\nsetting = "Fm-3m"\n'
        'sites = { A = "4b 1/2 1/2 1/2", X = "4a 0 0 0" }\n'
    )
    (tmp_path / "sources.toml").write_text('notebook = "My notebook, page 13"\n')
    table = GOOD.replace("rock-salt", "shifted").replace("My notebook, page 12", "notebook")
    (tmp_path / "mine.toml").write_text(table)
    cell, _ = read(tmp_path)
    assert cell.provenance["prototype"] == "shifted"
    assert cell.provenance["source"] == "My notebook, page 13"


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ('id = "mine"', 'id = "Mine!"', "row-malformed", "id"),
        ('formula = "MgO"', 'formula = "MgO2"', "formula-differs", "MgO2"),
        ('formula = "MgO"', 'formula = "MgOx"', "formula-unreadable", "MgOx"),
        ('"rock-salt"', '"rocksalt"', "reference-unknown", "did you mean 'rock-salt'"),
        ('X = "O"', 'Y = "O"', "sites-differ", "Y"),
        ("a = 4.21", "a = 4.21, c = 4.21", "lattice-differs", "needed a"),
        ("a = 4.21", "a = nan", "row-malformed", "lattice.a"),
        ("a = 4.21", "a = -4.21", "row-malformed", "greater than 0"),
        ("lattice =", "free = { A = { x = 0.1 } }\nlattice =", "sites-differ", "no free x"),
        ("lattice =", "free = { Q = { x = 0.1 } }\nlattice =", "sites-differ", "Q"),
        ("lattice =", "latice = 1\nlattice =", "row-malformed", "latice"),
        ("lattice =", "band_gap_measured = 7.8\nlattice =", "row-malformed", "give both or neither"),
        ("lattice =", 'band_gap_measured = 78\nband_gap_source = "A B"\nlattice =', "row-malformed", "15"),
        ('"My notebook, page 12"', '"notebook"', "reference-unknown", "write the citation in full"),
        ('"west-2014"', '"west-2041"', "reference-unknown", "did you mean 'west-2014'"),
        ('"MgCO3"', '"CaCO3"', "route-lacks-element", "Mg"),
        ('"MgCO3"', '"magnesite"', "formula-unreadable", "magnesite"),
        ('"heat"', '"bake"', "row-malformed", "'mix', 'heat'"),
        ("celsius = 1000", 'celsius = "hot"', "row-malformed", "celsius"),
        ('precursors = ["MgCO3"]', "precursors = []", "row-malformed", "precursors"),
    ],
)
def test_a_bad_row_is_refused_with_file_row_and_reason(tmp_path, old, new, code, said):
    assert old in GOOD
    file = tmp_path / "mine.toml"
    file.write_text(GOOD.replace(old, new, 1) + GOOD.replace('"mine"', '"second"'))
    refusal, cell, route = read(file)
    assert (refusal.code, refusal.source) == (code, "textbook")
    assert "mine.toml, row 1 (" in refusal.message
    assert said in refusal.message
    assert (cell.key, route.key) == ("second", "second")


def test_a_repeated_id_is_refused(tmp_path):
    (tmp_path / "mine.toml").write_text(GOOD + GOOD)
    *first, refusal = read(tmp_path)
    assert len(first) == 2
    assert refusal.code == "id-repeated"


@pytest.mark.parametrize(
    ("site", "code"),
    [
        ("4a 0 0", "site-unreadable"),
        ("a 0 0 0", "site-unreadable"),
        ("8a 0 0 0", "wyckoff-differs"),
        ("24e x 0 0", "coordinate-missing"),
        ("4a 0 0 q", "coordinate-unreadable"),
        ("4a 0 0 1/0", "coordinate-unreadable"),
    ],
)
def test_a_bad_prototype_refuses_its_crystals(tmp_path, site, code):
    (tmp_path / "prototypes.toml").write_text(
        '[rock-salt]\nname = "rock salt"\npearson = "cF8"\nspace_group = 225\nsetting = "Fm-3m"\n'
        f'sites = {{ A = "{site}", X = "4b 1/2 1/2 1/2" }}\n'
    )
    (tmp_path / "mine.toml").write_text(GOOD)
    (refusal,) = read(tmp_path)
    assert refusal.code == code


@pytest.mark.parametrize("setting", ["Fm-3q", "Fd-3m:2"])
def test_a_setting_of_another_group_is_refused(tmp_path, setting):
    (tmp_path / "prototypes.toml").write_text(
        f'[rock-salt]\nname = "rock salt"\npearson = "cF8"\nspace_group = 225\nsetting = "{setting}"\n'
        'sites = { A = "4a 0 0 0", X = "4b 1/2 1/2 1/2" }\n'
    )
    (tmp_path / "mine.toml").write_text(GOOD)
    (refusal,) = read(tmp_path)
    assert refusal.code == "setting-unknown"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mine.toml", "crystal = 3"),
        ("mine.toml", "[[crystal]\n"),
        ("mine.toml", "title = 'x'\n" + GOOD),
        ("sources.toml", "west = 1"),
        ("prototypes.toml", "[p]\nname = 'p'"),
    ],
)
def test_a_file_that_is_no_table_names_itself(tmp_path, name, text):
    (tmp_path / "good.toml").write_text(GOOD)
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=name):
        list(read(tmp_path))


def test_a_missing_path_says_what_to_give():
    with pytest.raises(DataError, match="TOML table of crystals"):
        list(read(Path("no-such-table.toml")))


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0.0), ("1/4", 0.25), ("0.1", 0.1), ("x", 0.3), ("-x", -0.3), ("2x", 0.6), ("-2y", -0.2), ("x+1/2", 0.8)],
)
def test_coordinate(text, value):
    assert coordinate(text, {"x": 0.3, "y": 0.1}) == pytest.approx(value)


def test_coordinate_without_a_value_names_the_letter():
    with pytest.raises(StructureError, match="no value for z"):
        coordinate("z", {"x": 0.3})


def test_every_table_says_what_it_holds():
    for file in FILES:
        text = (FOLDER / file).read_text(encoding="utf-8")
        assert text.startswith("# ")
        assert tomllib.loads(text).keys() == {"crystal"}
