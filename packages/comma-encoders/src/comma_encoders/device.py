"""Where a model computes, and in what."""

from collections.abc import Iterator
from contextlib import contextmanager

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
    try:
        return torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"{name!r} is no device: {error}") from error


@contextmanager
def floats() -> Iterator[None]:
    """float32 for what is made without saying so, also in a program that has made float64 torch's default."""
    before = torch.get_default_dtype()
    if before == torch.float32:
        yield
        return
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
