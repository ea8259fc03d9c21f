"""Where figures were made: the processor, and the versions that decide them."""

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "comma-materials", "comma-align", "comma-data", "comma-encoders", "comma-eval", "gemmi", "numpy", "pymatgen",
    "scikit-learn", "tokenizers", "torch", "torch-geometric", "transformers", "webdataset",
)  # fmt: skip
"""Distributions whose versions a result records, where they are installed."""


def machine() -> dict[str, Any]:
    """Model of processor and GPU, cores that may be used, memory in GiB."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    has_memory = hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if has_memory else 0
    return {"cpu": _processor(), "gpu": _gpu(), "cores": usable, "memory_gib": round(memory / 2**30, 1)}


def versions() -> dict[str, str]:
    """Of Python and of the packages that are installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    """Its model where Linux tells it, else its kind."""
    told = Path("/proc/cpuinfo")
    if told.is_file():
        for line in told.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _gpu() -> str | None:
    import torch  # noqa: PLC0415  it takes seconds, and is loaded anyway where figures are made

    if not torch.cuda.is_available():
        return None
    return ", ".join(torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count()))
