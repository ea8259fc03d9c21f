"""Values that several test files need."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from comma_data.protocol import Operation, Protocol
from comma_data.sample import RawStructure, Record, Sample


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real data."""
    if "COMMA_DATA" not in os.environ:
        pytest.skip("COMMA_DATA is not set: no real data to read")
    return Path(os.environ["COMMA_DATA"])


def rock_salt(a: float = 5.64) -> RawStructure:
    """The primitive cell of NaCl."""
    cell = a / 2 * np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    return RawStructure(
        numbers=np.array([11, 17]),
        positions=np.array([[0.0, 0.0, 0.0], [a / 2, 0.0, 0.0]]),
        cell=cell,
        periodic=np.ones(3, dtype=bool),
    )


def barium_titanate() -> Protocol:
    """A protocol with everything in it, the target among media and precursors too."""
    return Protocol(
        target="BaTiO3",
        precursors=("BaCO3", "TiO2", "BaTiO3"),
        operations=(
            Operation(kind="start", word="prepared"),
            Operation(kind="mix", word="milled", media=("ethanol", "BaTiO3 powder"), device="zirconia", hours=(12.0,)),
            Operation(kind="heat", word="Calcine", temperatures=(1000.0, 1100.0), hours=(6.0,), atmospheres=("air",)),
            Operation(kind="heat", word="sintered", temperatures=(1350.0,), atmospheres=("O2", "PbO")),
        ),
        amounts=(("BaCO3", 1.0), ("TiO2", 1.0)),
    )


def structure_record(key: str, **changes: object) -> Record:
    """A structure as a source delivers it."""
    values: dict = {"value": rock_salt(), "formula": "NaCl", "targets": {"band_gap": 5.0}, **changes}
    return Record(source="structures", key=key, modality="structure", provenance={"origin": "computed"}, **values)


def text_record(key: str, formula: str, doi: str = "10/a", paragraph: str = "p", **changes: object) -> Record:
    """A protocol as a source delivers it."""
    protocol = changes.pop("value", None) or Protocol(
        target=formula, precursors=("Na2CO3", f"X{key}"), operations=(Operation(kind="heat", word="fired"),)
    )
    known = {"origin": "text-mined", "doi": doi, "paragraph": paragraph, **changes}
    return Record(source="recipes", key=key, modality="text", value=protocol, formula=formula, provenance=known)


@pytest.fixture(scope="session")
def make() -> dict[str, Callable]:
    """The helpers of this file, for test modules, which cannot import each other."""
    return {
        "rock_salt": rock_salt,
        "barium_titanate": barium_titanate,
        "structure_record": structure_record,
        "text_record": text_record,
        "sample": sample,
        "cif": cif,
    }


def sample(identifier: str, formula: str = "NaCl", fold: int = 0, **changes: object) -> Sample:
    """A sample with a structure, a text and an image."""
    protocol = barium_titanate()
    values: dict = {
        "fields": {
            "structure": (rock_salt(),),
            "text": (("Fired at 600 °C.",),),
            "image": ({"pixels": np.arange(12, dtype=np.uint16).reshape(3, 4), "nm_per_pixel": 0.02},),
        },
        "groups": {"formula": formula, "material": identifier, "fold": str(fold)},
        "targets": {"band_gap": 0.1 + 0.2, "class": "salt"},
        "annotations": {"text": (protocol,)},
        "provenance": {"text": ({"doi": f"10/{identifier}", "paragraph": f"p-{identifier}"},)},
        **changes,
    }
    return Sample(id=identifier, **values)


def cif(
    name: str = "NaCl", *, symbols: tuple[str, ...] = ("Na", "Cl"), formula: str = "'Na1 Cl1'", occupancy: str = "1"
) -> str:
    """CIF text of a P 1 cell."""
    sites = "\n".join(
        f"{s} {s}{i} {i / len(symbols)} {i / len(symbols)} {i / len(symbols)} {occupancy}"
        for i, s in enumerate(symbols)
    )
    return f"""data_{name}
_symmetry_space_group_name_H-M 'P 1'
_cell_length_a 4.0
_cell_length_b 4.1(2)
_cell_length_c 4.2
_cell_angle_alpha 90
_cell_angle_beta 95
_cell_angle_gamma 100
_chemical_formula_sum {formula}
loop_
_atom_site_type_symbol
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
{sites}
"""
