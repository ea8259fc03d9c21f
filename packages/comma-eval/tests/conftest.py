"""A small data set of oxides with recipes and gaps, and what is planted in it."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from comma_data.formulas import ATOMIC_NUMBERS
from comma_data.protocol import Operation, Protocol, with_view
from comma_data.sample import Sample
from comma_data.split import fold
from comma_data.writer import Description, write
from comma_eval import heads
from comma_eval.baselines import composition

sys.path.insert(0, str(Path(__file__).parent))  # `planted.py` beside the tests

CATIONS_2 = ("Mg", "Ca", "Sr", "Ba", "Zn", "Pb", "Cd", "Eu")
CATIONS_4 = ("Ti", "Zr", "Hf", "Sn", "Ce", "Mo", "Ru", "Mn")


def structure(*symbols, length=4.0):
    """Atoms of these elements in a cubic cell of this length in Å."""
    numbers = np.array([ATOMIC_NUMBERS[symbol] for symbol in symbols], dtype=np.int64)
    positions = np.linspace(0, 0.9 * length, len(symbols))[:, None] * np.ones(3)
    return {"numbers": numbers, "positions": positions, "cell": length * np.eye(3), "periodic": np.ones(3, bool)}


def protocol(a, b, celsius):
    """The ceramic route to ABO3."""
    return Protocol(
        target=f"{a}{b}O3",
        precursors=(f"{a}CO3", f"{b}O2"),
        operations=(
            Operation(kind="mix", word="mixed", media=("ethanol",)),
            Operation(kind="heat", word="calcined", temperatures=(celsius,), hours=(12.0,), atmospheres=("air",)),
        ),
        amounts=((f"{a}CO3", 1.0), (f"{b}O2", 1.0)),
    )


def perovskite(a, b, *, recipes=1, polymorph=0, doi=None):
    """ABO3 with some recipes; polymorphs differ in the cell and share the recipes."""
    protocols = tuple(protocol(a, b, 900.0 + 50 * number) for number in range(recipes))
    formula = f"{a}{b}O3"
    sample = Sample(
        id=f"{formula.lower()}-{polymorph}",
        fields={
            "structure": (structure(a, b, "O", "O", "O", length=4.0 + polymorph),),
            "text": tuple(("to be told",) for _ in protocols),
        },
        groups={"formula": formula, "fold": str(fold(formula))},
        annotations={"text": protocols},
        provenance={"text": tuple({"doi": doi or f"10.1/{formula}-{number}"} for number in range(recipes))},
    )
    return with_view(sample, "precursors")


@pytest.fixture
def make_structure():
    return structure


@pytest.fixture
def make_perovskite():
    return perovskite


@pytest.fixture
def perovskites():
    """64 formulas, two polymorphs and two recipes each."""
    return [perovskite(a, b, recipes=2, polymorph=p) for a in CATIONS_2 for b in CATIONS_4 for p in (0, 1)]


@pytest.fixture(scope="session")
def data_set(tmp_path_factory):
    """A data set on disk of 64 formulas; 14 of them share a DOI."""
    pairs = [(a, b) for a in CATIONS_2 for b in CATIONS_4]
    samples = [perovskite(*pair, recipes=2, doi="10.1/shared" if n < 14 else None) for n, pair in enumerate(pairs)]
    out = tmp_path_factory.mktemp("data")
    write(samples, out, Description(name="planted", build={}, inputs={}, counts={}, joined={}))
    return out


KINDS = ("pristine", "vacancy", "interstitial", "twin")
HOSTS = tuple(f"{a}{b}" for a in CATIONS_2 for b in ("O", "S", "Se", "Te", "F"))


def defect(host, kind, number, **changes):
    """A micrograph of 16 x 16 pixels in which one quarter, by class, is brighter; the grey levels of all are the same.

    Structure, groups and provenance are those of the sets that comma-data simulates.
    """
    rng = np.random.default_rng([HOSTS.index(host), KINDS.index(kind), number])
    signal = rng.normal(size=(16, 16))
    rows, columns = np.divmod(KINDS.index(kind), 2) * np.array(8)
    signal[rows : rows + 8, columns : columns + 8] += 0.35
    pixels = (100 * signal.ravel().argsort().argsort().reshape(16, 16)).astype(np.uint16)
    session = f"session-{(HOSTS.index(host) + KINDS.index(kind) + number) % 5}"
    symbols = (host[:2], host[2:])
    sample = Sample(
        id=f"{host.lower()}-{kind}-{number}",
        fields={
            "structure": (structure(*symbols, length=3.0 + 0.05 * HOSTS.index(host)),),
            "image": ({"pixels": pixels, "nm_per_pixel": 0.02},),
        },
        groups={"formula": host, "material": f"tb-{host.lower()}", "fold": str(fold(host)), "conditions": session},
        targets={"defect": kind},
        annotations={"image": ({"mask": np.full((16, 16), KINDS.index(kind), dtype=np.uint8)},)},
        provenance={"image": ({"origin": "simulated", "dose": session[-1], "probe_fwhm_nm": "0.1"},)},
    )
    return replace(sample, **changes)


@pytest.fixture(scope="session")
def defect_images():
    """40 hosts, four classes, two images of each."""
    return [defect(host, kind, number) for host in HOSTS for kind in KINDS for number in range(2)]


@pytest.fixture
def quick_fit(monkeypatch):
    """A composition model that is fitted in no time."""
    fit = composition.fit
    monkeypatch.setattr(composition, "fit", lambda train: fit(train, steps=2))


@pytest.fixture(scope="module")
def few_trees():
    """Forests of a size that tests can wait for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(heads, "TREES", 10)
        yield
