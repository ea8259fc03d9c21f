import gc
import json
import pickle
import tarfile

import numpy as np
import pytest
from comma_data.codec import decode, encode
from comma_data.errors import ConfigError, DataError, ShardError
from comma_data.sample import Sample
from comma_data.shards import ShardSet
from comma_data.writer import Description, write
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

finite = st.floats(allow_nan=False, allow_infinity=False)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ABOUT = Description(name="made", build={}, inputs={}, counts={}, joined={})


def equal(a, b):
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, (tuple, list)):
        return type(a) is type(b) and len(a) == len(b) and all(map(equal, a, b))
    return a == b


def same(a: Sample, b: Sample):
    return all(equal(getattr(a, name), getattr(b, name)) for name in Sample.__dataclass_fields__)


@st.composite
def structures(draw):
    n = draw(st.integers(1, 5))
    value = {
        "numbers": draw(hnp.arrays(np.int64, n, elements=st.integers(1, 118))),
        "positions": draw(hnp.arrays(float, (n, 3), elements=finite)),
        "cell": draw(hnp.arrays(float, (3, 3), elements=finite)),
        "periodic": draw(hnp.arrays(bool, 3)),
    }
    return value | ({"charges": draw(hnp.arrays(float, n, elements=finite))} if draw(st.booleans()) else {})


dtypes = st.sampled_from([np.uint8, np.uint16, np.float32, np.int32])
images = st.fixed_dictionaries(
    {
        "pixels": dtypes.flatmap(lambda d: hnp.arrays(d, hnp.array_shapes(min_dims=2, max_dims=2, max_side=4))),
        "nm_per_pixel": st.none() | finite,
    }
)
patterns = st.fixed_dictionaries(
    {
        "two_theta": hnp.arrays(np.float64, 5, elements=finite),
        "intensity": hnp.arrays(np.float32, 5, elements=st.floats(0, 1, width=32)),
        "wavelength": finite,
    }
)
fields = st.fixed_dictionaries(
    {},
    optional={
        "structure": st.lists(structures(), max_size=2).map(tuple),
        "text": st.lists(st.lists(text, max_size=3).map(tuple), max_size=3).map(tuple),
        "image": st.lists(images, max_size=2).map(tuple),
        "xrd": st.lists(patterns, max_size=2).map(tuple),
        "composition": st.lists(st.dictionaries(text, finite, max_size=3), max_size=2).map(tuple),
        "raman": st.lists(st.lists(finite, max_size=3) | st.tuples(finite, text), max_size=2).map(tuple),
    },
)
samples = st.builds(
    Sample,
    id=st.just("a"),
    fields=fields,
    groups=st.dictionaries(text, text, max_size=3),
    targets=st.dictionaries(text, finite | text, max_size=3),
    annotations=st.fixed_dictionaries(
        {}, optional={"image": hnp.arrays(np.uint8, (2, 3)).map(lambda mask: ({"mask": mask, "boxes": (1, 2.5)},))}
    ),
    provenance=st.dictionaries(
        text, st.lists(st.dictionaries(text, text, max_size=2), max_size=2).map(tuple), max_size=2
    ),
)


@settings(max_examples=150)
@given(samples)
def test_a_sample_comes_back_bit_for_bit(sample):
    assert same(decode(encode(sample)), sample)


def test_protocols_come_back(make):
    sample = make["sample"]("a")
    assert same(decode(encode(sample)), sample)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.pop("sample.json"),
        lambda m: m.pop("image-0.pixels.npy"),
        lambda m: m.update({"evil.pyd": b"x"}),
        lambda m: m.update({"sample.json": b'{"schema": 99}'}),
        lambda m: m.update({"sample.json": b"[]"}),
        lambda m: m.update({"sample.json": b"\xff"}),
        lambda m: m.update({"image-0.pixels.npy": pickled_array()}),
    ],
)
def test_members_that_are_not_a_sample_are_refused(make, change):
    members = encode(make["sample"]("a"))
    change(members)
    with pytest.raises(ShardError):
        decode(members)


def pickled_array():
    import io

    buffer = io.BytesIO()
    np.save(buffer, np.array([print], dtype=object), allow_pickle=True)
    return buffer.getvalue()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_json_cannot_hold_are_refused(make, value):
    with pytest.raises(ValueError, match="JSON compliant"):
        encode(make["sample"]("a", targets={"gap": value}))


def test_values_of_unknown_types_are_refused(make):
    with pytest.raises(ValueError, match="cannot be stored"):
        encode(make["sample"]("a", fields={"raman": (object(),)}))


