import io
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from comma_data.errors import ConfigError, DataError, MissingPackageError
from comma_data.export import parquet, png
from comma_data.export.columns import MODALITIES, Column, Vector, columns, names
from comma_data.export.command import export
from comma_data.export.croissant import Records, croissant
from comma_data.export.features import card_features, json_features
from comma_data.export.markdown import column_table
from comma_data.export.plan import held_out, plan, raw_bytes
from comma_data.export.rows import row
from comma_data.export.yaml import dump
from comma_data.journal import keep, kept
from comma_data.manifest import file_sha256
from comma_data.sample import Sample
from comma_data.shards import ShardSet
from comma_data.split import Split
from comma_data.writer import Description, write
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

pa = pytest.importorskip("pyarrow", reason="the extra `export` is not installed")

FORMULAS = ("NaCl", "KCl", "MgO", "CaO", "BaTiO3", "SrTiO3", "TiO2", "ZnO", "GaAs", "CdTe", "Fe2O3", "SiO2")
MASK = np.array([[0, 1, 2], [2, 1, 0]], dtype=np.int64)


def deep(identifier: str) -> dict:
    """Images of every depth that the export treats apart, with their annotations."""
    ramp = np.arange(300, dtype=np.uint16).reshape(2, 150) * 200
    float_image = np.array([[0.1, np.nan], [1e-30, 2.0]], dtype=np.float32)
    masked = {"mask": MASK, "boxes": np.array([[0.5, 1, 2, 3]]), "note": identifier}
    images = (
        {"pixels": ramp, "nm_per_pixel": 0.02},
        {"pixels": float_image, "nm_per_pixel": None},
        {"pixels": np.arange(6, dtype=np.uint8).reshape(2, 3), "nm_per_pixel": 1.5},
    )
    return {"fields": images, "annotations": (None, {"note": "float"}, masked)}


@pytest.fixture(scope="module")
def samples(make) -> list[Sample]:
    made = []
    for number, formula in enumerate(FORMULAS):
        sample = make["sample"](f"s-{number:02d}", formula, fold=number % 5)
        images = deep(sample.id)
        pattern = {"two_theta": np.array([10.0, 10.1]), "intensity": np.array([1, 2], np.float32), "wavelength": 1.54}
        fields = {**sample.fields, "image": images["fields"], "xrd": (pattern,), "composition": ({"Na": 0.1},)}
        shared = {
            "doi": "10/shared" if number in {0, 1, 2} else f"10/{number}",
            "paragraph": "",
            "joined_by": "formula",
        }
        made.append(
            replace(
                sample,
                fields=fields if number else {**fields, "xrd": ()},
                annotations={**sample.annotations, "image": images["annotations"]},
                targets={"gap": number / 3, "label": "one"} if number else {"gap": 0.0},
                provenance={"text": (shared,)},
            )
        )
    return made


def written(samples: list[Sample], folder: Path) -> Path:
    about = Description(name="small", build={}, inputs={"a`|<b>.cif": "0" * 64}, counts={}, joined={})
    write(samples, folder, about, samples_per_shard=5)
    return folder


