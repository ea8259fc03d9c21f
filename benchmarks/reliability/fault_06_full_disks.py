"""Fault 6: a disk that takes no more."""

import os
import resource
import shutil
import signal
from pathlib import Path

from benchmarks.reliability.outcome import Outcome
from benchmarks.reliability.small_sets import contents, made

FAULT = 6
WHAT = "writes that fail at 50 offsets: exit with path and bytes needed, nothing torn, the set made again is identical"
SIZE = {"number": 60, "per_shard": 60}


def run(*, full: bool, folder: Path) -> Outcome:
    """Limit the size of any file to each of 50 offsets in a shard; a write beyond it fails as on a full disk."""
    made(folder / "whole", **SIZE)
    whole = contents(folder / "whole")
    largest = max(map(len, whole.values()))
    trials = 50 if full else 8
    good = [_failed(folder / "out", largest * i // trials, whole) for i in range(trials)]
    return Outcome(
        tried=trials,
        survived=sum(good),
        lost=trials - sum(good),
        note=f"offsets up to {largest:,} bytes, by a limit on the size of files",
    )


def _failed(out: Path, offset: int, whole: dict[str, bytes]) -> bool:
    from comma_data.errors import StorageError

    said_read, said_write = os.pipe()
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (offset, resource.RLIM_INFINITY))
        try:
            made(out, **SIZE)
        except StorageError as error:
            os.write(said_write, str(error).encode())
            os._exit(error.exit_code)
        os._exit(0)
    os.close(said_write)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    said = os.read(said_read, 10_000).decode()
    os.close(said_read)
    untorn = all(whole[name] == data for name, data in contents(out).items())
    made(out, **SIZE)
    identical = contents(out) == whole
    shutil.rmtree(out)
    return status == 5 and str(out) in said and "bytes are needed" in said and untorn and identical
