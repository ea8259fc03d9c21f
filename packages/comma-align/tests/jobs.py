"""What the processes of a test do."""

import json
import sys
from pathlib import Path

WORKERS = 4
"""Of a run that is ended: what they make ahead is more than a pipe holds."""


def gradients(world, out, negatives=0):
    """Loss and gradients of a small objective on gathered vectors, written by the first process."""
    import torch
    import torch.distributed as dist
    from comma_align import gather as g
    from comma_align.config import Objective
    from comma_align.objective import Alignment
    from comma_align.order import share
    from comma_encoders.types import Embedded

    if world > 1:
        dist.init_process_group("gloo")
    assert g.world() == world, "the world has another size than asked for"
    torch.manual_seed(0)
    x = {m: torch.randn(12, 6, dtype=torch.float64) for m in ("structure", "text", "xrd", "image")}
    present = {
        "structure": list(range(12)),
        "text": [0, 1, 2, 5, 6, 7, 11],
        "xrd": [1, 3, 5, 7],
        "image": [],
    }  # xrd: not all processes have one; image: none at all
    formula = torch.tensor([0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 8])
    towers = torch.nn.ModuleDict({m: torch.nn.Linear(6, 4, dtype=torch.float64) for m in x})
    mine = share(range(12), g.rank(), world)
    embedded = {}
    for m, rows in present.items():
        own = [r for r in rows if r in mine]
        if own:
            z = torch.nn.functional.normalize(towers[m](x[m][own]), dim=-1)
            embedded[m] = Embedded(z=z, rows=torch.tensor([mine.index(r) for r in own]))
    everyone = g.gather(embedded, tuple(sorted(present)), len(mine), torch.zeros(0, 4, dtype=torch.float64))
    groups = {"formula": g.gather_rows(formula[mine]), "material": g.gather_rows(torch.tensor(mine))}
    objective = Alignment(
        [("structure", "text"), ("structure", "xrd"), ("text", "xrd")], Objective(negatives=negatives)
    ).double()
    loss = objective(everyone, groups).total
    loss.backward()
    g.sum_gradients(list(towers.parameters()))
    if g.rank() == 0:
        slopes = {n: p.grad.flatten().tolist() for n, p in towers.named_parameters() if p.grad is not None}
        found = {"world": g.world(), "loss": loss.item(), "temperature": objective.log_scale.grad.item()}
        Path(out).write_text(json.dumps({**found, "gradients": slopes}))
    if world > 1:
        dist.barrier()
        dist.destroy_process_group()


def training(world, config, data, out, stop):
    """A run, stopped after `stop` steps as a signal would stop it."""
    from accelerate import Accelerator
    from comma_align import loop, train
    from comma_align.config import Run
    from comma_align.errors import AlignError, Interrupted

    assert Accelerator().num_processes == world, "the world has another size than asked for"
    real = loop.Loop._after

    def after(self, taken, step, *, stopping):
        real(self, taken, step, stopping=stopping or step + 1 == stop)
        if step + 1 == stop:
            self.place.accelerator.wait_for_everyone()
            raise Interrupted("stopped on purpose")

    loop.Loop._after = after
    try:
        train.train(Run(**json.loads(config)), Path(data), Path(out), quiet=True)
    except AlignError as error:
        sys.exit(error.exit_code)
    finally:
        Accelerator().end_training()


def in_a_group(world, config, data, out, broken):
    """A run with worker processes, all in a process group of their own; broken, they fail at a step."""
    import multiprocessing
    import os

    from comma_align import steps, train
    from comma_align.config import Run
    from comma_align.errors import AlignError, RunError

    os.setsid()
    multiprocessing.set_start_method("fork", force=True)  # as outside of the server that this process comes from
    if broken:
        real = steps.Steps.__getitem__

        def item(self, step):
            if step == 4:
                raise RunError("broken on purpose")
            return real(self, step)

        steps.Steps.__getitem__ = item
    try:
        train.train(Run(**json.loads(config)), Path(data), Path(out), quiet=True, workers=WORKERS)
    except AlignError as error:
        sys.exit(error.exit_code)


def stopped_slowly(world, config, data, out, told):
    """A run that is asked to stop, whose first process takes a second to write its checkpoint.

    Each process notes how many checkpoints there are when it is about to end.
    """
    import time

    from accelerate import Accelerator
    from comma_align import checkpoint, loop, train
    from comma_align.config import Run
    from comma_align.errors import Interrupted

    accelerator = Accelerator()
    assert accelerator.num_processes == world, "the world has another size than asked for"
    real = checkpoint.save

    def slow(*given):
        time.sleep(1)
        return real(*given)

    checkpoint.save = slow
    loop.any_process = lambda *_: True
    try:
        train.train(Run(**json.loads(config)), Path(data), Path(out), quiet=True)
    except Interrupted as error:
        there = checkpoint.checkpoints(Path(out) / "checkpoints" / "align")
        (Path(told) / f"{accelerator.process_index}.json").write_text(json.dumps(len(there)))
        accelerator.end_training()
        sys.exit(error.exit_code)
