"""The named run `proposal`, two steps of each stage on the embedded set, in two processes."""

import json

import pytest
from comma_align.cli import CONFIGS
from comma_align.config import Run
from comma_data.build import build
from comma_data.config import read_build
from comma_data.configfile import load
from comma_data.pool import Processes
from comma_data.progress import Printer

from benchmarks.reliability import small_runs


@pytest.fixture(scope="module")
def embedded_set(tmp_path_factory):
    out = tmp_path_factory.mktemp("data") / "textbook"
    build(read_build("textbook"), root=None, out=out, engine=Processes(workers=2), progress=Printer())
    return out


def test_two_steps_in_two_processes(embedded_set, tmp_path):
    run = load(Run, CONFIGS / "proposal.toml", settings=["batch_size=4", "precision=no"])
    assert (run.objective.kind, run.encoders["image"].backbone) == ("cmc", "vit_base_patch16_224")
    assert [*run.pairs] == [("structure", "text"), ("text", "image")]
    jobs = small_runs.start(2, small_runs.steps, run.model_dump_json(), str(embedded_set), str(tmp_path / "run"), 2)
    assert small_runs.ended(jobs, 400) == [0, 0]
    first, second = (json.loads((tmp_path / "run" / f"{rank}.json").read_text()) for rank in (0, 1))
    assert all(finite for steps in first.values() for finite, *_ in steps)
    assert set(first["align"][0][2]) == {"structure-text", "image-text", "image-structure"}
    assert [total for _, total, _ in first["align"]] == pytest.approx([total for _, total, _ in second["align"]])
