"""The same crystal in another description is found; another crystal of the formula is not taken for it."""

import numpy as np
import pytest
from comma_data.curate import curate
from comma_data.duplicates import repeats, shells, without_duplicates
from comma_data.pool import Processes
from comma_data.sample import RawStructure
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure


def raw(structure):
    return RawStructure(
        numbers=np.array(structure.atomic_numbers),
        positions=np.array(structure.cart_coords),
        cell=np.array(structure.lattice.matrix),
        periodic=np.ones(3, dtype=bool),
    )


def zinc_sulphide(group, *, a=3.81):
    """Wurtzite or sphalerite: one formula, nearly one density, other stacking."""
    if group == "wurtzite":
        cell = Lattice.hexagonal(a, a * np.sqrt(8 / 3))
        sites = [(1 / 3, 2 / 3, 0), (2 / 3, 1 / 3, 0.5), (1 / 3, 2 / 3, 0.375), (2 / 3, 1 / 3, 0.875)]
        return Structure(cell, ["Zn", "Zn", "S", "S"], sites)
    return Structure.from_spacegroup("F-43m", Lattice.cubic(a * np.sqrt(2)), ["Zn", "S"], [(0, 0, 0), (0.25,) * 3])


CRYSTALS = {
    "sphalerite": zinc_sulphide("sphalerite"),
    "wurtzite": zinc_sulphide("wurtzite"),
    "rutile": Structure.from_spacegroup(
        "P4_2/mnm", Lattice.tetragonal(4.594, 2.959), ["Ti", "O"], [(0, 0, 0), (0.305, 0.305, 0)]
    ),
}


@settings(max_examples=25)
@given(
    st.sampled_from(sorted(CRYSTALS)),
    st.permutations([1, 1, 2]),
    st.integers(0, 2**31),
    st.floats(-0.01, 0.01),
)
def test_another_description_is_the_same_crystal(name, repeat, seed, strain):
    rng = np.random.default_rng(seed)
    crystal = CRYSTALS[name].copy()
    other = crystal.copy().make_supercell(repeat)
    other.translate_sites(list(range(len(other))), rng.uniform(size=3))
    other = Structure.from_sites([other[i] for i in rng.permutation(len(other))])
    other.apply_strain(strain)
    other.perturb(0.01)
    assert repeats([raw(crystal), raw(other)]) == [(1, 0)]
    scaled = crystal.copy()
    scaled.apply_strain(strain)
    np.testing.assert_allclose(shells(scaled), shells(crystal), atol=1e-6)


def test_polymorphs_stay_apart():
    both = [raw(CRYSTALS["sphalerite"]), raw(CRYSTALS["wurtzite"])]
    assert repeats(both) == []
    assert repeats([*both, both[1], both[0]]) == [(2, 1), (3, 0)]


def test_a_compressed_crystal_is_another_entry():
    assert repeats([raw(zinc_sulphide("wurtzite")), raw(zinc_sulphide("wurtzite", a=3.6))]) == []


@pytest.mark.parametrize("workers", [0, 2])
def test_the_first_one_is_kept_with_the_targets_that_only_the_others_have(make, workers):
    structure = make["structure_record"]
    records = [
        structure("a", targets={"band_gap": 5.0}),
        structure("b", targets={"band_gap": 6.0, "energy": 1.0}),
        structure("c", targets={"energy": 2.0, "class": "x"}),
        structure("d", value=make["rock_salt"](6.6)),
        make["text_record"]("t", "NaCl"),
    ]
    extra = {"engine": Processes(workers=workers)} if workers else {}
    merged = without_duplicates(curate(records), **extra)
    first, *others = merged.accepted
    assert [r.key for r in others] == ["d", "t"]
    assert first.targets == {"band_gap": 5.0, "energy": 1.0, "class": "x"}
    assert first.provenance["duplicates"] == "b c"
    assert {r.key: r.code for r in merged.refused} == {"b": "duplicate-structure", "c": "duplicate-structure"}
    assert "the same crystal as structures a" in merged.refused[0].message
    assert merged.counts["structures"].read == 4
    assert merged.counts["structures"].accepted == 2


def test_molecules_are_not_compared(make):
    value = {**make["rock_salt"](), "periodic": np.zeros(3, dtype=bool), "cell": np.zeros((3, 3))}
    records = [make["structure_record"](key, value=value) for key in "ab"]
    assert len(without_duplicates(curate(records)).accepted) == 2
