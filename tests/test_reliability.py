"""Small versions of the faults of the benchmark: nothing is lost."""

import pytest

from benchmarks.reliability.__main__ import modules, tried


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.__name__.rpartition(".")[2])
def test_a_fault_does_no_harm(module):
    found = tried(module, full=False)
    assert found["n"] > 0
    assert found["lost"] == 0, found["note"]
