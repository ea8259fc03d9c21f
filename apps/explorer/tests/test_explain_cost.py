"""How long an explanation takes is told before."""

import numpy as np
import pytest
from comma_encoders.model import AlignedModel
from comma_explorer.explain import cost
from comma_explorer.explain import side as sides
from comma_explorer.explain.attribution import METHODS
from comma_explorer.explain.explanation import Given, explain, vector
from comma_explorer.explain.side import side

SALT = {
    "numbers": np.array([11, 17, 19]),
    "positions": np.diag([1.0, 2.0, 3.0]),
    "cell": 6.0 * np.eye(3),
    "periodic": np.ones(3, dtype=bool),
}
CRYSTAL = Given(modality="structure", value=SALT, name="salt")
PROTOCOL = Given(modality="text", value=("Mix NaCl and KCl.", "Melt at 900 °C."), name="recipe")


@pytest.fixture(scope="module")
def model():
    return AlignedModel.create("structure", "text", dim=16).eval()


@pytest.mark.parametrize("method", [name for name in METHODS if name != "gradients"])
def test_the_variants_are_as_many_as_are_encoded(model, monkeypatch, method):
    told = sum(
        cost.encodings(side(model, a.modality, a.value, vector(model, b)), method)
        for a, b in ((CRYSTAL, PROTOCOL), (PROTOCOL, CRYSTAL))
    )
    counted = []
    honest = sides._chunks
    monkeypatch.setattr(sides, "_chunks", lambda rows, given: counted.append(len(rows)) or honest(rows, given))
    explain(model, CRYSTAL, PROTOCOL, method=method)
    assert sum(counted) == pytest.approx(told, abs=2 * 4 * 4)  # each attribution asks for the whole once or twice


def test_the_time_is_the_number_times_that_of_one(model, monkeypatch):
    clock = iter(range(10_000))
    monkeypatch.setattr(cost, "perf_counter", lambda: float(next(clock)))
    told = cost.seconds(model, CRYSTAL, PROTOCOL, method="removal")
    numbers = [
        cost.encodings(side(model, a.modality, a.value, vector(model, b)), "removal")
        for a, b in ((CRYSTAL, PROTOCOL), (PROTOCOL, CRYSTAL))
    ]
    assert told == pytest.approx(sum(numbers) / cost.TIMED)
