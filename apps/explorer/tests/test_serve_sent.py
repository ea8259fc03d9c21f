"""Files that pages send: read apart, given up in time, and remembered within bounds."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from comma_data.export import png
from comma_explorer.search.errors import SearchError
from comma_explorer.serve.apart import AT_ONCE, Apart, GivenUpError
from comma_explorer.serve.received import received
from comma_explorer.serve.sent import Sent, size
from pymatgen.symmetry.groups import SpaceGroup

POSCAR = "salt\n1.0\n0 2.82 2.82\n2.82 0 2.82\n2.82 2.82 0\nNa Cl\n1 1\ndirect\n0 0 0\n0.5 0.5 0.5\n"


def costly():
    """A CIF of a few kB that makes some ten thousand atoms, each compared with the others."""
    operations = "".join(f"'{o.as_xyz_str()}'\n" for o in SpaceGroup.from_int_number(225).symmetry_ops)
    places = np.random.default_rng(0).random((200, 3))
    sites = "".join(f"Si{i} Si {x:.4f} {y:.4f} {z:.4f}\n" for i, (x, y, z) in enumerate(places))
    lengths = "".join(f"_cell_length_{c} 60\n" for c in "abc")
    angles = "".join(f"_cell_angle_{c} 90\n" for c in ("alpha", "beta", "gamma"))
    columns = "".join(f"_atom_site_{c}\n" for c in ("label", "type_symbol", "fract_x", "fract_y", "fract_z"))
    head = f"data_x\n{lengths}{angles}loop_\n_symmetry_equiv_pos_as_xyz\n{operations}loop_\n"
    return f"{head}{columns}{sites}".encode()


def together(call, number):
    """Seconds until as many threads have called, and what went wrong in them."""
    wrong = []

    def one():
        try:
            call()
        except SearchError as error:
            wrong.append(error)

    threads = [threading.Thread(target=one) for _ in range(number)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.monotonic() - start, wrong


def test_what_takes_too_long_is_killed_and_the_next_call_is_answered():
    apart = Apart(function=time.sleep, longest=0.3)
    with pytest.raises(GivenUpError, match=r"more than 0\.3 s"):
        apart.call(60)
    assert apart.call(0) is None


def test_what_dies_is_told_and_the_next_call_is_answered():
    apart = Apart(function=os._exit, longest=20.0)
    with pytest.raises(GivenUpError, match="ended the process"):
        apart.call(1)
    with pytest.raises(GivenUpError, match="ended the process"):
        apart.call(0)


def test_a_fault_of_ours_comes_through():
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        Apart(function=divmod, longest=20.0).call(1, 0)


def test_a_process_that_cannot_begin_is_not_blamed_on_the_file(tmp_path):
    script = tmp_path / "server.py"
    script.write_text(
        "from comma_explorer.serve.sent import Sent\n"
        "Sent(known=('structure',)).keep('salt.vasp', b'x')  # without `if __name__ == ...`\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert 'put what starts the server below `if __name__ == "__main__":`' in done.stderr.splitlines()[-1]


def test_only_some_are_called_at_once():
    apart = Apart(function=time.sleep, longest=20.0)
    together(lambda: apart.call(0.1), AT_ONCE)  # so that all are started
    seconds, wrong = together(lambda: apart.call(0.4), 2 * AT_ONCE)
    assert seconds >= 0.8
    assert not wrong


def test_a_file_that_takes_too_long_is_given_up_in_a_thread_too():
    sent = Sent(known=("structure",), reader=Apart(function=received, longest=2.0))
    sent.keep("salt.vasp", POSCAR.encode())
    seconds, wrong = together(lambda: sent.keep("slow.cif", costly()), 1)
    assert "slow.cif cannot be read" in str(wrong[0])
    assert isinstance(wrong[0], SearchError)
    assert seconds < 15
    assert sent.get(sent.keep("salt.vasp", POSCAR.encode())).value["numbers"].tolist() == [11, 17]


def test_an_ordinary_file_waits_for_no_new_process():
    apart = Apart(function=os.getpid, longest=20.0)
    apart.warm()
    assert len({os.getpid(), *(apart.call() for _ in range(3))}) == 2


def test_only_so_many_bytes_are_remembered(monkeypatch):
    sent = Sent(known=("image",))
    rng = np.random.default_rng(0)
    files = [png.encode(rng.integers(0, 255, (64, 64), dtype=np.uint8)) for _ in range(4)]
    first = sent.keep("0.png", files[0])
    assert size(sent.get(first).value) >= 64 * 64
    monkeypatch.setattr("comma_explorer.serve.sent.ROOM", 2 * size(sent.get(first).value))
    keys = [first, *(sent.keep(f"{i}.png", content) for i, content in enumerate(files[1:], start=1))]
    assert list(sent.remembered(keys)) == keys[2:]
    monkeypatch.setattr("comma_explorer.serve.sent.ROOM", 1)
    latest = sent.keep("latest.png", files[0])
    assert list(sent.remembered([*keys, latest])) == [latest]
