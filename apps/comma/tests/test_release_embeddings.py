"""`comma release embeddings`: every value once, the same bytes whoever works and however often it is killed."""

import hashlib
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from comma_app.cli import make_app
from comma_app.release import assembly, vectors
from comma_app.release.embeddings import release
from comma_app.release.errors import ReleaseError
from comma_app.release.vectors import TOLD
from comma_data.errors import ShardError
from comma_data.pool import Processes, Serial
from comma_data.protocol import told, with_view
from comma_data.ray_engine import OnRay
from comma_data.sample import Sample
from comma_data.shards import ShardSet
from comma_data.split import Split, group_hash
from comma_data.writer import Description, write
from comma_encoders import folder
from comma_encoders.errors import InputError
from comma_encoders.folder import read_manifest
from comma_encoders.model import AlignedModel
from comma_eval.errors import UsageError
from comma_eval.run import weights
from typer.testing import CliRunner

pd = pytest.importorskip("pandas", reason="pandas is not installed")

MODALITIES = ("composition", "structure", "text")
SALT = "comma-materials/2026:"


@pytest.fixture(scope="module")
def shards(data, tmp_path_factory):
    """The oxides in shards of seven; two of them share their texts."""
    samples = list(ShardSet(data))
    shared = replace(samples[1], fields={**samples[1].fields, "text": samples[0].fields["text"]})
    samples[1] = replace(shared, annotations={}, provenance={"text": samples[0].provenance["text"]})
    out = tmp_path_factory.mktemp("data") / "oxides"
    description = Description(name="oxides", build={}, inputs={}, counts={}, joined={})
    write(samples, out, description, samples_per_shard=7)
    return ShardSet(out)


@pytest.fixture(scope="module")
def model(shards, tmp_path_factory):
    place = tmp_path_factory.mktemp("models") / "toy"
    split = Split(test_fold=1)
    seen = sorted({group_hash(row.formula) for row in shards.rows if split.part(row.fold) == "train"})
    about = {
        "data": {"name": "oxides"}, "split": {"by": "formula", "salt": SALT, "test_fold": 1}, "groups_seen": seen,
        "limits": ["Oxides only."],
    }  # fmt: skip
    folder.save(AlignedModel.create(*MODALITIES, dim=8), place, about)
    return place


@pytest.fixture(scope="module")
def out(model, shards, tmp_path_factory):
    place = tmp_path_factory.mktemp("out") / "vectors"
    release(model, str(shards.path), place, licence="cc-by-4.0")
    return place


@pytest.fixture(scope="module")
def frame(out):
    return pd.read_parquet(out / "data")


