import contextlib
import io
import re
import tarfile
import warnings
from collections import Counter
from itertools import islice

import gemmi
import numpy as np
import pytest
from comma_data.archive import members
from comma_data.cif import cell_matrix, parse_cif, read_cif
from comma_data.errors import StructureError
from comma_data.sample import Record
from comma_data.sources import structures
from comma_data.sources.structures import read
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice
from pymatgen.io.cif import CifParser

ROCK_SALT = """data_NaCl
_space_group_name_H-M_alt 'F m -3 m'
_cell_length_a 5.64
_cell_length_b 5.64
_cell_length_c 5.64
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_atom_type_symbol
_atom_type_oxidation_number
Na1+ 1
Cl1- -1
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Na1 Na1+ 0 0 0
Cl1 Cl1- 0.5 0.5 0.5
"""


def only(text):
    (found,) = read_cif(text)
    return found


@pytest.mark.parametrize("parameters", [(4, 4, 4, 90, 90, 90), (3, 4.5, 11, 81, 97, 118), (5, 5, 5, 60, 60, 60)])
def test_cells_stand_as_pymatgen_puts_them(parameters):
    assert np.allclose(
        cell_matrix(np.array(parameters, float)), Lattice.from_parameters(*parameters).matrix, atol=1e-12
    )


def test_a_plain_cell_keeps_order_formula_and_block_name(make):
    found = only(make["cif"]("x1", symbols=("O2-", "Ti4+", "O2-"), formula="'Ti1 O2'"))
    assert found.block == "x1"
    assert found.formula == "TiO2"
    assert found.structure["numbers"].tolist() == [8, 22, 8]
    assert found.structure["charges"].tolist() == [-2.0, 4.0, -2.0]
    assert np.linalg.norm(found.structure["cell"][1]) == pytest.approx(4.1)


def test_symmetry_is_expanded():
    structure = only(ROCK_SALT).structure
    assert sorted(structure["numbers"]) == [11] * 4 + [17] * 4
    assert structure["charges"].sum() == 0


def test_every_block_with_atoms_is_a_structure(make):
    text = make["cif"]("a") + "\ndata_empty\n_cell_length_a 4\n" + make["cif"]("b")
    assert [found.block for found in read_cif(text)] == ["a", "b"]


def test_a_block_of_unknowns_is_no_structure(make):
    unknown = re.sub(r"^(\w+ \w+) .*$", r"\1 ? ? ? ?", make["cif"]("b"), flags=re.MULTILINE)
    assert "\nNa Na0 ? ? ? ?\n" in unknown
    assert [found.block for found in read_cif(make["cif"]("a") + unknown)] == ["a"]


def test_a_bad_block_takes_no_other_with_it(make):
    text = make["cif"]("a") + make["cif"]("b").replace("_length_a 4.0", "_length_a ?") + make["cif"]("c")
    a, b, c = parse_cif(text.encode())
    assert (a.name, b.name, c.name) == ("a", "b", "c")
    assert b.error.code == "cif-unreadable"


def test_partly_occupied_sites_go_to_the_majority_where_asked(make):
    text = make["cif"](occupancy="0.8")
    (found,) = read_cif(text, disorder="majority")
    assert found.structure["numbers"].tolist() == [11, 17]
    assert found.formula is None
    with pytest.raises(StructureError, match=r"Na 0\.4"):
        list(read_cif(text.replace("0.8", "0.4"), disorder="majority"))


def test_a_magnetic_cif_is_read_and_its_text_never_run(tmp_path):
    canary = tmp_path / "canary"
    code = (
        "[d for d in ().__class__.__mro__[1].__getattribute__(*[().__class__.__mro__[1]]+['__sub'+'classes__'])()"
        f" if d.__name__=='BuiltinImporter'][0].load_module('os').system('touch {canary}')"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the way in is deprecated
        eval(code)  # noqa: S307 - the canary has to sing where something does run it
    assert canary.exists()
    canary.unlink()
    text = (
        ROCK_SALT + f'_space_group_magn.transform_BNS_Pp_abc "a,b,{code};0,0,0"\n_space_group_magn.number_BNS 62.448\n'
    )
    for name, content in (("plain", ROCK_SALT), ("evil", text)):
        (tmp_path / f"{name}.mcif").write_text(content)
    outcomes = {outcome.key: outcome for outcome in read(tmp_path)}
    assert isinstance(outcomes["plain"], Record)
    assert "evil" in outcomes
    assert not canary.exists()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda t: t.replace(" 1\n", " 0.5\n"), "disordered"),
        (lambda t: t.replace(" 1\n", " 1.5\n"), "cif-unreadable"),
        (lambda t: t.replace("Na", "Xx"), "unknown-element"),
        (lambda t: t.replace("_cell_angle_beta 95", "_cell_angle_beta 0"), "cif-unreadable"),
        (lambda t: t.replace("_cell_length_a 4.0", "_cell_length_a ?"), "cif-unreadable"),
        (lambda t: t.replace("_cell_length_a 4.0\n", ""), "cif-unreadable"),
        (lambda t: t[: t.index("loop_")], "no-atoms"),
        (lambda _: "", "no-atoms"),
        (lambda t: "hello\n" + t, "cif-syntax"),
        (lambda t: t + "'unfinished", "cif-syntax"),
    ],
)
def test_what_cannot_be_read_has_a_code(make, change, code):
    with pytest.raises(StructureError) as error:
        list(read_cif(change(make["cif"]())))
    assert error.value.code == code