@pytest.fixture(scope="module")
def data(samples, tmp_path_factory) -> Path:
    return written(samples, tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def out(data, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "out"
    export(data, folder, licence="cc-by-4.0")
    return folder


def rows_of(folder: Path) -> dict[str, list[dict]]:
    """Part -> its rows, as Python values."""
    tables: dict[str, list[dict]] = {}
    for path in sorted((folder / "data").glob("*.parquet")):
        tables.setdefault(path.name.split("-")[0], []).extend(pa.parquet.read_table(path).to_pylist())
    return tables


def pixels_of(image: dict) -> np.ndarray:
    if image["png"] is None:
        return np.load(io.BytesIO(image["npy"]), allow_pickle=False)
    return np.asarray(Image.open(io.BytesIO(image["png"]["bytes"])))


def test_every_sample_is_one_row_of_the_part_of_its_fold(samples, out):
    tables = rows_of(out)
    split = Split(test_fold=0)
    assert {r["id"]: part for part, rows in tables.items() for r in rows} == {
        s.id: split.part(s.groups["fold"]) for s in samples
    }
    assert sum(map(len, tables.values())) == len(samples)


def test_nothing_of_a_test_sample_is_lost(samples, out):
    by_id = {s.id: s for s in samples}
    tested = 0
    for r in rows_of(out)["test"]:
        sample = by_id[r["id"]]
        tested += 1
        for given_, found in zip(sample.fields["structure"], r["structure"], strict=True):
            for name in ("numbers", "positions", "cell", "periodic"):
                np.testing.assert_array_equal(np.array(found[name]), given_[name])
        assert [tuple(text) for text in r["text"]] == list(sample.fields["text"])
        for image, annotation, found in zip(
            sample.fields["image"], sample.annotations["image"], r["image"], strict=True
        ):
            pixels = pixels_of(found)
            assert pixels.dtype == image["pixels"].dtype
            np.testing.assert_array_equal(pixels, image["pixels"])
            assert found["nm_per_pixel"] == image["nm_per_pixel"]
            if annotation and "mask" in annotation:
                np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(found["mask"]["bytes"]))), MASK)
                np.testing.assert_array_equal(found["boxes"], annotation["boxes"])
        for pattern, found in zip(sample.fields["xrd"], r["xrd"], strict=True):
            np.testing.assert_array_equal(found["intensity"], pattern["intensity"])
            assert (found["two_theta"], found["wavelength"]) == (pattern["two_theta"].tolist(), pattern["wavelength"])
        assert dict(zip(r["composition"][0]["elements"], r["composition"][0]["amounts"], strict=True)) == {"Na": 0.1}
        assert {k: v for k, v in r["targets"].items() if v is not None} == dict(sample.targets)
        assert {**r["groups"], "fold": str(r["fold"])} == dict(sample.groups)
        assert json.loads(r["provenance"])["text"][0]["doi"] == sample.provenance["text"][0]["doi"]
        notes = json.loads(r["annotations"])
        assert notes["image"] == [None, {"note": "float"}, {"note": sample.id}]
        assert notes["text"][0]["target"] == "BaTiO3"
    assert tested == 3


def test_no_doi_is_told_in_two_parts(out, data):
    known = {
        part: {value["doi"] for r in rows for value in json.loads(r["provenance"]).get("text", [])}
        for part, rows in rows_of(out).items()
    }
    assert "10/shared" in known["test"]
    assert not known["train"] & (known["validation"] | known["test"])
    assert not known["validation"] & known["test"]
    kept = sum(bool(r["text"]) for rows in rows_of(out).values() for r in rows)
    assert kept == len(ShardSet(data)) - 2


def test_the_same_data_give_the_same_bytes(data, out, tmp_path):
    export(data, tmp_path / "again", licence="cc-by-4.0")
    files = sorted(path.relative_to(out) for path in out.rglob("*") if path.is_file())
    assert [path.name for path in files] == [
        "README.md", "croissant.json", "test-00000-of-00001.parquet", "train-00000-of-00001.parquet",
        "validation-00000-of-00001.parquet",
    ]  # fmt: skip
    for path in files:
        assert (out / path).read_bytes() == (tmp_path / "again" / path).read_bytes(), path


def test_another_test_fold_and_several_files(data, tmp_path):
    done = export(data, tmp_path / "out", test_fold=3, file_bytes=1)
    tables = rows_of(done.out)
    assert {r["fold"] for r in tables["test"]} == {3}
    assert {r["fold"] for r in tables["validation"]} == {4}
    assert len(list((done.out / "data").glob("*.parquet"))) == len(FORMULAS)


