"""Every damaged byte is reported, and no reader ever returns other data than was written."""

import itertools
import os
import random
import shutil
import signal
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from comma_data.check import check
from comma_data.codec import encode
from comma_data.errors import DataError, StorageError
from comma_data.sample import Sample
from comma_data.shards import ShardSet
from comma_data.split import fold
from comma_data.storage import complete_file
from comma_data.writer import Description, write

ABOUT = Description(name="made", build={}, inputs={}, counts={}, joined={})


@pytest.fixture
def made(make, tmp_path):
    """A data set whose folds are those of its formulas, and its samples' bytes."""
    formulas = ["NaCl", "KCl", "MgO", "CaO", "ZnS", "GaAs", "Si2C", "TiO2"]
    written = [make["sample"](f.lower(), formula=f, fold=fold(f)) for f in sorted(formulas, key=str.lower)]
    write(written, tmp_path / "set", ABOUT, samples_per_shard=4)
    return tmp_path / "set", {s.id: encode(s) for s in written}


def damage(path, kind, rng):
    data = bytearray(path.read_bytes())
    if kind == "truncated":
        del data[rng.randrange(len(data)) :]
    elif kind == "appended":
        data += rng.randbytes(rng.randrange(1, 2000))
    else:
        blocks = range(0, len(data), 512)
        headers = [b for b in blocks if data[b + 257 : b + 262] == b"ustar"]
        chosen = headers if kind == "header" else [b for b in blocks if b not in headers]
        at = rng.choice(chosen) + rng.randrange(512)
        data[at] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def delivered(path):
    """Bytes of every sample that can be read."""
    data = ShardSet(path)
    found = {}
    for i, row in enumerate(data.rows):
        try:
            found[row.id] = encode(data[i])
        except DataError:
            continue
    return found


def test_a_whole_set_passes(made):
    path, _ = made
    faults, splits = check(path)
    assert faults == []
    assert len(splits) == 5
    assert all(split["train"] + split["validation"] + split["test"] == 8 for split in splits)


@pytest.mark.parametrize("kind", ["payload", "header", "truncated", "appended"])
def test_every_damaged_shard_is_reported_and_nothing_wrong_is_read(made, kind):
    path, written = made
    shards = sorted(path.glob("*.tar"))
    whole = {shard: shard.read_bytes() for shard in shards}
    rng = random.Random(kind)
    for _ in range(60):
        shard = rng.choice(shards)
        damage(shard, kind, rng)
        faults, splits = check(path)
        assert any(shard.name in fault for fault in faults)
        assert splits == []
        read = delivered(path)
        assert all(read[i] == written[i] for i in read)
        shard.write_bytes(whole[shard])


@pytest.mark.parametrize("name", ["manifest.json", "samples.jsonl"])
def test_every_flipped_bit_of_manifest_and_index_is_reported(made, name):
    path, _ = made
    whole = (path / name).read_bytes()
    rng = random.Random(name)
    for _ in range(150):
        data = bytearray(whole)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        (path / name).write_bytes(data)
        with pytest.raises(DataError):
            ShardSet(path)


def test_a_missing_and_a_foreign_shard_are_reported(made):
    path, _ = made
    (path / "shard-00001.tar").rename(path / "shard-00009.tar")
    faults, _ = check(path)
    assert any("shard-00001.tar: missing" in fault for fault in faults)
    assert any("shard-00009.tar: not in the manifest" in fault for fault in faults)


def test_a_sample_in_the_wrong_fold_is_reported(make, tmp_path):
    write([make["sample"]("a", formula="NaCl", fold=(fold("NaCl") + 1) % 5)], tmp_path / "set", ABOUT)
    assert "fold" in check(tmp_path / "set")[0][0]


def thirty():
    for i in range(30):
        fields = {"image": ({"pixels": np.full((64, 64), i)},)}
        yield Sample(id=f"s-{i:03d}", fields=fields, groups={"formula": f"F{i}", "fold": "0"})


def write_and_die(out, kill_at):
    """Write thirty samples in a child process that is killed at its n-th file operation; (exit status, operations)."""
    calls = itertools.count(1)

    def dying(function):
        def wrapped(*args, **kwargs):
            if next(calls) == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **kwargs)

        return wrapped

    child = os.fork()
    if child == 0:
        os.fsync, Path.replace, Path.unlink = dying(os.fsync), dying(Path.replace), dying(Path.unlink)
        tarfile.TarFile.addfile = dying(tarfile.TarFile.addfile)
        write(thirty(), out, ABOUT, samples_per_shard=7)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def untorn(out, whole):
    left = [p for p in out.iterdir() if p.is_file() and not p.name.endswith(".part")] if out.exists() else []
    return all(p.read_bytes() == whole[p.name] for p in left)


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")


@needs_fork
def test_a_writer_killed_at_any_file_operation_leaves_no_torn_file(tmp_path):
    assert write_and_die(tmp_path / "whole", 0) == 0
    whole = {p.name: p.read_bytes() for p in (tmp_path / "whole").iterdir()}
    kill_at = 0
    while (status := write_and_die(out := tmp_path / f"killed-{kill_at}", kill_at := kill_at + 1)) != 0:
        assert status == signal.SIGKILL
        assert untorn(out, whole)
        write(thirty(), out, ABOUT, samples_per_shard=7)
        assert {p.name: p.read_bytes() for p in out.iterdir()} == whole
        shutil.rmtree(out)
    assert kill_at > 75  # 60 members and three operations for each of 7 files


@needs_fork
def test_finished_shards_are_kept_and_only_where_their_samples_are_the_same(tmp_path):
    out = tmp_path / "killed"
    assert write_and_die(out, 60) == signal.SIGKILL
    done = {p: p.stat().st_mtime_ns for p in out.glob("*.tar")}
    assert len(done) >= 2
    write(thirty(), out, ABOUT, samples_per_shard=7)
    assert {p: p.stat().st_mtime_ns for p in done} == done
    other = tmp_path / "other"
    assert write_and_die(other, 60) == signal.SIGKILL
    changed = [Sample(id=s.id, fields=s.fields, groups=s.groups, targets={"a": 1.0}) for s in thirty()]
    write(changed, other, ABOUT, samples_per_shard=7)
    assert all(s.targets == {"a": 1.0} for s in ShardSet(other))


@needs_fork
def test_a_writer_killed_at_any_moment_leaves_no_torn_file(tmp_path):
    out = tmp_path / "killed"
    assert write_and_die(tmp_path / "whole", 0) == 0
    whole = {p.name: p.read_bytes() for p in (tmp_path / "whole").iterdir()}
    rng = random.Random(0)
    for _ in range(20):
        child = os.fork()
        if child == 0:
            write(thirty(), out, ABOUT, samples_per_shard=7)
            os._exit(0)
        time.sleep(rng.uniform(0, 0.03))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert untorn(out, whole)


def test_an_error_while_writing_leaves_nothing(tmp_path):
    with pytest.raises(TypeError), complete_file(tmp_path / "a") as file:
        file.write("no bytes")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path):
    with pytest.raises(StorageError, match="cannot be written") as error, complete_file(tmp_path / "no" / "a"):
        pass
    assert error.value.exit_code == 5


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk_is_said_so(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "open", lambda *_a, **_k: open("/dev/full", "wb", buffering=0))  # noqa: PTH123, SIM115
    with pytest.raises(StorageError, match="no room"), complete_file(tmp_path / "a") as file:
        file.write(b"x")