def test_real_files_agree_with_pymatgen(data_root):
    checked = 0
    for member in islice(
        members(data_root / "materials-project" / "structures-02.tar.gz", (".cif",), "test"), 0, 4000, 80
    ):
        text = member[1].decode()
        mine = only(text).structure
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pymatgen reports rounding that it would do
            theirs = CifParser(io.StringIO(text), frac_tolerance=0).parse_structures(primitive=False)[0]
        assert np.allclose(mine["cell"], theirs.lattice.matrix, atol=1e-6)
        left = list(range(len(theirs)))
        for number, position in zip(mine["numbers"], mine["positions"], strict=True):
            fractional = theirs.frac_coords[left] - theirs.lattice.get_fractional_coords(position)
            distances = np.linalg.norm((fractional - np.round(fractional)) @ theirs.lattice.matrix, axis=1)
            at = int(np.argmin(distances))
            assert distances[at] < 1e-6
            assert number == theirs[left.pop(at)].specie.Z
        assert not left
        checked += 1
    assert checked == 50


@pytest.fixture
def outcomes_by_file(monkeypatch):
    """Without the limit by the clock, which a busy machine may pass."""
    monkeypatch.setattr(structures, "time_limit", contextlib.nullcontext)
    return by_file


def by_file(path, **options):
    """Of each file, its outcomes; every refusal begins with the file's name."""
    found = {}
    for outcome in read(path, **options):
        isrecord = isinstance(outcome, Record)
        name = outcome.provenance["file"] if isrecord else re.split("[,:]", outcome.message)[0]
        found.setdefault(name, []).append("accepted" if isrecord else outcome.code)
    return found


def test_every_malformed_file_gets_a_clear_error(data_root, tmp_path, outcomes_by_file):
    with tarfile.open(data_root / "fixtures" / "cif-malformed.tar.gz") as tar:
        for info in tar:
            (tmp_path / f"{info.name}.cif").write_bytes(tar.extractfile(info).read())
    found = outcomes_by_file(tmp_path)
    assert len(found) == 103
    assert {code for codes in found.values() for code in codes} == {"cif-syntax", "no-atoms", "not-utf-8"}


@pytest.mark.parametrize("disorder", ["refuse", "majority"])
def test_every_odd_file_is_accepted_or_refused_with_a_reason(data_root, outcomes_by_file, disorder):
    path = data_root / "fixtures" / "structures-odd.tar.gz"
    with tarfile.open(path) as tar:
        names = {info.name.removesuffix(".gz") for info in tar if info.isfile()}
    found = outcomes_by_file(path, disorder=disorder)
    assert found.keys() == names
    codes = Counter(code for codes in found.values() for code in codes)
    assert codes["accepted"] >= {"refuse": 90, "majority": 100}[disorder]
    assert codes.keys() <= {"accepted", "disordered", "cif-unreadable", "cif-syntax", "no-symbols", "atoms-missing"}


def test_a_real_mutant_never_raises_anything_but_structure_errors(make):
    rng = np.random.default_rng(0)
    text = make["cif"](symbols=("Na", "Cl", "O"))
    for source, mutants in ((text, 150), (ROCK_SALT, 10)):
        for _ in range(mutants):
            data = bytearray(source.encode())
            for _ in range(rng.integers(1, 6)):
                data[rng.integers(len(data))] = rng.integers(32, 127)
            with contextlib.suppress(StructureError):
                list(read_cif(data.decode()))


SYMBOL = "_space_group_name_H-M_alt 'F m -3 m'\n"


