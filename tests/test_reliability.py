"""Small versions of the faults of the benchmark: nothing is lost."""

import shutil

import pytest

from benchmarks.reliability.__main__ import modules, tried


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.__name__.rpartition(".")[2])
def test_a_fault_does_no_harm(module):
    if missing := [name for name in getattr(module, "PROGRAMS", ()) if shutil.which(name) is None]:
        pytest.skip(f"no {missing[0]} on this machine")
    found = tried(module, full=False)
    assert found["n"] > 0
    assert found["lost"] == 0, found["note"]
