"""Real processes that train together, connected by gloo as under torchrun.

They are forked from a server that has imported everything once: importing torch takes each new process several seconds.
"""

import multiprocessing
import os
import socket

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        "comma_align.train",
        "comma_align.picture",
        *(f"comma_encoders.modalities.structure.{name}" for name in ("compiled", "encoder", "graph", "neighbours")),
        *(f"comma_encoders.modalities.text.{name}" for name in ("augment", "encoder", "steps", "pretext")),
    ]
)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _enter(rank, world, port, job, arguments):
    os.environ |= {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    if world > 1:
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        os.environ |= address | {"WORLD_SIZE": str(world), "RANK": str(rank), "LOCAL_RANK": str(rank)}
    import torch

    torch.set_num_threads(1)
    job(world, *arguments)


def begun(job, *arguments):
    """A process that runs `job(1, *arguments)`."""
    process = CONTEXT.Process(target=_enter, args=(0, 1, 0, job, arguments))
    process.start()
    return process


def together(world, job, *arguments, seconds=180):
    """Exit codes of `world` processes that each run `job(world, *arguments)`; none may hang."""
    port = free_port()
    jobs = [CONTEXT.Process(target=_enter, args=(rank, world, port, job, arguments)) for rank in range(world)]
    for one in jobs:
        one.start()
    for one in jobs:
        one.join(seconds)
    hanging = [one for one in jobs if one.is_alive()]
    for one in hanging:
        one.kill()
    assert not hanging, f"{len(hanging)} of {world} processes hang"
    return [one.exitcode for one in jobs]