@pytest.mark.parametrize(
    "symmetry",
    [
        "_space_group_name_H-M_alt 'F m 3 m'",
        "_space_group_name_H-M_alt 'F m -3 m :1'",
        "_space_group_name_H-M_alt Fm3m",
        "_space_group.name_H-M_alt 'F m -3 m'",
        "_space_group_name_Hall '-F 4 2 3'",
        "_space_group.IT_number 225",
        "_symmetry_Int_Tables_number 225",
    ],
)
def test_a_group_is_known_by_any_of_its_names(symmetry):
    found = only(ROCK_SALT.replace(SYMBOL, f"{symmetry}\n"))
    assert np.bincount(found.structure["numbers"])[[11, 17]].tolist() == [4, 4]


def test_operations_under_their_newer_name_are_used():
    listed = "loop_\n_space_group_symop.operation_xyz\nx,y,z\nx+1/2,y+1/2,z\nx+1/2,y,z+1/2\nx,y+1/2,z+1/2\n"
    assert len(only(ROCK_SALT.replace(SYMBOL, listed)).structure["numbers"]) == 8


@pytest.mark.parametrize("symbol", ["'Q 5'", "'F d 3 m'", "'P 21/c 2'"])
def test_a_group_that_is_not_known_is_refused_and_not_read_as_p1(symbol):
    with pytest.raises(StructureError, match="no operations are listed") as refused:
        only(ROCK_SALT.replace("'F m -3 m'", symbol))
    assert refused.value.code == "symmetry-unknown"


def test_without_a_word_on_symmetry_the_sites_are_all_there_are():
    assert len(only(ROCK_SALT.replace(SYMBOL, "")).structure["numbers"]) == 2


CELLS = {
    "triclinic": (5, 6, 7, 80, 95, 103),
    "orthorhombic": (5, 6, 7, 90, 90, 90),
    "tetragonal": (5, 5, 7, 90, 90, 90),
    "trigonal": (5, 5, 7, 90, 90, 120),
    "hexagonal": (5, 5, 7, 90, 90, 120),
    "cubic": (6, 6, 6, 90, 90, 90),
}
UNIQUE = {"a": (5, 6, 7, 97, 90, 90), "b": (5, 6, 7, 90, 97, 90), "c": (5, 6, 7, 90, 90, 97)}


def cell_of(group):
    """Of the group's own symmetry."""
    if group.crystal_system_str() == "monoclinic":
        return UNIQUE[re.sub("[^abc]", "", group.qualifier)]
    return (5, 5, 5, 70, 70, 70) if group.ext == "R" else CELLS[group.crystal_system_str()]


def crystal(symmetry, cell, *rows, columns=(), more=""):
    """A block with two or more columns beside label, symbol and coordinates."""
    names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    head = "".join(f"_cell_{name} {value}\n" for name, value in zip(names, cell, strict=True))
    loop = "".join(
        f"_atom_site_{name}\n" for name in ("label", "type_symbol", "fract_x", "fract_y", "fract_z", *columns)
    )
    return f"data_x\n{head}{symmetry}\n{more}\nloop_\n{loop}" + "\n".join(rows) + "\n"


def named(name, more=""):
    return f"_space_group_name_H-M_alt '{name}'\n{more}"


def listing(group):
    return "loop_\n_symmetry_equiv_pos_as_xyz\n" + "\n".join(f"'{op.triplet()}'" for op in group.operations())


def places(text):
    """What stands where, in the cell."""
    structure = only(text).structure
    fractions = structure["positions"] @ np.linalg.inv(structure["cell"])
    return Counter(zip(structure["numbers"], map(tuple, np.round(fractions % 1, 4) % 1), strict=True))


GENERAL = ("Na1 Na 0.11 0.23 0.37", "Cl1 Cl 0.31 0.05 0.43")


@settings(max_examples=25, deadline=None)
@given(group=st.sampled_from(list(gemmi.spacegroup_table())))
def test_a_group_by_name_is_the_group_by_its_operations(group):
    texts = [crystal(symmetry, cell_of(group), *GENERAL) for symmetry in (named(group.xhm()), listing(group))]
    assert places(texts[0]) == places(texts[1])


@settings(max_examples=40, deadline=None)
@given(group=st.sampled_from([g for g in gemmi.spacegroup_table() if g.ext in {"1", "2", "H", "R"}]), data=st.data())
def test_a_symbol_of_several_settings_is_settled_or_refused(group, data):
    """By a code, by the Hall symbol, or by the cell, and else by nobody."""
    tag = data.draw(st.sampled_from(["_space_group_name_H-M_alt", "_symmetry_space_group_name_H-M"]))
    symbol = f"{tag} '{group.hm}'\n"
    expected = places(crystal(listing(group), cell_of(group), *GENERAL))
    code = data.draw(st.sampled_from([group.ext.lower(), group.ext.lower() + group.qualifier]))
    for more in (f"_space_group_IT_coordinate_system_code {code}", f"_space_group_name_Hall '{group.hall}'"):
        assert places(crystal(symbol + more, cell_of(group), *GENERAL)) == expected
    if group.ext in "HR":
        assert places(crystal(symbol, cell_of(group), *GENERAL)) == expected
    else:
        with pytest.raises(StructureError, match="two origins") as refused:
            only(crystal(symbol, cell_of(group), *GENERAL))
        assert refused.value.code == "symmetry-unknown"


