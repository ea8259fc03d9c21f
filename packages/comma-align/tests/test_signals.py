"""What a run does when it is told to stop, alone and with its worker processes."""

import json
import os
import signal
import time
from pathlib import Path

import jobs
import pytest
from comma_align import signals
from comma_align.checkpoint import checkpoints
from processes import begun
from tiny_run import settings


def until(true, what, seconds=90):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def group_of(process):
    """Processes of the group that are alive."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, group = path.read_text().rpartition(")")[2].split()[:3]
        except OSError:  # it has ended
            continue
        if int(group) == process.pid and state not in "ZX":
            found.append(int(path.parent.name))
    return found


def steps(out):
    path = out / "metrics.jsonl"
    return path.read_text().count("loss") if path.exists() else 0


@pytest.fixture
def running(data):
    """A run with worker processes that has made a few steps."""
    started = []

    def start(out, *, broken=False):
        run = settings(data, epochs=1000, validate_every=1000, checkpoint_every=1000)
        process = begun(jobs.in_a_group, json.dumps(run.model_dump(mode="json")), str(data), str(out), broken)
        started.append(process)
        until(lambda: steps(out) >= 3 or not process.is_alive(), "no step was made")
        return process

    yield start
    for process in started:
        process.kill()
        process.join()


@pytest.mark.slow
def test_a_group_that_is_asked_to_stop_leaves_a_checkpoint_and_no_worker(running, tmp_path):
    process = running(tmp_path / "run")
    assert len(group_of(process)) == 1 + jobs.WORKERS
    os.killpg(process.pid, signal.SIGTERM)
    process.join(60)
    assert process.exitcode == 4
    saved = checkpoints(tmp_path / "run" / "checkpoints" / "align")
    assert int(saved[-1].name.partition("-")[2]) == steps(tmp_path / "run")
    until(lambda: not group_of(process), "workers are left", seconds=5)


@pytest.mark.slow
@pytest.mark.parametrize("end", ["killed", "broken"])
def test_workers_end_with_a_run_that_ends_otherwise(running, tmp_path, end):
    process = running(tmp_path / "run", broken=end == "broken")
    if end == "killed":
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(2)  # until what the workers make for it fills the pipe, and one waits to write
        process.kill()
    process.join(60)
    assert process.exitcode == (-signal.SIGKILL if end == "killed" else 2)
    until(lambda: not group_of(process), "workers are left", seconds=30)


def test_signals_that_come_together_are_one_wish_and_a_later_one_ends_at_once(monkeypatch):
    codes, now = [], [100.0]
    monkeypatch.setattr(signals.os, "_exit", codes.append)
    monkeypatch.setattr(signals.time, "monotonic", lambda: now[0])
    with signals.asked_to_stop() as asked:
        assert not asked()
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
            assert asked()
        now[0] += 2.5
        assert not codes
        os.kill(os.getpid(), signal.SIGINT)
    assert codes == [128 + signal.SIGINT]
