"""Two real gloo processes give the gradients of one."""

import json
import socket
import subprocess
import sys

import pytest

SCRIPT = """
import json, sys, os
import torch, torch.distributed as dist
from comma_align.gather import gather, gather_rows, sum_gradients, world
from comma_align.objective import Alignment
from comma_encoders.types import Embedded

if int(os.environ["WORLD_SIZE"]) > 1:
    dist.init_process_group("gloo")
rank, size = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
assert world() == int(sys.argv[1]), "the world has another size than asked for"

torch.manual_seed(0)
x = {m: torch.randn(12, 6, dtype=torch.float64) for m in ("structure", "text", "xrd")}
present = {"structure": list(range(12)), "text": [0, 1, 2, 5, 6, 7, 11], "xrd": [1, 3, 5, 7]}  # xrd: odd samples only
formula = torch.tensor([0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 8])
towers = torch.nn.ModuleDict({m: torch.nn.Linear(6, 4, dtype=torch.float64) for m in x})
mine = list(range(12))[rank::size]

embedded = {}
for m, rows in present.items():
    own = [r for r in rows if r in mine]
    if own:
        z = torch.nn.functional.normalize(towers[m](x[m][own]), dim=-1)
        embedded[m] = Embedded(z=z, rows=torch.tensor([mine.index(r) for r in own]))
everyone = gather(embedded, tuple(sorted(present)), len(mine), torch.zeros(0, 4, dtype=torch.float64))
groups = {"formula": gather_rows(formula[mine]), "material": gather_rows(torch.tensor(mine))}
pairs = [("structure", "text"), ("structure", "xrd"), ("text", "xrd")]
objective = Alignment(pairs)
loss = objective.double()(everyone, groups).total
loss.backward()
sum_gradients(list(towers.parameters()))
out = {"world": size, "loss": loss.item(), "temperature": objective.log_scale.grad.item(),
       "gradients": {n: p.grad.tolist() for n, p in towers.named_parameters()}}
if rank == 0:
    json.dump(out, open(sys.argv[2], "w"))
if dist.is_initialized():
    dist.barrier()
    dist.destroy_process_group()
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def launch(processes, tmp_path):
    script, out = tmp_path / "job.py", tmp_path / f"out-{processes}.json"
    script.write_text(SCRIPT)
    base = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "WORLD_SIZE": str(processes),
        "OMP_NUM_THREADS": "1",
    }
    import os

    jobs = [
        subprocess.Popen(
            [sys.executable, str(script), str(processes), str(out)], env={**os.environ, **base, "RANK": str(r)}
        )
        for r in range(processes)
    ]
    assert [job.wait(timeout=120) for job in jobs] == [0] * processes
    return json.loads(out.read_text())


def test_two_processes_give_the_loss_and_gradients_of_one(tmp_path):
    one, two = launch(1, tmp_path), launch(2, tmp_path)
    assert (one["world"], two["world"]) == (1, 2)
    assert two["loss"] == pytest.approx(one["loss"], rel=1e-12)
    assert two["temperature"] == pytest.approx(one["temperature"], rel=1e-9)
    for name, gradient in one["gradients"].items():
        flat = [x for row in gradient for x in (row if isinstance(row, list) else [row])]
        other = [x for row in two["gradients"][name] for x in (row if isinstance(row, list) else [row])]
        assert other == pytest.approx(flat, rel=1e-9, abs=1e-12)
        assert any(flat)