def test_silicon_has_eight_atoms_in_the_origin_that_is_stated_and_none_in_another():
    cell, atom = (5.43, 5.43, 5.43, 90, 90, 90), "Si1 Si 0.125 0.125 0.125"
    code = "_space_group_IT_coordinate_system_code 2\n_space_group_IT_number 227"
    assert len(only(crystal(named("F d -3 m", code), cell, atom)).structure["numbers"]) == 8
    assert len(only(crystal("_space_group_IT_number 227\n" + code[:41], cell, atom)).structure["numbers"]) == 8
    for symmetry in (named("F d -3 m"), named("Fd-3m"), "_space_group_IT_number 227"):
        with pytest.raises(StructureError, match="list _space_group_symop_operation_xyz"):
            only(crystal(symmetry, cell, atom))


@pytest.mark.parametrize(
    ("symmetry", "cell"),
    [
        (named("P 1 21/c 1"), UNIQUE["c"]),
        (named("P 21"), UNIQUE["c"]),
        (named("F m -3 m"), CELLS["tetragonal"]),
        (named("P 6/m m m"), CELLS["tetragonal"]),
        ("_space_group_IT_number 14", UNIQUE["c"]),
        (named("F m -3 m", "_space_group_name_Hall 'P 1'"), CELLS["cubic"]),
    ],
)
def test_a_group_that_is_not_that_of_the_cell_is_refused(symmetry, cell):
    with pytest.raises(StructureError, match="fits the cell"):
        only(crystal(symmetry, cell, *GENERAL))


@pytest.mark.parametrize("number", [14, 166])
def test_a_number_and_a_code_are_a_setting(number):
    code, name, cell = {14: ("c1", "P 1 1 21/a", UNIQUE["c"]), 166: ("r", "R -3 m:R", (5, 5, 5, 70, 70, 70))}[number]
    symmetry = f"_space_group_IT_number {number}\n_space_group_IT_coordinate_system_code {code}"
    assert places(crystal(symmetry, cell, *GENERAL)) == places(crystal(named(name), cell, *GENERAL))


@pytest.mark.parametrize("nothing", ["loop_\n_symmetry_equiv_pos_as_xyz\n?", "_space_group_symop_operation_xyz ?"])
def test_operations_that_are_not_known_are_not_listed(nothing):
    cell = CELLS["cubic"]
    assert places(crystal(named("P a -3") + nothing, cell, *GENERAL)) == places(
        crystal(named("P a -3"), cell, *GENERAL)
    )
    assert len(only(crystal(nothing, cell, *GENERAL)).structure["numbers"]) == 2


def test_a_single_site_needs_no_loop():
    pairs = "\n".join(f"_atom_site_{name} {v}" for name, v in (("label", "Si1"), ("fract_x", 0.1), ("fract_y", 0.2)))
    text = ROCK_SALT[: ROCK_SALT.rindex("loop_")].replace("F m -3 m", "P -1") + pairs + "\n_atom_site_fract_z 0.3\n"
    assert only(text).structure["numbers"].tolist() == [14, 14]


P1, PLUS = named("P 1"), named("P -1")
BOTH = pytest.mark.parametrize("symmetry", [P1, PLUS])


@BOTH
@given(numbers=st.lists(st.sampled_from([".", "'.'", "1", "1.0", "1.000(2)"]), min_size=3, max_size=3))
def test_an_occupancy_that_is_not_given_is_one(symmetry, numbers):
    rows = [f"{s}1 {s} 0.{i}1 0.2 0.3 {n}" for i, (s, n) in enumerate(zip(("Na", "Cl", "O"), numbers, strict=True))]
    text = crystal(symmetry, CELLS["orthorhombic"], *rows, columns=["occupancy"])
    assert places(text) == places(crystal(symmetry, CELLS["orthorhombic"], *(row.rsplit(" ", 1)[0] for row in rows)))