def files(place):
    paths = sorted(path for path in place.rglob("*") if path.is_file())
    return {str(path.relative_to(place)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_every_value_is_one_row_with_its_vector(model, shards, frame):
    embedded = AlignedModel.from_pretrained(model).embed([with_view(s, "precursors") for s in shards], progress=False)
    for modality in MODALITIES:
        ours = frame[frame.modality == modality].set_index(["id", "value"])
        samples = list(shards)
        wanted = [(s.id, i) for s in samples for i in range(len(s.fields[modality]))]
        assert sorted(ours.index) == sorted(wanted)
        rows = np.stack(ours.loc[wanted].vector)
        assert rows.dtype == np.float32
        np.testing.assert_allclose(rows, embedded[modality].z.numpy(), atol=1e-5)
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_a_text_is_told_without_the_name_of_its_target(model, tmp_path):
    """As in training and scoring; otherwise the vectors would tell what they are of."""
    raw = ("BaTiO3 was calcined at 1100 °C for 6 h.",)
    sample = Sample(id="a", fields={"text": (raw,)}, groups={"formula": "BaTiO3", "fold": "0"})
    write([sample], tmp_path / "d", Description(name="one", build={}, inputs={}, counts={}, joined={}))
    release(model, str(tmp_path / "d"), tmp_path / "out", licence="cc-by-4.0")
    (vector,) = pd.read_parquet(tmp_path / "out" / "data").vector
    of_told, of_raw = AlignedModel.from_pretrained(model).encode(
        "text", [told(sample, 0, "precursors"), raw], output="numpy"
    )
    np.testing.assert_allclose(vector, of_told, atol=1e-5)
    assert np.abs(vector - of_raw).max() > 1e-3


def test_a_model_that_names_no_split_is_told(tmp_path, shards):
    folder.save(AlignedModel.create(*MODALITIES, dim=8), tmp_path / "m")
    release(tmp_path / "m", str(shards.path), tmp_path / "out", licence="cc-by-4.0")
    text = " ".join((tmp_path / "out" / "README.md").read_text().split())
    assert "The model does not say what it learnt from" in text
    assert "It learnt from" not in text.replace("what it learnt from", "")


def test_a_row_says_where_its_value_is_from(shards, frame):
    row = frame[(frame.modality == "text") & (frame.value == 1)].iloc[0]
    sample = shards[shards.position(row.id)]
    assert row.doi == sample.provenance["text"][1]["doi"]
    assert (row.formula, str(row.fold)) == (sample.groups["formula"], sample.groups["fold"])
    assert frame[frame.modality == "structure"].doi.isna().all()


def test_parts_are_those_of_the_models_split_and_seen_is_what_it_says(out, frame):
    split = Split(test_fold=1)
    assert (frame.part == frame.fold.map(split.part)).all()
    assert (frame.seen == (frame.part == "train")).all()
    for part in ("train", "validation", "test"):
        of_part = pd.read_parquet(sorted(out.glob(f"data/text/{part}-*.parquet")))
        assert set(of_part.part) == {part}
        assert set(of_part.modality) == {"text"}


def test_a_model_that_does_not_say_what_it_saw_leaves_it_open(shards, tmp_path):
    AlignedModel.create("composition", dim=8).save_pretrained(tmp_path / "m")
    release(tmp_path / "m", str(shards.path), tmp_path / "out")
    assert pd.read_parquet(tmp_path / "out" / "data").seen.isna().all()


def test_no_text_and_no_crystal_is_told(shards, out, frame):
    steps = {step for sample in shards for text in sample.fields["text"] for step in text}
    words = " ".join(str(value) for column in frame.columns.drop("vector") for value in frame[column].unique())
    words += "".join((out / name).read_text() for name in ("README.md", "croissant.json"))
    assert len(steps) > 10
    assert [step for step in steps if step in words] == []
    assert list(frame.columns) == [column.name for column in vectors.columns(8)]
    assert set(frame.columns) - {"id", "modality", "value", "formula", "fold", "part", "seen", "vector"} == set(TOLD)


def test_equal_texts_are_encoded_once(model, shards, monkeypatch, tmp_path):
    counts = []
    vectors._model(model.resolve(), weights(folder.read_manifest(model)))  # loaded, and asked for its known answers
    original = AlignedModel.encode_all

    def counting(self, modality, values, **options):
        counts.append((modality, len(values)))
        return original(self, modality, values, **options)

    monkeypatch.setattr(AlignedModel, "encode_all", counting)
    release(model, str(shards.path), tmp_path / "out")
    texts = [text for sample in shards for text in sample.fields["text"]]
    encoded = sum(number for modality, number in counts if modality == "text")
    assert encoded == len(set(texts)) == len(texts) - 2


@pytest.mark.parametrize("engine", [Processes(workers=2), OnRay(workers=2)], ids=["processes", "ray"])
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of ray
def test_the_engine_makes_no_difference(model, shards, out, tmp_path, engine):
    if isinstance(engine, OnRay):
        pytest.importorskip("ray", reason="the extra `ray` is not installed")
    release(model, str(shards.path), tmp_path / "out", engine=engine, licence="cc-by-4.0")
    assert files(tmp_path / "out") == files(out)
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


class Killed(BaseException):
    pass


class Ends(Serial):
    """Works until so many pieces are done."""

    def map(self, function, items, *, on_death, size=1):  # noqa: ARG002 - as an engine's
        for number, item in enumerate(items):
            if number == 3:
                raise Killed
            yield function(item)


def test_what_was_finished_before_a_kill_is_kept_and_the_bytes_are_the_same(model, shards, out, tmp_path, monkeypatch):
    again = tmp_path / "out"
    with pytest.raises(Killed):
        release(model, str(shards.path), again, engine=Ends(), licence="cc-by-4.0")
    assert not again.exists()
    pieces = sorted((tmp_path / ".out.unfinished" / "pieces").glob("*.parquet"))
    assert len(pieces) == 3
    pieces[1].write_bytes(pieces[1].read_bytes()[:-1])  # a damaged one is made again
    made = []
    original = vectors._written
    monkeypatch.setattr(vectors, "_written", lambda task: made.append(task.shard) or original(task))
    release(model, str(shards.path), again, licence="cc-by-4.0")
    assert made == ["shard-00001.tar", *(s.name for s in shards.manifest.shards[3:])]
    assert files(again) == files(out)
    assert list(tmp_path.iterdir()) == [again]


def test_pieces_of_another_model_are_not_kept(model, shards, out, tmp_path):
    other = AlignedModel.create(*MODALITIES, dim=8, seed=1)
    folder.save(other, tmp_path / "other", folder.read_manifest(model))
    again = tmp_path / "out"
    with pytest.raises(Killed):
        release(tmp_path / "other", str(shards.path), again, engine=Ends())
    release(model, str(shards.path), again, licence="cc-by-4.0")
    assert files(again) == files(out)


@pytest.mark.slow
def test_a_killed_command_goes_on(model, shards, out, tmp_path):
    asked = ["release", "embeddings", str(model), "--data", str(shards.path), "--out", str(tmp_path / "out")]
    command = [sys.executable, "-c", "from comma_app.cli import main; main()", *asked, "--licence", "cc-by-4.0"]
    process = subprocess.Popen([*command, "--workers", "1"], start_new_session=True)
    pieces = tmp_path / ".out.unfinished" / "pieces"
    until = time.monotonic() + 120
    while not list(pieces.glob("*.json")) and time.monotonic() < until and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {path.name: path.stat().st_mtime_ns for path in pieces.glob("*.json")}
    assert kept
    subprocess.run([*command, "--workers", "2"], check=True)
    assert files(tmp_path / "out") == files(out)


def test_a_file_holds_whole_pieces_and_not_too_many_rows(model, shards, frame, tmp_path, monkeypatch):
    monkeypatch.setattr(assembly, "FILE_ROWS", 10)
    release(model, str(shards.path), tmp_path / "out")
    names = sorted(path.name for path in tmp_path.glob("out/data/structure/train-*.parquet"))
    assert len(names) > 1
    assert names[0] == f"train-00000-of-{len(names):05d}.parquet"
    again = pd.read_parquet(tmp_path / "out" / "data")
    pd.testing.assert_frame_equal(again, frame)


@pytest.fixture
def loaded(model):
    """The model, once this process has it: at loading it encodes too."""
    return vectors._model(model.resolve(), weights(read_manifest(model)))


@pytest.mark.usefixtures("loaded")
def test_a_value_that_cannot_be_encoded_is_listed_and_counted(shards, model, tmp_path, monkeypatch):
    original = AlignedModel.encode_all

    def refusing(self, modality, values, **options):
        found = original(self, modality, values, **options)
        if modality != "structure":
            return found
        return replace(found, z=found.z[1:], places=found.places[1:], refused={0: InputError("two atoms at one place")})

    monkeypatch.setattr(AlignedModel, "encode_all", refusing)
    done = release(model, str(shards.path), tmp_path / "out")
    listed = [json.loads(line) for line in (tmp_path / "out" / "refusals.jsonl").read_text().splitlines()]
    assert len(listed) == done.refused == len(shards.manifest.shards)
    assert listed[0] == {
        "id": shards.rows[0].id, "modality": "structure", "value": 0, "message": "two atoms at one place"
    }  # fmt: skip
    rows = pd.read_parquet(tmp_path / "out" / "data")
    assert len(rows[rows.modality == "structure"]) == len(shards) - done.refused
    assert f"could not be encoded: {done.refused}, in `refusals.jsonl`" in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.usefixtures("loaded")
def test_a_set_without_rows_is_no_release(shards, model, tmp_path, monkeypatch):
    original = AlignedModel.encode_all

    def refusing(self, modality, values, **options):
        found = original(self, modality, values, **options)
        refused = dict.fromkeys(range(len(values)), InputError(f"no {modality}"))
        return replace(found, z=found.z[:0], places=found.places[:0], refused=refused)

    monkeypatch.setattr(AlignedModel, "encode_all", refusing)
    with pytest.raises(ReleaseError, match=r"nothing could be encoded; \d+ values were refused: .*: no "):
        release(model, str(shards.path), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_card_counts_and_names_everything(out, shards, model, frame):
    text = (out / "README.md").read_text()
    told = (
        'license: "cc-by-4.0"', f"{len(frame):,} unit vectors", weights(folder.read_manifest(model)),
        shards.manifest.data_hash, "Oxides only.",
        f"| text | {(frame[frame.modality == 'text'].part == 'train').sum()} |",
    )  # fmt: skip
    assert [line for line in told if line not in text] == []
    for path in out.glob("data/*/*.parquet"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() in text


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.mark.filterwarnings("ignore")  # of datasets and what it imports
def test_datasets_loads_each_modality_and_all(offline, out, frame, tmp_path):
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    datasets.disable_progress_bars()
    texts = datasets.load_dataset(str(out), "text", cache_dir=str(tmp_path / "cache"))
    assert {part: len(rows) for part, rows in texts.items()} == dict(
        frame[frame.modality == "text"].part.value_counts()
    )
    row = texts["test"].with_format("numpy")[0]
    assert row["vector"].shape == (8,)
    assert row["vector"].dtype == np.float32
    every = datasets.load_dataset(str(out), split="test", cache_dir=str(tmp_path / "cache"))
    assert set(every["modality"]) == set(MODALITIES)
    assert every.features["vector"] == datasets.List(datasets.Value("float32"), length=8)


@pytest.mark.filterwarnings("ignore")  # of mlcroissant and rdflib
def test_croissant_is_valid_and_delivers_the_rows(out, frame):
    mlc = pytest.importorskip("mlcroissant", reason="mlcroissant is not installed")
    loaded = mlc.Dataset(jsonld=str(out / "croissant.json"))
    assert not loaded.metadata.ctx.issues.errors
    records = list(loaded.records("vectors"))
    assert len(records) == len(frame)
    wanted = frame.set_index(["id", "modality", "value"])
    for record in records[:20]:
        key = (record["vectors/id"].decode(), record["vectors/modality"].decode(), record["vectors/value"])
        np.testing.assert_array_equal(np.asarray(record["vectors/vector"], np.float32), wanted.loc[key].vector)


def test_what_cannot_be_is_refused_before_any_work(model, shards, data, tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(ReleaseError, match="is there already"):
        release(model, str(shards.path), tmp_path / "there")
    AlignedModel.create("xrd", dim=8).save_pretrained(tmp_path / "m")
    with pytest.raises(ReleaseError, match="no modality in common"):
        release(tmp_path / "m", str(shards.path), tmp_path / "out")
    with pytest.raises(ShardError, match="not a data set"):
        release(model, str(tmp_path), tmp_path / "out")
    about = {**folder.read_manifest(model), "split": {"by": "prototype", "salt": SALT, "test_fold": 0}}
    folder.copy(model, tmp_path / "other", about)
    with pytest.raises(UsageError, match="folds were made by prototype"):
        release(tmp_path / "other", str(shards.path), tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"there", "m", "other"}


def test_the_command_counts_rows(model, shards, tmp_path):
    asked = ["release", "embeddings", str(model), "--data", str(shards.path), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(make_app(), [*asked, "--workers", "0", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert sum(row["rows"] for row in told["rows"]) == sum(sum(row.modalities.values()) for row in shards.rows)
    assert "datasets.load_dataset" in done.stderr