@given(
    sizes=st.lists(st.tuples(st.integers(0, 4), st.integers(1, 50)), max_size=40),
    file_bytes=st.integers(1, 100),
    test_fold=st.integers(0, 4),
)
def test_a_plan_has_every_sample_once_and_bounded_files(sizes, file_bytes, test_fold):
    from comma_data.shards import Row

    made = [
        Row(id=str(i), shard="", formula="", fold=f, modalities={}, origins=(), members=(("sample.json", 0, n, 0),))
        for i, (f, n) in enumerate(sizes)
    ]
    files = plan(made, Split(test_fold=test_fold), file_bytes=file_bytes)
    assert sorted(i for file in files for i in file.positions) == list(range(len(made)))
    for file in files:
        total = sum(raw_bytes(made[i]) for i in file.positions)
        assert total <= file_bytes or len(file.positions) == 1
        assert {Split(test_fold=test_fold).part(made[i].fold) for i in file.positions} == {file.part}


def test_what_is_held_out_from_each_part(data):
    shut_out = held_out(ShardSet(data).rows, Split(test_fold=0))
    assert shut_out["test"] == frozenset()
    assert shut_out["validation"] < shut_out["train"]


def test_row_groups_bound_the_memory(data, out, tmp_path, monkeypatch):
    assert pa.parquet.ParquetFile(out / "data/train-00000-of-00001.parquet").num_row_groups == 1
    monkeypatch.setattr(parquet, "GROUP_ROWS", 2)
    export(data, tmp_path / "out")
    file = pa.parquet.ParquetFile(tmp_path / "out/data/train-00000-of-00001.parquet")
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [2, 2, 2]
    monkeypatch.setattr(parquet, "GROUP_BYTES", 1)
    export(data, tmp_path / "other")
    assert pa.parquet.ParquetFile(tmp_path / "other/data/train-00000-of-00001.parquet").num_row_groups == 6


def test_a_folder_with_something_in_it_is_refused(data, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="is not empty"):
        export(data, tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "mine"
    with pytest.raises(ConfigError, match="test fold 5"):
        export(data, tmp_path / "out", test_fold=5)


def test_an_empty_folder_may_be_called_by_a_dot(data, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert export(data, Path()).out == tmp_path / "here"
    assert (tmp_path / "here" / "README.md").is_file()


def test_an_interrupted_export_leaves_no_folder_and_the_next_one_is_whole(data, out, tmp_path):
    def stop(_what: str, done: int) -> None:
        if done == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(data, tmp_path / "out", licence="cc-by-4.0", progress=stop)
    assert not (tmp_path / "out").exists()
    export(data, tmp_path / "out", licence="cc-by-4.0")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out/croissant.json").read_bytes() == (out / "croissant.json").read_bytes()


def test_without_pyarrow_the_pip_line_is_told(data, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'comma-data\[export\]'") as caught:
        export(data, tmp_path / "out")
    assert caught.value.exit_code == 5
    assert not (tmp_path / "out").exists()


def test_a_number_among_classes_is_written_out(make):
    two = [make["sample"]("a", targets={"x": 0.1}), make["sample"]("b", targets={"x": "salt", "y": 2})]
    found = names(two)
    assert found.targets == {"x": "string", "y": "float64"}
    assert [row(s, found)["targets"] for s in two] == [{"x": "0.1", "y": None}, {"x": "salt", "y": 2.0}]


def test_a_set_without_targets_has_no_such_column(make, tmp_path):
    data = written([make["sample"]("a", targets={})], tmp_path / "data")
    export(data, tmp_path / "out")
    assert "targets" not in pa.parquet.read_schema(next((tmp_path / "out/data").iterdir())).names


def test_an_unknown_modality_is_refused():
    with pytest.raises(DataError, match="'sound' cannot be exported"):
        columns(names([]), ["text", "sound"])


def test_what_json_cannot_hold_names_the_sample(make):
    bad = make["sample"]("bad", annotations={"structure": ({"x": np.array([np.nan])},)})
    with pytest.raises(DataError, match="sample bad"):
        row(bad, names([bad]))


@pytest.mark.parametrize("mask", [np.array([[70_000]]), np.array([[-1]]), np.array([[0.5]])])
def test_a_mask_that_png_cannot_hold_stays_in_the_annotations(make, mask):
    image = {"pixels": np.zeros((1, 1), np.uint8), "nm_per_pixel": None}
    sample = make["sample"]("a", fields={"image": (image,)}, annotations={"image": ({"mask": mask},)})
    made = row(sample, names([sample]))
    assert made["image"][0]["mask"] is None
    assert json.loads(made["annotations"])["image"] == [{"mask": mask.tolist()}]


@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    kind=st.sampled_from(["u1", "<u2", ">u2"]),
    seed=st.integers(0, 99),
)
def test_png_keeps_every_bit(shape, kind, seed):
    dtype = np.dtype(kind)
    pixels = np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, endpoint=True).astype(dtype)
    found = np.asarray(Image.open(io.BytesIO(png.encode(pixels))))
    assert found.dtype.itemsize == dtype.itemsize
    np.testing.assert_array_equal(found, pixels)


@pytest.mark.parametrize("pixels", [np.zeros((2, 2)), np.zeros((0, 3), np.uint8), np.zeros((2, 2, 3), np.uint8)])
def test_png_refuses_what_it_would_change(pixels):
    with pytest.raises(ValueError, match="PNG takes"):
        png.encode(pixels)


def test_the_card_says_what_datasets_would_say(samples):
    datasets = pytest.importorskip("datasets")
    listed = columns(names(samples), MODALITIES)
    features = datasets.Features.from_dict(json_features(listed))
    assert features.to_dict() == json_features(listed)
    assert features._to_yaml_list() == card_features(listed)
    assert features.arrow_schema.equals(parquet.schema(listed), check_metadata=False)


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.from_regex(r"[a-z]{2,6}_x", fullmatch=True), inner),
    max_leaves=8,
)


