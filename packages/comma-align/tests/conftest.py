"""A small data set that looks like the real ones: polymorphs, several protocols, samples without a structure."""

import sys
from pathlib import Path

import numpy as np
import pytest
from comma_data.protocol import Operation, Protocol, steps
from comma_data.sample import Sample
from comma_data.split import SALT, fold
from comma_data.writer import Description, write

sys.path.insert(0, str(Path(__file__).parent))  # tests share modules: `tiny_run`, `jobs`, `processes`

METALS = "Li Na K Mg Ca Sr Ba Ti V Cr Mn Fe Co Ni Cu Zn".split()
NUMBERS = dict(zip(METALS, (3, 11, 19, 12, 20, 38, 56, 22, 23, 24, 25, 26, 27, 28, 29, 30), strict=True))


def structure(metal: str, length: float) -> dict:
    return {
        "numbers": np.array([NUMBERS[metal], 8]),
        "positions": np.array([[0.0, 0, 0], [length / 2] * 3]),
        "cell": np.eye(3) * length,
        "periodic": np.ones(3, bool),
    }


def protocol(metal: str, temperature: float) -> Protocol:
    heat = Operation(kind="heat", word="calcined", temperatures=(temperature,), hours=(6.0,), atmospheres=("air",))
    return Protocol(
        target=f"{metal}O", precursors=(f"{metal}CO3",), operations=(Operation(kind="mix", word="mixed"), heat)
    )


def sample(name: str, metal: str, i: int, *, with_structure: bool = True) -> Sample:
    told = (protocol(metal, 800.0 + 50 * i), protocol(metal, 825.0 + 50 * i))
    formula = f"{metal}O"
    fields = {"composition": ({metal: 1.0, "O": 1.0},), "text": tuple(steps(p, "precursors") for p in told)}
    if with_structure:
        fields["structure"] = (structure(metal, 3.0 + 0.1 * i),)
    return Sample(
        id=name,
        fields=fields,
        groups={"formula": formula, "material": name, "fold": str(fold(formula))},
        targets={"length": 3.0 + 0.1 * i, "gap": max(0.0, 0.3 * (i - 6)), "kind": "long" if i > 6 else "short"},
        annotations={"text": told},
        provenance={"text": tuple({"doi": f"10.1/{name}-{j}", "paragraph": f"{name}-{j}"} for j in range(len(told)))},
    )


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    samples = [sample(f"m-{i:02d}", metal, i) for i, metal in enumerate(METALS)]
    samples += [sample(f"n-{i:02d}", metal, i + 5) for i, metal in enumerate(METALS[:4])]
    samples += [sample(f"t-{i:02d}", metal, i, with_structure=False) for i, metal in enumerate(METALS[8:])]
    samples.sort(key=lambda s: s.id)
    out = tmp_path_factory.mktemp("data") / "tiny"
    description = Description(name="tiny", build={}, inputs={}, counts={}, joined={}, split_salt=SALT)
    write(samples, out, description, samples_per_shard=10)
    return out
