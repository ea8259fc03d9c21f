"""How much memory a structure takes, told before it is taken."""

from pathlib import Path

from comma_encoders.errors import InputError
from comma_encoders.modalities.structure.config import Config

PER_EDGE = 240
"""Bytes: the graph, the geometry, and what comes and goes while it is made."""
MEMINFO = Path("/proc/meminfo")
GROUP = Path("/sys/fs/cgroup")
"""Of control groups, version 2: a container sees its own there."""
SMALL = 2**26
"""Bytes that are not asked for: a process that has loaded torch has them, and asking costs more than a small graph."""


def needed(atoms: int, edges: float, config: Config, *, training: bool = False) -> float:
    """About how many bytes encoding takes beyond the weights; from 1,000 atoms on more than was measured.

    The measurements are in `large-cells.json`; with regions 1,000 atoms took 4 % more than this, larger cells less.

    Args:
        atoms: of all structures of a batch.
        edges: of all, in both directions.
        config: of the encoder.
        training: whether a backward pass follows, for which every round keeps what it made.
    """
    sent = sum(config.moments)
    moments = config.moments[0] + 3 * config.moments[1] + 5 * config.moments[2]
    kept = 4 * (9 * config.width + sent + 2 * moments)
    passing = 4 * (8 * config.width + 2 * sent + 4 * moments)
    return PER_EDGE * edges + atoms * (passing + (config.layers * kept if training else 0))


def available() -> float | None:
    """Bytes of memory that are free on this machine; None where the system does not say."""
    try:
        lines = MEMINFO.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    free = next((1024.0 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")), None)
    room = _room_of_group()
    return room if free is None else free if room is None else min(free, room)


def _room_of_group() -> float | None:
    """Bytes that a container, or another group of processes, may still take; None without a limit."""
    try:
        most, taken = (int((GROUP / name).read_text(encoding="ascii")) for name in ("memory.max", "memory.current"))
        told = dict(line.split() for line in (GROUP / "memory.stat").read_text(encoding="ascii").splitlines())
        cached = int(told["active_file"]) + int(told["inactive_file"])  # given back when it is needed
    except (OSError, ValueError, KeyError):  # no such groups, or "max"
        return None
    return max(0.0, float(most - taken + cached))


def check_room(atoms: int, edges: float, config: Config) -> None:
    """Refuse a structure that would not fit.

    Raises:
        InputError: with what it takes, what is there, and what to do.
    """
    taken = needed(atoms, edges, config)
    free = available() if taken > SMALL else None
    if free is not None and taken > free:
        raise InputError(
            f"a structure of {atoms} atoms with about {edges:.3g} neighbour pairs takes about {taken / 2**30:.1f} GiB "
            f"to encode, {free / 2**30:.1f} GiB are free; take a smaller cutoff or cell, or a larger machine"
        )
