import contextlib
import io
import tarfile
import warnings
from itertools import islice

import numpy as np
import pytest
from comma_data.archive import members
from comma_data.cif import cell_matrix, read_cif
from comma_data.errors import StructureError
from comma_data.sample import Record, Refusal
from comma_data.sources.structures import read
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


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda t: t.replace(" 1\n", " 0.5\n"), "disordered"),
        (lambda t: t.replace("Na ", "D "), "unknown-element"),
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
        members(data_root / "materials-project" / "structures-02.tar.gz", ".cif", "test"), 0, 4000, 80
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


@pytest.mark.parametrize("name", ["cif-malformed.tar.gz", "structures-odd.tar.gz"])
def test_no_malformed_or_odd_file_crashes_or_hangs_the_parser(data_root, tmp_path, name):
    files = 0
    with tarfile.open(data_root / "fixtures" / name) as tar:
        for info in tar:
            if info.isfile() and (name.startswith("cif") or info.name.endswith(".cif")):
                (tmp_path / f"{files:03d}.cif").write_bytes(tar.extractfile(info).read())
                files += 1
    outcomes = list(read(tmp_path, workers=1))
    assert files > 50
    assert len({outcome.key[:3] for outcome in outcomes}) == files
    for outcome in outcomes:
        assert isinstance(outcome, Record) or (outcome.code and outcome.key in outcome.message)
    assert "parser-died" not in {outcome.code for outcome in outcomes if isinstance(outcome, Refusal)}


def test_a_real_mutant_never_raises_anything_but_structure_errors(make):
    rng = np.random.default_rng(0)
    text = make["cif"](symbols=("Na", "Cl", "O"))
    for source, mutants in ((text, 150), (ROCK_SALT, 40)):
        for _ in range(mutants):
            data = bytearray(source.encode())
            for _ in range(rng.integers(1, 6)):
                data[rng.integers(len(data))] = rng.integers(32, 127)
            with contextlib.suppress(StructureError):
                list(read_cif(data.decode()))