@pytest.fixture
def made(make, tmp_path):
    written = [make["sample"](f"s-{i:02d}", formula=f"F{i}", fold=i % 5) for i in range(25)]
    write(written, tmp_path / "set", ABOUT, samples_per_shard=10)
    return tmp_path / "set", written


def test_a_data_set_is_read_by_position_id_and_slice(made):
    path, written = made
    data = ShardSet(path)
    assert len(data) == 25
    assert data.ids == tuple(s.id for s in written)
    assert all(same(data[i], written[i]) for i in (24, 0, 13, -1))
    assert [s.id for s in data[3:5]] == ["s-03", "s-04"]
    assert data.position("s-07") == 7
    assert [s.id for s in data] == list(data.ids)
    assert data.rows[7].modalities == {"image": 1, "structure": 1, "text": 1}
    assert data.manifest.samples == 25
    with pytest.raises(IndexError):
        data[25]
    with pytest.raises(ShardError, match="no sample 'x'"):
        data.position("x")


def test_a_misspelt_modality_has_the_nearest_and_an_absent_one_is_empty(made):
    data = ShardSet(made[0])
    with pytest.raises(ConfigError, match=r"modality 'struct': give composition, .*; did you mean 'structure'"):
        data.read(0, modalities={"struct"})
    with pytest.raises(ConfigError, match="modality 'struct'"):
        next(data.stream(modalities={"struct"}))
    assert "xrd" not in data.read(0, modalities={"xrd"}).fields


def test_a_position_beyond_the_end_says_how_many_there_are(made):
    data = ShardSet(made[0])
    with pytest.raises(IndexError, match=f"no sample {len(data)}: there are {len(data)}, from 0 to {len(data) - 1}"):
        data[len(data)]
    assert data[-1].id == data.ids[-1]


def test_a_data_set_can_be_sent_to_other_processes(made):
    path, written = made
    assert same(pickle.loads(pickle.dumps(ShardSet(path)))[5], written[5])  # noqa: S301 - our own object


def test_the_same_samples_give_the_same_bytes(made, tmp_path):
    path, written = made
    write(iter(written), tmp_path / "again", ABOUT, samples_per_shard=10)
    files = sorted(p.name for p in path.iterdir())
    assert files == ["manifest.json", "samples.jsonl", "shard-00000.tar", "shard-00001.tar", "shard-00002.tar"]
    assert all((path / name).read_bytes() == (tmp_path / "again" / name).read_bytes() for name in files)


def test_members_are_sorted_and_carry_no_time_or_owner(made):
    path, _ = made
    with tarfile.open(path / "shard-00000.tar") as tar:
        infos = tar.getmembers()
    assert [i.name for i in infos] == sorted(i.name for i in infos)
    assert {(i.mtime, i.uid, i.gid, i.uname, i.gname) for i in infos} == {(0, 0, 0, "", "")}


@pytest.mark.parametrize("identifier", ["", "A", "a.b", "-a", "a/b", "a" * 65, "ä"])
def test_ids_that_tar_readers_mangle_are_refused(make, tmp_path, identifier):
    with pytest.raises(DataError, match="sample id"):
        write([make["sample"](identifier)], tmp_path / "set", ABOUT)


def test_an_id_cannot_come_twice(make, tmp_path):
    with pytest.raises(DataError, match="twice"):
        write([make["sample"]("a"), make["sample"]("a")], tmp_path / "set", ABOUT)
    assert not (tmp_path / "set" / "manifest.json").exists()


# webdataset leaves the last shard's file to the garbage collector
@pytest.mark.filterwarnings("ignore:Exception ignored in. <_io.FileIO:pytest.PytestUnraisableExceptionWarning")
def test_plain_webdataset_reads_the_shards(made):
    wds = pytest.importorskip("webdataset", reason="the extra [webdataset] is not installed")
    path, written = made
    pipeline = wds.WebDataset(sorted(map(str, path.glob("*.tar"))), shardshuffle=False).decode()
    read = list(pipeline)
    assert [r["__key__"] for r in read] == [s.id for s in written]
    assert equal(read[3]["image-0.pixels.npy"], written[3].fields["image"][0]["pixels"])
    assert read[3]["sample.json"]["groups"] == written[3].groups
    del pipeline
    gc.collect()


def test_a_folder_without_manifest_is_not_read(made):
    path, _ = made
    (path / "manifest.json").unlink()
    with pytest.raises(ShardError, match="interrupted"):
        ShardSet(path)


def test_a_changed_manifest_is_not_believed(made):
    path, _ = made
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["samples"] = 26
    (path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ShardError, match="changed after it was written"):
        ShardSet(path)
