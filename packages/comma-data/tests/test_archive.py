"""Folders and archives: what is read, what is refused, and that nothing leaves its place."""

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile

import pytest
from comma_data import wanted
from comma_data.archive import members
from comma_data.errors import DataError
from comma_data.folder_files import files_below
from comma_data.sample import Refusal
from hypothesis import given
from hypothesis import strategies as st

GOOD = b"data_x\n"


def tar_of(path, entries, mode="w:gz"):
    with tarfile.open(path, mode) as tar:
        for name, data in entries:
            info = data if isinstance(data, tarfile.TarInfo) else tarfile.TarInfo(name)
            if isinstance(data, bytes):
                info.size = len(data)
            tar.addfile(info, io.BytesIO(data) if isinstance(data, bytes) else None)
    return path


def zip_of(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data, mode in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = mode << 16, zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return path


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def outcomes(path, **options):
    found = members(path, (".cif",), "test", **options)
    return [(one.code, one.key) if isinstance(one, Refusal) else ("", one[0]) for one in found]


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tgz", "tar.xz", "tar.bz2", "zip"])
def test_every_archive_gives_its_files_in_stored_order(tmp_path, suffix):
    path, names = tmp_path / f"a.{suffix}", ["z/b.cif", "a.CIF", "c.cif"]
    if suffix == "zip":
        zip_of(path, [(name, name.encode(), 0) for name in [*names, "readme.txt"]])
    else:
        modes = {"tar": "w", "tar.gz": "w:gz", "tgz": "w:gz", "tar.xz": "w:xz", "tar.bz2": "w:bz2"}
        tar_of(path, [(name, name.encode()) for name in [*names, "readme.txt"]], modes[suffix])
    assert list(members(path, (".cif",), "test")) == [(name, name.encode()) for name in names]
    assert list(members(tmp_path, (".cif",), "test")) == [(name, name.encode()) for name in names]


@pytest.mark.parametrize(("ending", "squeeze"), [("gz", gzip.compress), ("xz", lzma.compress), ("bz2", bz2.compress)])
def test_single_compressed_files_come_unpacked_up_to_the_bound(tmp_path, ending, squeeze):
    (tmp_path / f"a.cif.{ending}").write_bytes(squeeze(GOOD))
    (tmp_path / f"b.cif.{ending}").write_bytes(squeeze(bytes(20_000_000)))
    (tmp_path / f"c.cif.{ending}").write_bytes(squeeze(GOOD * 99)[:-9])
    (tmp_path / f"d.txt.{ending}").write_bytes(squeeze(GOOD))
    assert outcomes(tmp_path) == [
        ("", "a.cif"),
        ("file-too-large", f"b.cif.{ending}"),
        ("damaged-file", f"c.cif.{ending}"),
    ]


EVIL = [
    ("path-traversal", "../../out.cif", GOOD, 0),
    ("path-traversal", "a/../../out.cif", GOOD, 0),
    ("path-traversal", "..\\out.cif", GOOD, 0),
    ("path-absolute", "/tmp/abs.cif", GOOD, 0),  # noqa: S108 - it is only named
    ("path-absolute", "C:\\abs.cif", GOOD, 0),
    ("member-link", "link.cif", special("link.cif", tarfile.SYMTYPE, "/etc/passwd"), stat.S_IFLNK),
    ("member-link", "hard.cif", special("hard.cif", tarfile.LNKTYPE, "/etc/passwd"), stat.S_IFLNK),
    ("member-fifo", "fifo.cif", special("fifo.cif", tarfile.FIFOTYPE), stat.S_IFIFO),
    ("member-device", "device.cif", special("device.cif", tarfile.CHRTYPE), stat.S_IFCHR),
    ("member-device", "disk.cif", special("disk.cif", tarfile.BLKTYPE), stat.S_IFBLK),
    ("nested-archive", "inner.tar.gz", GOOD, 0),
    ("nested-archive", "inner.zip", GOOD, 0),
    ("file-too-large", "large.cif", bytes(2000), 0),
    ("damaged-file", "a.cif.gz", GOOD, 0),
]


@pytest.mark.parametrize("evil", EVIL, ids=[f"{code} {name}" for code, name, *_ in EVIL])
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_evil_members_are_refused_alone_and_nothing_is_written(tmp_path, kind, evil):
    code, name, entry, mode = evil
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / f"evil.{kind}"
    if kind == "tar":
        tar_of(path, [("a.cif", GOOD), (name, entry), ("b.cif", GOOD)], "w")
    else:
        data = entry if isinstance(entry, bytes) else b"/etc/passwd"
        zip_of(path, [("a.cif", GOOD, 0), (name, data, mode), ("b.cif", GOOD, 0)])
    before = sorted(tmp_path.rglob("*"))
    assert outcomes(tmp_path / "in", largest=1000) == [("", "a.cif"), (code, name), ("", "b.cif")]
    assert sorted(tmp_path.rglob("*")) == before


def test_zip_bombs_and_encrypted_members(tmp_path):
    path = zip_of(tmp_path / "a.zip", [("zeros.cif", bytes(4_000_000), 0), ("b.cif", GOOD, 0)])
    assert outcomes(path) == [("member-bomb", "zeros.cif"), ("", "b.cif")]
    data = bytearray(path.read_bytes())
    directory = data.rindex(b"PK\x01\x02")
    data[directory + 8] |= 1  # the flag of the last member
    path.write_bytes(data)
    assert outcomes(path)[1] == ("member-encrypted", "b.cif")


def test_a_zip_that_lies_about_a_size_yields_no_more_than_it_states(tmp_path):
    path = zip_of(tmp_path / "a.zip", [("a.cif", b"x" * 5000, 0)])
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\x01\x02") + 24 : data.rindex(b"PK\x01\x02") + 28] = (10).to_bytes(4, "little")
    path.write_bytes(data)
    assert outcomes(path) == [("damaged-file", "a.cif")]


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_an_archive_that_unpacks_to_an_absurd_size_stops_the_source(tmp_path, monkeypatch, kind):
    for module in ("archive_tar", "archive_zip"):
        monkeypatch.setattr(f"comma_data.{module}.SLACK", 1000)
    path = tmp_path / f"bomb.{kind}"
    entries = [(f"{i}.txt", bytes(1_000_000)) for i in range(5)]
    if kind == "tar":
        tar_of(path, entries, "w:gz")
    else:
        zip_of(path, [(name, data, 0) for name, data in entries])
    with pytest.raises(DataError, match="times its size"):
        list(members(path, (".cif",), "test"))


def test_a_header_that_claims_gigabytes_is_not_held_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("comma_data.archive_tar.SLACK", 1_000_000)
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 8 * 10**9
    path = tmp_path / "pax.tar.gz"
    path.write_bytes(gzip.compress(info.tobuf() + bytes(50_000_000)))
    with pytest.raises(DataError, match="times its size"):
        list(members(path, (".cif",), "test"))


@pytest.mark.parametrize("suffix", ["tar", "tar.gz"])
def test_no_cut_or_flipped_header_loses_members_silently(tmp_path, suffix):
    path = tar_of(tmp_path / f"a.{suffix}", [(f"{i}.cif", GOOD) for i in range(20)], "w" if suffix == "tar" else "w:gz")
    sound = path.read_bytes()
    plain = sound if suffix == "tar" else gzip.decompress(sound)
    for cut in (512, 1024 * 7, 1024 * 7 + 100, 1024 * 19 + 600):
        short = plain[:cut]
        path.write_bytes(short if suffix == "tar" else gzip.compress(short))
        with pytest.raises(DataError, match="damaged"):
            list(members(path, (".cif",), "test"))
    for block in range(1, 20):
        flipped = bytearray(plain)
        flipped[1024 * block + 124] ^= 1
        path.write_bytes(flipped if suffix == "tar" else gzip.compress(flipped))
        with pytest.raises(DataError, match="damaged"):
            list(members(path, (".cif",), "test"))
    if suffix != "tar":
        path.write_bytes(sound[:-8] + bytes(8))
        with pytest.raises(DataError, match="damaged"):
            list(members(path, (".cif",), "test"))


def test_tarfile_alone_would_lose_them(tmp_path, monkeypatch):
    path = tar_of(tmp_path / "a.tar", [(f"{i}.cif", GOOD) for i in range(20)], "w")
    flipped = bytearray(path.read_bytes())
    flipped[1024 * 7 + 124] ^= 1
    path.write_bytes(flipped)
    monkeypatch.setattr("comma_data.archive_tar._StrictInfo", tarfile.TarInfo)
    assert len(outcomes(path)) == 7


def test_names_are_shown_without_control_characters(tmp_path):
    path = tar_of(tmp_path / "a.tar", [("a\x1b[31m\u202ex\nb.cif", GOOD), ("\udcff.cif", GOOD)], "w")
    names = [name for _, name in outcomes(path)]
    assert names == ["a\ufffd[31m\ufffdx\ufffdb.cif", "\ufffd.cif"]


def test_leftovers_of_other_systems_and_pipes_in_folders(tmp_path):
    import os

    (tmp_path / "._a.cif").write_bytes(b"\x00\x05\x16\x07")
    os.mkfifo(tmp_path / "p.cif")
    (tmp_path / "gone.cif").symlink_to(tmp_path / "nowhere")
    assert outcomes(tmp_path) == [("not-a-file", "gone.cif"), ("not-a-file", "p.cif")]
    with pytest.raises(DataError, match="no such file"):
        outcomes(tmp_path / "nothing")


def test_linked_folders_are_read_once_and_in_no_circle(tmp_path):
    inside, outside = tmp_path / "set", tmp_path / "elsewhere"
    (inside / "real").mkdir(parents=True)
    (outside / "deep").mkdir(parents=True)
    for file in (inside / "real" / "a.cif", outside / "b.cif", outside / "deep" / "c.cif", tmp_path / "d.cif"):
        file.write_bytes(GOOD)
    for link, goal in (
        ("a-linked", outside),
        ("b-linked", outside),
        ("circle", inside),
        ("d.cif", tmp_path / "d.cif"),
        ("real/again", inside / "real"),
        ("same", inside / "real"),
        ("up", tmp_path),
    ):
        (inside / link).symlink_to(goal)
    (outside / "deep" / "back").symlink_to(inside)
    names = ["a-linked/b.cif", "a-linked/deep/c.cif", "d.cif", "real/a.cif"]
    assert outcomes(inside) == [("", name) for name in names]
    assert outcomes(tmp_path / "set" / "a-linked") == [("", "b.cif"), ("", "deep/back/d.cif"), *_real("deep/back/real")]


def _real(folder):
    return [("", f"{folder}/a.cif"), ("", "deep/c.cif")]


@given(links=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12))
def test_however_folders_are_linked_each_file_comes_once_by_its_own_path(tmp_path_factory, links):
    top = tmp_path_factory.mktemp("links")
    folders = [top, *(top / f"{n % 2}" / f"{n}" for n in range(5))]
    for place in folders:
        place.mkdir(parents=True, exist_ok=True)
        (place / "a.cif").write_bytes(GOOD)
    for number, (place, goal) in enumerate(links):
        (folders[place] / f"link-{number}").symlink_to(folders[goal])
    assert files_below(top) == sorted(place / "a.cif" for place in folders)


