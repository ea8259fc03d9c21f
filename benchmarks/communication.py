"""What processes tell each other in a step: a formula, and what 1, 2 and 4 real processes say.

Run in the root of the repository:

    python -m benchmarks.communication
"""

import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.reliability import small_runs
from benchmarks.results_form import row, write_result

STEPS = 4
WORLDS = (1, 2, 4)
PLANNED = ((128, 4), (1024, 8), (4096, 32))
"""Batch over all processes, and processes, of the runs that the formula is asked about."""
BASE_WEIGHTS, BASE_DIM, BASE_MODALITIES = 3_000_000, 256, 3


def main() -> None:
    """Count, compare and write the result."""
    start = time.monotonic()
    rows = [*_counted(), *_planned()]
    path = write_result(
        "communication",
        what=(
            "Bytes that each process receives in a step of the stage align: vectors, rows and groups of all others, "
            "and the sum of the gradients by a ring; by the formula of docs/scale.md, and as counted in real gloo "
            "processes on a small run"
        ),
        command="python -m benchmarks.communication",
        rows=rows,
        seconds=time.monotonic() - start,
    )
    print(f"wrote {path}", file=sys.stderr)


def received(*, batch: int, values: int, dim: int, weights: int, world: int) -> dict[str, float]:
    """Bytes that a process receives in a step, by what they are for.

    Args:
        batch: samples over all processes.
        values: vectors over all processes and modalities.
        dim: of the shared space; 4 bytes a number.
        weights: of encoders and heads.
        world: processes.
    """
    others = (world - 1) / world
    return {
        "vectors": others * values * (4 * dim + 8),  # with the row that each belongs to
        "groups": others * batch * 2 * 8,
        "gradients": 2 * others * weights * 4,  # a ring hands every number round twice (Patarasuk and Yuan 2009)
    }


def _counted() -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wanted = small_runs.config(small_runs.made(folder / "data"), batch_size=8)
        for world in WORLDS:
            out = folder / f"run-{world}"
            jobs = small_runs.start(world, counting, wanted.model_dump_json(), wanted.data, str(out))
            assert small_runs.ended(jobs) == [0] * world
            found = json.loads((out / "counted.json").read_text(encoding="utf-8"))
            said = received(
                batch=8, values=found["values"] // STEPS, dim=wanted.dim, weights=found["weights"], world=world
            )
            total, counted = sum(said.values()), found["bytes"] / STEPS
            labels: dict[str, Any] = {"world": world, "batch": 8, "dim": wanted.dim, "weights": found["weights"]}
            yield row("bytes by the formula", total, n=STEPS, **labels)
            yield row("bytes counted", counted, n=STEPS, **labels)
            if total:
                yield row("counted / formula", counted / total, n=STEPS, **labels)


def _planned() -> Iterator[dict[str, Any]]:
    for batch, world in PLANNED:
        of = received(
            batch=batch, values=BASE_MODALITIES * batch, dim=BASE_DIM, weights=BASE_WEIGHTS, world=world
        )  # fmt: skip
        for part, value in of.items():
            yield row(
                f"MB by the formula, {part}", value / 1e6, n=1, world=world, batch=batch, dim=BASE_DIM,
                weights=BASE_WEIGHTS,
            )  # fmt: skip


def counting(config: str, data: str, out: str) -> None:
    """Some steps, with every message counted as this process receives it."""
    import torch.distributed as dist
    from comma_align import train
    from comma_align.config import Run
    from comma_align.loop import Loop, Place
    from torch import Tensor

    counts: Counter[str] = Counter()
    gathered, reduced = dist.all_gather, dist.all_reduce

    def all_gather(outputs: list[Tensor], own: Tensor, *args: Any, **kwargs: Any) -> Any:
        counts["bytes"] += (len(outputs) - 1) * own.nbytes
        return gathered(outputs, own, *args, **kwargs)

    def all_reduce(tensor: Tensor, *args: Any, **kwargs: Any) -> Any:
        world = dist.get_world_size()
        counts["bytes"] += round(2 * (world - 1) / world * tensor.nbytes)
        return reduced(tensor, *args, **kwargs)

    dist.all_gather, dist.all_reduce = all_gather, all_reduce  # type: ignore[assignment]
    run = Run(**json.loads(config))
    job = train.prepare(run, Path(data), Path(out))
    stage = job.stage("align")
    loop = Loop(stage, Place(run=run, out=Path(out), accelerator=job.accelerator, quiet=True))
    counts.clear()
    for step in range(STEPS):
        loop.step(stage.steps[step], step)
    weights = sum(p.numel() for module in (job.model.encoders, job.model.heads) for p in module.parameters())
    if job.accelerator.is_main_process:
        # every sample of the small set has both modalities
        found = {"bytes": counts["bytes"], "weights": weights, "values": 2 * 8 * STEPS}
        Path(out, "counted.json").write_text(json.dumps(found), encoding="utf-8")
    job.accelerator.wait_for_everyone()
    job.accelerator.end_training()


if __name__ == "__main__":
    main()