@BOTH
@pytest.mark.parametrize("unknown", [". . .", "0.1 . 0.2", "? ? ?", "0.1 0.2 ?", "'.' 0 0"])
def test_a_site_without_coordinates_is_refused_with_its_name(symmetry, unknown):
    with pytest.raises(StructureError, match="site H7 has") as refused:
        only(crystal(symmetry, CELLS["cubic"], "O1 O 0.1 0.2 0.3", f"H7 H {unknown}"))
    assert refused.value.code == "cif-unreadable"


def test_icsd_writes_zero_as_a_point():
    text = crystal(named("P m -3 m"), CELLS["cubic"], "K1 K .5 .5 .5", "Mn1 Mn . . .", "F1 F .5 . .")
    found = only(text.replace("data_x\n", "data_x\n_database_code_ICSD 59959\n")).structure
    assert sorted(found["numbers"]) == [9, 9, 9, 19, 25]
    polonium = crystal(named("P m -3 m"), CELLS["cubic"], "Po1 Po . . .")
    assert len(only(polonium.replace("data_x\n", "data_x\n_database_code_ICSD 1\n")).structure["numbers"]) == 1


def test_columns_of_other_categories_stay_in_the_loop():
    rows = ("O1 O 0.1 0.2 0.3 .6h .", "C1 C 0.3 0.1 0.2 .2c 1")
    text = crystal(PLUS, CELLS["cubic"], *rows, columns=["wyckoff", "occupancy"])
    found = places(text.replace("_atom_site_wyckoff", "_sm_site_symmetry"))
    assert found == places(crystal(PLUS, CELLS["cubic"], "O1 O 0.1 0.2 0.3", "C1 C 0.3 0.1 0.2"))


@BOTH
def test_a_dummy_site_is_no_atom(symmetry):
    rows = ("O1 O 0.1 0.2 0.3 d", "C1 C ? ? ? dum", "C2 C 0.3 0.3 0.3 Dum")
    found = places(crystal(symmetry, CELLS["cubic"], *rows, columns=["calc_flag"]))
    assert found == places(crystal(symmetry, CELLS["cubic"], "O1 O 0.1 0.2 0.3"))
    with pytest.raises(StructureError, match="every site is a dummy"):
        only(crystal(symmetry, CELLS["cubic"], rows[2], columns=["calc_flag"]))


@BOTH
@pytest.mark.parametrize(
    "row",
    ["O1 O 0.1 0.2 0.3 2", "O1 O 0.1 0.2 0.3 1(1)", "W1 Wat 0.1 0.2 0.3 .", "O1 OH 0.1 0.2 0.3 .", "O H2O 0 0 0 ."],
)
def test_hydrogens_without_sites_are_missing(symmetry, row):
    with pytest.raises(StructureError, match="hydrogen atoms") as refused:
        only(crystal(symmetry, CELLS["cubic"], "Na1 Na 0.5 0.6 0.7 0", row, columns=["attached_hydrogens"]))
    assert refused.value.code == "atoms-missing"


def labelled(*labels, more=""):
    rows = [f"{label} x 0.{i}1 0.2 0.3" for i, label in enumerate(labels)]
    text = crystal(PLUS, CELLS["cubic"], *rows, more=more)
    return text.replace("_atom_site_type_symbol\n", "").replace(" x ", " ")


@pytest.mark.parametrize("stated", ["_chemical_formula_sum 'C2 H O'", "loop_\n_atom_type_symbol\nC\nH\nO2-"])
def test_labels_alone_are_read_by_what_the_block_is_made_of(stated):
    found = only(labelled("CA1", "HO1", "OH1", "C2", more=stated)).structure
    assert Counter(found["numbers"]) == {6: 4, 1: 2, 8: 2}


def test_labels_alone_that_two_elements_may_have_are_refused():
    for labels in (("CA1",), ("O1", "HO1"), ("SI1", "O1")):
        with pytest.raises(StructureError, match="add _atom_site_type_symbol"):
            only(labelled(*labels))
    found = only(labelled("Ca1", "Ho1", "OW1", "AL1", "D2", "cl1", "OH1", "H2O1")).structure
    assert Counter(found["numbers"]) == {20: 2, 67: 2, 8: 4, 13: 2, 1: 4, 17: 2}
    with pytest.raises(StructureError, match="group of atoms"):
        only(labelled("Wat1"))


def test_occupancies_that_rounding_brought_above_one_are_full_sites():
    text = ROCK_SALT.replace("_atom_site_fract_z\n", "_atom_site_fract_z\n_atom_site_occupancy\n")
    text = text.replace("0 0 0\n", "0 0 0 1.001\n").replace("0.5 0.5 0.5\n", "0.5 0.5 0.5 1\n")
    assert len(only(text).structure["numbers"]) == 8