@given(tree=st.dictionaries(st.sampled_from(["license", "tags", "configs"]), TREES, min_size=1))
def test_yaml_reads_back(tree):
    yaml = pytest.importorskip("yaml")
    assert yaml.safe_load(dump(tree)) == tree


@pytest.fixture
def offline(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))


@pytest.mark.filterwarnings("ignore")  # of datasets and what it imports
def test_datasets_loads_the_folder_with_its_depth(offline, out, samples, tmp_path):
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    assert {part: len(loaded[part]) for part in loaded} == {"train": 6, "validation": 3, "test": 3}
    image = loaded["test"][0]["image"][0]
    assert np.asarray(image["png"]).dtype == np.uint16
    np.testing.assert_array_equal(np.asarray(image["png"]), samples[0].fields["image"][0]["pixels"])
    assert loaded["test"].features["image"].feature["png"] == datasets.Image()


@pytest.mark.filterwarnings("ignore")  # of pandas
def test_pandas_reads_the_files(out):
    pandas = pytest.importorskip("pandas")
    table = pandas.read_parquet(out / "data")
    assert len(table) == len(FORMULAS)
    assert set(table["targets"].str["label"].dropna()) == {"one"}


@pytest.mark.filterwarnings("ignore")  # of mlcroissant and rdflib
def test_croissant_is_valid_and_delivers_the_rows(out, samples):
    mlcroissant = pytest.importorskip("mlcroissant")
    found = mlcroissant.Dataset(out / "croissant.json")
    assert not found.metadata.ctx.issues.errors
    rows = {r["samples/id"].decode(): r for r in found.records("samples")}
    assert set(rows) == {s.id for s in samples}
    image = rows["s-05"]["samples/image"][0]
    np.testing.assert_array_equal(np.asarray(image["samples/image/png"]), samples[5].fields["image"][0]["pixels"])
    assert rows["s-05"]["samples/targets"]["samples/targets/gap"] == 5 / 3


def test_croissant_knows_the_hash_of_every_file(out):
    listed = json.loads((out / "croissant.json").read_text())["distribution"]
    files = [node for node in listed if node["@type"] == "cr:FileObject"]
    assert {f["contentUrl"]: f["sha256"] for f in files} == {
        f"data/{p.name}": file_sha256(p) for p in (out / "data").iterdir()
    }


