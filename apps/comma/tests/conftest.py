"""A small data set of oxides with recipes, and a study on it that takes seconds."""

import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from comma_app.study.config import Study
from comma_data.configfile import check
from comma_data.formulas import ATOMIC_NUMBERS
from comma_data.protocol import Operation, Protocol, steps
from comma_data.sample import Sample
from comma_data.split import fold
from comma_data.writer import Description, write

sys.path.insert(0, str(Path(__file__).parent))
from working import TINY

CATIONS_2 = ("Mg", "Ca", "Sr", "Ba", "Zn", "Pb")
CATIONS_4 = ("Ti", "Zr", "Hf", "Sn", "Ce", "Mo", "Ru", "Mn")


def sample(a, b):
    """ABO3 by the ceramic route, twice."""
    formula, length = f"{a}{b}O3", 3.8 + 0.01 * ATOMIC_NUMBERS[b]
    numbers = np.array([ATOMIC_NUMBERS[symbol] for symbol in (a, b, "O", "O", "O")])
    corners = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    heated = [
        Operation(kind="heat", word="calcined", temperatures=(800.0 + 10 * ATOMIC_NUMBERS[a] + more,), hours=(12.0,))
        for more in (0, 50)
    ]
    told = tuple(
        Protocol(
            target=formula, precursors=(f"{a}CO3", f"{b}O2"), operations=(Operation(kind="mix", word="mixed"), heat)
        )
        for heat in heated
    )
    structure = {
        "numbers": numbers,
        "positions": corners * length,
        "cell": length * np.eye(3),
        "periodic": np.ones(3, bool),
    }
    return Sample(
        id=formula.lower(),
        fields={
            "composition": ({a: 1.0, b: 1.0, "O": 3.0},),
            "structure": (structure,),
            "text": tuple(steps(one, "precursors") for one in told),
        },
        groups={"formula": formula, "material": formula.lower(), "fold": str(fold(formula))},
        targets={"length": length},
        annotations={"text": told},
        provenance={"text": tuple({"doi": f"10.1/{formula}-{number}"} for number in range(2))},
    )


def write_data(out, pairs):
    """A data set of these oxides."""
    samples = sorted((sample(a, b) for a, b in pairs), key=lambda one: one.id)
    write(samples, out, Description(name="oxides", build={}, inputs={}, counts={}, joined={}))
    return out


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    pairs = [(a, b) for a in CATIONS_2 for b in CATIONS_4]
    return write_data(tmp_path_factory.mktemp("data") / "oxides", pairs)


@pytest.fixture(scope="session")
def other_data(tmp_path_factory):
    pairs = [(a, b) for a in CATIONS_2 for b in CATIONS_4][1:]
    return write_data(tmp_path_factory.mktemp("data") / "others", pairs)


@pytest.fixture
def values():
    """The tiny study as nested tables."""
    return tomllib.loads(TINY)


@pytest.fixture(scope="session")
def tiny():
    return check(Study, tomllib.loads(TINY))