def test_prefixes_are_of_file_names(tmp_path):
    for name in ("POSCAR", "poscar.1", "CONTCAR.gz", "x-POSCAR", "a.txt"):
        (tmp_path / name).write_bytes(gzip.compress(GOOD) if name.endswith("gz") else GOOD)
    found = members(tmp_path, (".cif",), "test", prefixes=("poscar", "contcar"))
    assert [name for name, _ in found] == ["CONTCAR", "POSCAR", "poscar.1"]


@given(st.data())
def test_whatever_is_changed_in_an_archive_the_outcome_is_typed(tmp_path_factory, data):
    kind = data.draw(st.sampled_from(["tar", "tar.gz", "zip"]))
    path = tmp_path_factory.mktemp("fuzz") / f"a.{kind}"
    entries = [(f"{i}.cif", GOOD * i) for i in range(4)]
    if kind == "zip":
        zip_of(path, [(name, content, 0) for name, content in entries])
    else:
        tar_of(path, entries, "w" if kind == "tar" else "w:gz")
    content = bytearray(path.read_bytes())
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=8)):
        content[at] = value
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        found = list(members(path, (".cif",), "test"))
    except DataError as error:
        assert path.name in str(error)  # noqa: PT017 - either outcome is right, if it is typed
    else:
        assert all(isinstance(one, (Refusal, tuple)) for one in found)


def test_the_bound_belongs_to_one_file(tmp_path):
    assert wanted.LARGEST_FILE == 5_000_000
    (tmp_path / "a.cif").write_bytes(bytes(1001))
    assert outcomes(tmp_path, largest=1000) == [("file-too-large", "a.cif")]
    assert outcomes(tmp_path, largest=1001) == [("", "a.cif")]