def test_the_card_names_licence_columns_and_inputs(out):
    text = (out / "README.md").read_text()
    assert 'license: "cc-by-4.0"' in text
    assert "a'//b/.cif" in text
    assert all(f"| `{name}` |" in text for name in ("id", "image", "structure", "targets", "provenance"))


def test_the_text_of_the_readme_example_is_python(out):
    compile((out / "README.md").read_text().split("```python")[1].split("```")[0], "example", "exec")


def test_a_damaged_shard_leaves_no_export(data, tmp_path):
    copy = shutil.copytree(data, tmp_path / "copy")
    shard = next(copy.glob("shard-*.tar"))
    content = bytearray(shard.read_bytes())
    content[600] ^= 1
    shard.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        export(copy, tmp_path / "out")
    assert not (tmp_path / "out").exists()


# --- vectors, and tables of other rows


VECTOR = (
    Column(name="id", type="string", about="Whose."),
    Column(name="vector", type=Vector(length=3), about="Where."),
)


def test_a_vector_has_its_length_in_every_notation(tmp_path):
    path = tmp_path / "data" / "v.parquet"
    path.parent.mkdir()
    rows = [{"id": "a", "vector": np.array([1, 2, 3], np.float32)}, {"id": "b", "vector": [0, 0, 1]}]
    parquet.write(((row, 12) for row in rows), path, VECTOR)
    table = pa.parquet.read_table(path)
    assert table.schema.field("vector").type == pa.list_(pa.float32(), 3)
    assert table["vector"].to_pylist() == [[1, 2, 3], [0, 0, 1]]
    assert json_features(VECTOR)["vector"] == {
        "feature": {"dtype": "float32", "_type": "Value"}, "length": 3, "_type": "List"
    }  # fmt: skip
    assert card_features(VECTOR)[1] == {"name": "vector", "list": "float32", "length": 3}
    assert "| `vector` | `float32[3]` | Where. |" in column_table(VECTOR)


@pytest.mark.filterwarnings("ignore")  # of datasets and what it imports
def test_datasets_says_the_same_of_a_vector():
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(id=datasets.Value("string"), vector=datasets.List(datasets.Value("float32"), length=3))
    assert features.to_dict() == json_features(VECTOR)
    assert features._to_yaml_list() == card_features(VECTOR)


def test_croissant_describes_rows_of_another_kind():
    records = Records(name="vectors", about="One row a value.", key=("id", "vector"), includes="data/*/*.parquet")
    document = croissant(
        name="x", version="1.0.0", licence="mit", about="", columns=VECTOR, files={}, records=records
    )  # fmt: skip
    (made,) = document["recordSet"]
    assert (made["@id"], made["description"]) == ("vectors", "One row a value.")
    assert made["key"] == [{"@id": "vectors/id"}, {"@id": "vectors/vector"}]
    assert made["field"][1]["repeated"] is True
    assert made["field"][1]["dataType"] == "sc:Float"
    assert document["distribution"][-1]["includes"] == "data/*/*.parquet"


# --- the journal


def test_a_finished_file_is_kept_until_it_or_what_it_is_made_from_changes(tmp_path):
    path, note = tmp_path / "file", tmp_path / "note"
    assert kept(note, path, "a") is None
    path.write_bytes(b"content")
    keep(note, file_sha256(path), "a", {"rows": 2})
    assert kept(note, path, "a") == {"rows": 2}
    assert kept(note, path, "b") is None
    path.write_bytes(b"contents")
    assert kept(note, path, "a") is None
    path.unlink()
    assert kept(note, path, "a") is None


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b'{"identity": "a"}', b"\xff"])
def test_a_damaged_note_is_as_if_it_were_not_there(tmp_path, content):
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "note").write_bytes(content)
    assert kept(tmp_path / "note", tmp_path / "file", "a") is None
