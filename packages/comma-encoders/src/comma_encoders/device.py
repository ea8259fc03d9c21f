"""Where a model computes."""

import torch

from comma_encoders.errors import UsageError


def available() -> tuple[str, ...]:
    """The devices of this machine: `cpu`, and `cuda` or `mps` where they work."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return ("cpu", *(name for name, works in there.items() if works))


def device(name: str | torch.device) -> torch.device:
    """The device of that name; `auto` takes a GPU where there is one.

    Raises:
        UsageError: no such device here.
    """
    name = str(name)
    if name == "auto":
        return torch.device(available()[-1])
    if name.partition(":")[0] not in available():
        raise UsageError(f"there is no device {name!r} here; available are auto, {', '.join(available())}")
    return torch.device(name)
