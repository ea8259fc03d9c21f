"""What has to be there before a package is imported: checks of shapes and types at run time, and one thread each.

Tests start processes beside their own. Threads of OpenMP that wait for each other on a busy machine spin, and what
takes a second alone takes minutes. No test fails because the machine was busy.
"""

import os
from importlib.metadata import version
from importlib.util import find_spec

from hypothesis import HealthCheck, settings

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(threads, "1")

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

CHECKED = ["comma_encoders", "comma_align.losses", "comma_align.objective", "comma_eval", "comma_explorer"]

HOOKED = (0, 3, 11)
"""The first jaxtyping whose hook leaves functions alone that numba compiles (`no_type_check`)."""


def _hooks() -> bool:
    if not (find_spec("jaxtyping") and find_spec("beartype")):  # comma-data alone has neither
        return False
    return tuple(map(int, version("jaxtyping").split(".")[:3])) >= HOOKED


if _hooks():
    from jaxtyping import install_import_hook

    # All in one place: what is imported inside a checked module leaves its byte code under the hook's name, checked or
    # not, so that a run with fewer names would switch the checks of later runs off.
    install_import_hook(CHECKED, "beartype.beartype")
