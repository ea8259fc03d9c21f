"""Fault 12: losses and gradients that are not finite."""

import json
from collections.abc import Iterator
from pathlib import Path

import torch
from comma_align import train
from comma_align.config import Objective
from comma_align.loop import Loop, Place
from comma_align.objective import OBJECTIVES, Alignment
from comma_encoders.types import Embedded
from torch.nn import functional

from benchmarks.reliability import small_runs
from benchmarks.reliability.outcome import Outcome

FAULT, PART = 12, "align"
WHAT = (
    "NaN in one of many batches: no weight changes and the samples are named; degenerate vectors: every loss is finite"
)


def run(*, full: bool, folder: Path) -> Outcome:
    """Poison some steps of a run; then every objective on vectors that no training should meet."""
    good = [*_poisoned(folder, 100 if full else 8), *_degenerate()]
    note = "steps with a poisoned loss or gradient among sound ones; seven objectives on degenerate batches"
    return Outcome(tried=len(good), survived=sum(good), lost=len(good) - sum(good), note=note)


def _poisoned(folder: Path, steps: int) -> Iterator[bool]:
    wanted = small_runs.config(small_runs.made(folder / "data"), epochs=2 * steps, checkpoint_every=10_000)
    job = train.prepare(wanted, Path(wanted.data), folder / "run")
    stage = job.stage("align")
    loop = Loop(stage, Place(run=wanted, out=folder / "run", accelerator=job.accelerator, quiet=True))
    real = stage.backward
    for step in range(steps):
        bad = step % 4 == 1
        before = {name: tensor.clone() for name, tensor in stage.modules.state_dict().items()}

        def backward(parts, at, grow, bad=bad, step=step):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            found = real(parts, at, grow)
            if bad:
                slope = next(p.grad for p in stage.modules.parameters() if p.grad is not None)
                slope.view(-1)[0] = float("nan") if step % 8 == 1 else float("inf")
            return found

        stage.backward = backward  # type: ignore[method-assign,assignment]
        taken = loop.step(stage.steps[step], step)
        after = stage.modules.state_dict()
        same = all(torch.equal(before[name], after[name]) for name in before)
        finite = all(bool(torch.isfinite(t).all()) for t in after.values())
        yield finite and taken.finite != bad and same == bad
        if bad:
            loop._after(taken, step, stopping=False)  # noqa: SLF001 - what the loop does after every step
            lines = map(json.loads, (folder / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
            yield stage.steps.ids(step) in [line.get("skipped") for line in lines]


def _degenerate() -> Iterator[bool]:
    one = functional.normalize(torch.ones(1, 6), dim=1)
    cases = {
        "all the same": (one.expand(5, -1), one.expand(5, -1)),
        "opposite": (one.expand(5, -1), -one.expand(5, -1)),
        "zero": (torch.zeros(5, 6), torch.zeros(5, 6)),
        "one sample": (one, one),
    }
    for kind in OBJECTIVES:
        for za, zb in cases.values():
            a, b = za.clone().requires_grad_(), zb.clone().requires_grad_()
            rows = torch.arange(len(a))
            embedded = {"structure": Embedded(z=a, rows=rows), "xrd": Embedded(z=b, rows=rows)}
            objective = Alignment([("structure", "xrd")], Objective(kind=kind))
            loss = objective(embedded, {"formula": rows, "material": rows}).total
            loss.backward()
            slopes = [x.grad for x in (a, b) if x.grad is not None]
            yield bool(torch.isfinite(loss)) and all(bool(torch.isfinite(s).all()) for s in slopes)
