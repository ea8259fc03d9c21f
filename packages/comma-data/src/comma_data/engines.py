"""The engine that a name means."""

from typing import Literal

from comma_data.errors import ConfigError
from comma_data.pool import Engine, Processes, Serial
from comma_data.ray_engine import OnRay


def engine_of(name: Literal["processes", "ray"], *, workers: int, address: str | None = None) -> Engine:
    """The engine.

    Args:
        name: `processes` of this machine, or `ray`.
        workers: How many; 0 processes works in this one.
        address: Of a Ray cluster; None starts one on this machine.

    Raises:
        ConfigError: An address without Ray, or Ray without workers.
    """
    if name == "ray":
        if workers == 0:
            raise ConfigError("--engine ray needs --workers of 1 or more")
        return OnRay(workers=workers, address=address)
    if address is not None:
        raise ConfigError("--ray-address belongs to --engine ray")
    return Processes(workers=workers) if workers else Serial()
