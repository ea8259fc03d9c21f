"""The engines give the same results in the same order, and survive what their workers do not."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from comma_data.pool import Processes, Serial
from comma_data.ray_engine import OnRay


def double(number):
    return 2 * number


def die_at(number, *, bad):
    if number == bad:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def fail_at(number, *, bad):
    if number == bad:
        raise KeyError(number)
    return number


@pytest.fixture(scope="module")
def ray_of_two():
    """A Ray cluster of two workers on this machine; it lives in processes of its own."""
    ray = pytest.importorskip("ray", reason="the extra [ray] is not installed")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    assert ray.cluster_resources()["CPU"] == 2
    yield OnRay(workers=2)
    ray.shutdown()


@pytest.fixture(params=["serial", "processes", "ray"])
def engine(request):
    if request.param == "serial":
        return Serial()
    return Processes(workers=2) if request.param == "processes" else request.getfixturevalue("ray_of_two")


# Ray leaves sockets and files of its start to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.mark.parametrize("size", [1, 7])
def test_results_come_in_the_order_of_the_items(engine, size):
    assert list(engine.map(double, range(50), on_death=abs, size=size)) == [2 * n for n in range(50)]
    assert list(engine.map(double, [], on_death=abs)) == []


def test_an_exception_comes_out_as_it_was_raised(engine):
    with pytest.raises(KeyError, match="13"):
        list(engine.map(partial(fail_at, bad=13), range(20), on_death=abs, size=4))


def test_a_dead_worker_takes_one_item_only(engine):
    if isinstance(engine, Serial):
        pytest.skip("this process cannot outlive itself")
    results = list(engine.map(partial(die_at, bad=13), range(20), on_death=lambda n: -n, size=4))
    assert results == [*range(13), -13, *range(14, 20)]


def test_a_script_without_its_guard_is_told_to_have_one(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from comma_data.pool import Processes\n"
        "print(list(Processes(workers=1).map(abs, [-1, -2], on_death=lambda item: 'died')))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "died" not in done.stdout
    assert "WorkerError: a worker process ended before it began" in done.stderr
    assert '`if __name__ == "__main__":`' in done.stderr


def test_items_are_not_read_far_ahead(engine):
    taken = []

    def items():
        for number in range(1000):
            taken.append(number)
            yield number

    results = engine.map(double, items(), on_death=abs, size=2)
    assert next(iter(results)) == 0
    assert len(taken) <= 40
    results.close() if hasattr(results, "close") else None


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="not Linux")
def test_no_worker_outlives_a_killed_build(tmp_path):
    code = (
        "import os, sys, time\n"
        "from comma_data.pool import Processes\n"
        "from comma_data_probe import tell\n"
        "if __name__ == '__main__': list(Processes(workers=2).map(tell, range(1000), on_death=abs, size=1))"
    )
    # One write per line: `print` makes two of them where PYTHONUNBUFFERED is set, and two workers' get mixed.
    probe = "import os, time\ndef tell(_):\n os.write(1, b'%d\\n' % os.getpid())\n time.sleep(0.1)\n"
    (tmp_path / "comma_data_probe.py").write_text(probe)
    (tmp_path / "main.py").write_text(code)
    command = [sys.executable, str(tmp_path / "main.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        workers = {int(process.stdout.readline()) for _ in range(8)}
        process.kill()
    for _ in range(100):
        alive = [pid for pid in workers if _runs(pid)]
        if not alive:
            break
        time.sleep(0.1)
    assert alive == []


def _runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_without_ray_the_message_has_the_pip_line():
    code = (
        "import sys; sys.modules['ray'] = None\n"
        "from comma_data.ray_engine import OnRay\n"
        "try: list(OnRay(workers=1).map(abs, [1], on_death=abs))\n"
        "except Exception as error: print(type(error).__name__, error, error.exit_code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "MissingPackageError"
    assert "pip install 'comma-data[ray]'" in done.stdout
    assert done.stdout.split()[-1] == "5"
