"""Fault 9: a run that goes on with another number of processes."""

import json
from pathlib import Path

from benchmarks.reliability import small_runs
from benchmarks.reliability.outcome import Outcome

FAULT, PART = 9, "align"
WHAT = (
    "a run that goes on with other numbers of processes: the same samples a step, the loss within 1e-6 of one process's"
)
STILL = {"structure": {"width": 16, "layers": 1}, "text": {"width": 16, "heads": 2, "dropout": 0.0}}


def run(*, full: bool, folder: Path) -> Outcome:
    """Stop after some steps, go on with another world; without dropout, which each process draws for itself."""
    wanted = small_runs.config(small_runs.made(folder / "data"), encoders=STILL, epochs=8)
    small_runs.ended(small_runs.go(wanted, folder / "whole"))
    whole = small_runs.losses(folder / "whole")
    worlds = (1, 2, 4, 1) if full else (2, 1)
    each = len(whole) // len(worlds)
    good, furthest, codes = [], 0.0, []
    for place, world in enumerate(worlds, start=1):
        last = place == len(worlds)
        jobs = small_runs.start(world, part, wanted.model_dump_json(), wanted.data, str(folder / "moved"),
                                0 if last else place * each)  # fmt: skip
        codes.append(small_runs.ended(jobs))
        good.append(codes[-1] == [0 if last else 4] * world)
    found = small_runs.losses(folder / "moved")
    for ours, theirs in zip(found, whole, strict=True):
        apart = abs(ours - theirs) / max(abs(theirs), 1e-12)
        furthest = max(furthest, apart)
        good.append(apart <= 1e-6)
    return Outcome(
        tried=len(good), survived=sum(good), lost=len(good) - sum(good),
        note=f"{' -> '.join(map(str, worlds))} processes over {len(whole)} steps; largest difference {furthest:.1e}",
    )  # fmt: skip


def part(run_: str, data: str, out: str, stop: int) -> None:
    """A run that ends after `stop` steps as if it had been asked to."""
    from comma_align import loop
    from comma_align.errors import Interrupted

    real = loop.Loop._after  # noqa: SLF001 - what a scheduler does at a step that we choose

    def after(self: loop.Loop, taken: loop.Taken, step: int, *, stopping: bool) -> None:
        ending = step + 1 == stop
        real(self, taken, step, stopping=stopping or ending)
        if ending:
            self.place.accelerator.wait_for_everyone()
            raise Interrupted(json.dumps({"stopped": stop}))

    loop.Loop._after = after  # type: ignore[method-assign]  # noqa: SLF001
    small_runs.train(run_, data, out)
