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
    assert codes.keys() <= {"accepted", "disordered", "cif-unreadable", "cif-syntax", "no-symbols"}


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


@settings(max_examples=25, deadline=None)
@given(group=st.sampled_from(list(gemmi.spacegroup_table())))
def test_a_group_by_name_is_the_group_by_its_operations(group):
    named = ROCK_SALT.replace("'F m -3 m'", f"'{group.xhm()}'").replace("Na1+ 0 0 0", "Na1+ 0.11 0.23 0.37")
    named = named.replace("Cl1- 0.5 0.5 0.5", "Cl1- 0.31 0.05 0.43")
    operations = "\n".join(f"'{op.triplet()}'" for op in group.operations())
    listed = named.replace(
        f"_space_group_name_H-M_alt '{group.xhm()}'\n", f"loop_\n_symmetry_equiv_pos_as_xyz\n{operations}\n"
    )
    by_name, by_operations = only(named).structure, only(listed).structure
    assert len(by_name["numbers"]) == len(by_operations["numbers"])
    places = [np.round(s["positions"] / 5.64 % 1, 4) % 1 for s in (by_name, by_operations)]
    assert {tuple(p) for p in places[0]} == {tuple(p) for p in places[1]}


def test_occupancies_that_rounding_brought_above_one_are_full_sites():
    text = ROCK_SALT.replace("_atom_site_fract_z\n", "_atom_site_fract_z\n_atom_site_occupancy\n")
    text = text.replace("0 0 0\n", "0 0 0 1.001\n").replace("0.5 0.5 0.5\n", "0.5 0.5 0.5 1\n")
    assert len(only(text).structure["numbers"]) == 8
