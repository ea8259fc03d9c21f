"""Small training runs in processes of their own, to be killed, stopped and gone on with."""

import json
import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from comma_align.config import Run
from comma_data.sample import RawStructure, Sample
from comma_data.split import fold
from comma_data.writer import Description, write

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        "comma_align.train",
        "comma_align.picture",
        *(f"comma_encoders.modalities.structure.{name}" for name in ("compiled", "encoder", "graph", "neighbours")),
        *(f"comma_encoders.modalities.text.{name}" for name in ("augment", "encoder", "steps")),
    ]
)
METALS = {"Li": 3, "Na": 11, "K": 19, "Mg": 12, "Ca": 20, "Sr": 38, "Ba": 56, "Ti": 22, "V": 23, "Cr": 24, "Mn": 25,
          "Fe": 26, "Co": 27, "Ni": 28, "Cu": 29, "Zn": 30, "Zr": 40, "Nb": 41, "Mo": 42, "Ag": 47}  # fmt: skip
HANGS = 120.0
"""Seconds after which a process counts as hanging."""


def made(folder: Path) -> Path:
    """Crystals of two elements with a protocol each."""
    if not (folder / "manifest.json").exists():
        about = Description(name="small", build={}, inputs={}, counts={}, joined={})
        write([_sample(i, metal) for i, metal in enumerate(METALS)], folder, about, samples_per_shard=10)
    return folder


def _sample(i: int, metal: str) -> Sample:
    length = 4.0 + 0.1 * i
    structure = RawStructure(
        numbers=np.array([METALS[metal], 8]),
        positions=np.array([[0.0, 0, 0], [length / 2] * 3]),
        cell=np.eye(3) * length,
        periodic=np.ones(3, dtype=bool),
    )
    formula, told = f"{metal}O", (f"{metal}CO3 was ground.", f"It was fired at {700 + 20 * i} °C for 6 h.")
    return Sample(
        id=f"s-{i:02d}",
        fields={"structure": (structure,), "text": (told,)},
        groups={"formula": formula, "material": f"s-{i:02d}", "fold": str(fold(formula))},
        provenance={"text": ({"doi": f"10.0/{i}", "paragraph": f"p{i}"},)},
    )


def config(data: Path, **changes: Any) -> Run:
    """A run of about a second."""
    encoders = {"structure": {"width": 16, "layers": 1}, "text": {"width": 16, "heads": 2}}
    given: dict[str, Any] = {
        "name": "small", "data": str(data), "modalities": ("structure", "text"), "encoders": encoders, "dim": 8,
        "epochs": 20, "batch_size": 4, "validate_every": 10, "checkpoint_every": 1,
        "augmentation": {"structure": 1.0, "text": 1.0},
    }  # fmt: skip
    return Run(**(given | changes))


def _enter(rank: int, world: int, port: int, work: Callable[..., None], arguments: Sequence[Any]) -> None:
    os.setpgid(0, 0)  # a group of its own, so that its loader workers can be ended with it
    os.environ |= {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    if world > 1:
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(world)}
        os.environ |= address | {"RANK": str(rank), "LOCAL_RANK": str(rank)}
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what dying processes say of each other is no news
    import torch

    torch.set_num_threads(1)
    work(*arguments)


def start(world: int, work: Callable[..., None], *arguments: Any) -> list[Any]:
    """Processes of one job."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    found = [CONTEXT.Process(target=_enter, args=(rank, world, port, work, arguments)) for rank in range(world)]
    for one in found:
        one.start()
    return found


def ended(jobs: Sequence[Any], seconds: float = HANGS) -> list[int | None]:
    """Exit codes; None for a process that had to be killed because it hung."""
    end = time.monotonic() + seconds
    codes: list[int | None] = []
    for job in jobs:
        job.join(max(0.0, end - time.monotonic()))
        codes.append(job.exitcode)
        if job.is_alive():
            job.kill()
            job.join()
        with suppress(ProcessLookupError):  # workers of a killed process outlive it
            os.killpg(job.pid, signal.SIGKILL)
    return codes


def train(run: str, data: str, out: str, workers: int = 0) -> None:
    """What a process does: train, and end with the exit code that the command would have."""
    from accelerate import Accelerator
    from comma_align import train as training
    from comma_align.errors import AlignError

    assert Accelerator().num_processes == int(os.environ.get("WORLD_SIZE", "1")), "another world than asked for"
    try:
        training.train(Run(**json.loads(run)), Path(data), Path(out), quiet=True, workers=workers)
    except AlignError as error:
        sys.exit(error.exit_code)
    finally:
        Accelerator().end_training()


def steps(config_: str, data: str, out: str, count: int) -> None:
    """Some steps of every stage, and what came of them in `RANK.json`; no checkpoint, no model."""
    from accelerate import Accelerator
    from comma_align import train as training
    from comma_align.loop import Loop, Place

    assert Accelerator().num_processes == int(os.environ.get("WORLD_SIZE", "1")), "another world than asked for"
    run = Run(**json.loads(config_))
    job = training.prepare(run, Path(data), Path(out))
    found = {}
    for name in run.stages:
        stage = job.stage(name)
        loop = Loop(stage, Place(run=run, out=Path(out), accelerator=job.accelerator, quiet=True))
        taken = [loop.step(stage.steps[step], step) for step in range(count)]
        found[name] = [(t.finite, t.loss.total, dict(t.loss.terms)) for t in taken]
    Path(out, f"{job.accelerator.process_index}.json").write_text(json.dumps(found), encoding="utf-8")
    job.accelerator.end_training()


def go(run: Run, out: Path, *, world: int = 1, workers: int = 0) -> list[Any]:
    """Start a run."""
    return start(world, train, run.model_dump_json(), run.data, str(out), workers)


def losses(out: Path) -> list[float]:
    """Of every step, in their order."""
    path = out / "metrics.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [entry["loss"] for entry in (json.loads(line) for line in lines if line.endswith("}")) if "loss" in entry]


def trained(out: Path) -> bytes:
    """The weights that a finished run left."""
    path = out / "model" / "model.safetensors"
    return path.read_bytes() if path.exists() else b""


def struck(job: Any, out: Path, steps: int, number: signal.Signals) -> int | None:
    """Send a process a signal as soon as it has logged so many steps, and wait for its end."""
    end = time.monotonic() + HANGS
    while len(losses(out)) < steps and job.is_alive() and time.monotonic() < end:
        time.sleep(0.002)
    if job.is_alive():
        os.kill(job.pid, number)
    return ended([job])[0]
