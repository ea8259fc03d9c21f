"""What users of tables, scikit-learn, matminer and cards get."""

import json
import tomllib

import numpy as np
import pytest
import torch
from comma_encoders import card, folder, hub, locate, shared, table
from comma_encoders.card_figures import figures
from comma_encoders.errors import InputError, MissingDependencyError, UsageError
from comma_encoders.featurizer import Featurizer
from comma_encoders.guess import ENDINGS, modality_of
from comma_encoders.imputer_fit import fit
from comma_encoders.modality import examples, names
from comma_encoders.model import AlignedModel
from comma_encoders.rawjson import from_json, to_json
from comma_encoders.transformer import Vectors
from comma_encoders.types import Embedded

FORMULAS = ["NaCl", "MgO", "Fe2O3", "SiO2", "LiF", "ZnS"]


@pytest.fixture(scope="module")
def model():
    return AlignedModel.create("composition", dim=8)


@pytest.fixture(scope="module")
def saved(tmp_path_factory, model):
    place = tmp_path_factory.mktemp("models") / "small"
    folder.save(model, place)
    return place


# --- scikit-learn


def test_it_works_in_a_pipeline_and_a_search(saved):
    pytest.importorskip("sklearn")
    from sklearn.base import clone
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline

    pipeline = make_pipeline(Vectors("composition", model=saved), Ridge())
    targets = np.arange(6.0)
    search = GridSearchCV(pipeline, {"ridge__alpha": [1e-3, 1e3], "vectors__batch_size": [1, 64]}, cv=2)
    search.fit(FORMULAS, targets)
    assert search.best_params_["ridge__alpha"] in (1e-3, 1e3)
    assert clone(pipeline).get_params()["vectors__model"] == saved
    pipeline.fit(FORMULAS, targets)
    assert pipeline.predict(["NaCl"]).shape == (1,)
    assert pipeline[:-1].get_feature_names_out()[0] == "composition_0"


def test_its_vectors_are_those_of_the_model(model):
    made = Vectors("composition", model=model).fit_transform(FORMULAS)
    np.testing.assert_array_equal(made, model.encode("composition", FORMULAS, output="numpy"))


def test_its_parameters_are_kept_as_they_were_given(model):
    step = Vectors("composition", model=model, batch_size=3)
    assert step.get_params() == {"modality": "composition", "model": model, "batch_size": 3, "device": "cpu"}
    assert step.set_params(batch_size=5).batch_size == 5
    with pytest.raises(UsageError, match="'batchsize' is no parameter"):
        step.set_params(batchsize=5)
    assert repr(Vectors("text")) == "Vectors(modality='text', batch_size=64, device='cpu', model='comma-small')"


def test_a_model_is_loaded_once(saved, monkeypatch):
    shared._loaded.cache_clear()
    first = Vectors("composition", model=str(saved))
    first.fit(FORMULAS)
    monkeypatch.setattr(shared, "from_pretrained", lambda *_, **__: pytest.fail("it was loaded again"))
    Vectors("composition", model=str(saved)).transform(FORMULAS)
    Featurizer("composition", model=str(saved))


def test_a_model_without_the_modality_is_told_at_once(model):
    with pytest.raises(UsageError, match="no modality 'text'; it has composition"):
        Vectors("text", model=model).fit(FORMULAS)
    with pytest.raises(UsageError, match="no modality 'text'"):
        Featurizer("text", model=model)


# --- matminer's interface


def test_features_have_labels_and_an_order(model):
    featurizer = Featurizer("composition", model=model)
    assert len(featurizer.feature_labels()) == len(set(featurizer.feature_labels())) == 8
    expected = model.encode("composition", FORMULAS).tolist()
    assert featurizer.featurize("NaCl") == pytest.approx(expected[0], abs=1e-6)
    np.testing.assert_allclose(featurizer.featurize_many(FORMULAS, pbar=False), expected, atol=1e-6)
    np.testing.assert_allclose(featurizer.featurize_many([(f,) for f in FORMULAS]), expected, atol=1e-6)
    assert all(entry.startswith("@") for entry in featurizer.citations())
    assert featurizer.implementors()
    assert featurizer.fit(FORMULAS) is featurizer


def test_errors_are_raised_or_become_nan(model):
    featurizer = Featurizer("composition", model=model)
    with pytest.raises(InputError, match=r"'Qq' is not a plain formula.*value 1"):
        featurizer.featurize_many(["NaCl", "Qq"])
    with pytest.warns(UserWarning, match="1 of 2 values"):
        rows = featurizer.featurize_many(["NaCl", "Qq"], ignore_errors=True, return_errors=True)
    assert rows[0][-1] is None
    assert "Qq" in rows[1][-1]
    assert np.isnan(rows[1][:-1]).all()


def test_a_frame_gets_the_features_as_columns(model):
    pandas = pytest.importorskip("pandas")
    featurizer = Featurizer("composition", model=model)
    frame = pandas.DataFrame({"formula": FORMULAS, "gap": range(6)}, index=list("abcdef"))
    made = featurizer.featurize_dataframe(frame, "formula")
    assert list(made.columns) == ["formula", "gap", *featurizer.feature_labels()]
    np.testing.assert_allclose(
        made[featurizer.feature_labels()].to_numpy(), model.encode("composition", FORMULAS), atol=1e-6
    )
    assert list(made.index) == list("abcdef")
    assert list(frame.columns) == ["formula", "gap"]
    featurizer.featurize_dataframe(frame, ["formula"], inplace=True)
    assert "comma composition 7" in frame.columns
    with pytest.raises(InputError, match="has a column 'comma composition 0' already"):
        featurizer.featurize_dataframe(frame, "formula")


@pytest.mark.parametrize("inplace", [False, True])
def test_rows_of_an_index_that_repeats_are_not_multiplied(model, inplace):
    pandas = pytest.importorskip("pandas")
    featurizer = Featurizer("composition", model=model)
    one = pandas.DataFrame({"formula": FORMULAS[:2]}, index=pandas.Index([5, 5], name="n"))
    frame = pandas.concat([one, one.assign(formula=FORMULAS[2:4])])
    made = featurizer.featurize_dataframe(frame, "formula", return_errors=True, inplace=inplace)
    assert made["formula"].tolist() == FORMULAS[:4]
    pandas.testing.assert_index_equal(made.index, pandas.Index([5] * 4, name="n"))
    expected = model.encode("composition", FORMULAS[:4])
    np.testing.assert_allclose(made[featurizer.feature_labels()].to_numpy(), expected, atol=1e-6)


# --- tables

ROWS = table.Table(
    values=["a.cif", 'b,"c".cif'], modalities=["structure", "structure"], vectors=np.eye(2, 6, dtype=np.float32)
)


def read(path):
    if path.suffix == ".csv":
        import csv

        rows = list(csv.DictReader(path.read_text().splitlines()))
        return [row["value"] for row in rows], [[float(row[f"v{i}"]) for i in range(6)] for row in rows]
    if path.suffix == ".npz":
        content = np.load(path, allow_pickle=False)
        return content["values"].tolist(), content["vectors"].tolist()
    if path.suffix == ".jsonl":
        rows = [json.loads(line) for line in path.read_text().splitlines()]
    else:
        rows = pytest.importorskip("pyarrow.parquet").read_table(path).to_pylist()
    return [row["value"] for row in rows], [list(row["vector"]) for row in rows]


@pytest.mark.parametrize("ending", sorted(table.WRITERS))
def test_what_is_written_can_be_read(tmp_path, ending):
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
    table.writer(tmp_path / f"v{ending}")(ROWS)
    assert read(tmp_path / f"v{ending}") == (list(ROWS.values), ROWS.vectors.tolist())
    assert [path.name for path in tmp_path.iterdir()] == [f"v{ending}"]


def test_a_table_that_cannot_be_finished_leaves_nothing(tmp_path, monkeypatch):
    def full(_table, path):
        path.write_text("half")
        raise OSError("no space left")

    monkeypatch.setitem(table.WRITERS, ".csv", full)
    with pytest.raises(UsageError, match=r"v\.csv cannot be written: no space"):
        table.writer(tmp_path / "v.csv")(ROWS)
    assert list(tmp_path.iterdir()) == []


def test_parquet_without_pyarrow_gives_the_pip_line(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'comma-encoders\[table\]'"):
        table.writer(tmp_path / "v.parquet")


@pytest.mark.parametrize(
    ("name", "message"),
    [("v.xlsx", "has to end with"), ("no/v.csv", "there is no folder"), ("d.csv", "it is a folder")],
)
def test_a_file_that_cannot_be_written_is_told_before_the_work(tmp_path, name, message):
    (tmp_path / "d.csv").mkdir()
    with pytest.raises(UsageError, match=message):
        table.writer(tmp_path / name)


@pytest.mark.parametrize("values", [["NaCl", "MgO"], ("NaCl", "MgO"), np.array(["NaCl", "MgO"])])
def test_a_list_becomes_a_frame_too(model, values):
    pytest.importorskip("pandas")
    made = Vectors("composition", model=model).set_output(transform="pandas").fit_transform(values)
    assert made.index.tolist() == [0, 1]


def test_the_setting_of_scikit_learn_counts(model):
    sklearn = pytest.importorskip("sklearn")
    pd = pytest.importorskip("pandas")
    with sklearn.config_context(transform_output="pandas"):
        assert isinstance(Vectors("composition", model=model).transform(["NaCl"]), pd.DataFrame)
        plain = Vectors("composition", model=model).set_output(transform="default")
        assert isinstance(plain.transform(["NaCl"]), np.ndarray)
        assert isinstance(sklearn.base.clone(plain).transform(["NaCl"]), np.ndarray)
    with sklearn.config_context(transform_output="polars"), pytest.raises(UsageError, match="transform='polars'"):
        Vectors("composition", model=model).transform(["NaCl"])


def test_a_protocol_of_one_step_is_no_wrapped_value():
    featurizer = Featurizer("text", model=AlignedModel.create("text", dim=8))
    one = ("Mix BaCO3 and TiO2. Sinter at 1100 °C.",)
    assert featurizer.featurize_many([one], pbar=False)[0] == pytest.approx(featurizer.featurize(one), abs=1e-6)
    wrapped = (("Mix BaCO3 and TiO2.", "Sinter at 1100 °C."),)
    alone = featurizer.featurize(wrapped[0])
    assert featurizer.featurize_many([wrapped], pbar=False)[0] == pytest.approx(alone, abs=1e-6)


# --- guesses


@pytest.mark.parametrize(
    ("path", "modality"),
    [("a.cif", "structure"), ("b/POSCAR", "structure"), ("C.TIF", "image"), ("d.xy", "xrd"), ("e.txt", "text")],
)
def test_endings_tell_the_modality(path, modality):
    assert modality_of(path) == modality


def test_no_ending_belongs_to_two_modalities():
    endings = [ending for several in ENDINGS.values() for ending in several]
    assert len(endings) == len(set(endings))
    assert set(ENDINGS) <= set(names())


# --- raw values as JSON


@pytest.mark.parametrize("name", names())
def test_raw_values_survive_json(name):
    (value,) = examples(name, 1)
    back = from_json(json.loads(json.dumps(to_json(value))))
    np.testing.assert_equal(back, value)
    if isinstance(value, dict):
        assert {k: getattr(v, "dtype", None) for k, v in back.items()} == {
            k: getattr(v, "dtype", None) for k, v in value.items()
        }


@pytest.mark.parametrize("bad", [object(), np.array([object()]), np.array(["a"]), {1: 2}, {"a": {"b": object()}}, 1j])
def test_what_is_no_raw_value_is_not_written(bad):
    with pytest.raises(InputError, match="a raw value holds"):
        to_json(bad)


@pytest.mark.parametrize(
    "content",
    [
        {"dtype": "|O", "shape": [1], "base64": "AAAAAAAAAAA="},
        {"dtype": "<f8", "shape": [3], "base64": "AAAAAAAAAAA="},
        {"dtype": "nonsense", "shape": [1], "base64": ""},
        {"dtype": "<f8", "shape": [1], "base64": "A"},
    ],
)
def test_a_damaged_array_is_refused(content):
    with pytest.raises(InputError, match="damaged"):
        from_json(content)


# --- cards


def test_a_card_calls_unknown_what_nobody_said(saved):
    text = card.card(saved)
    assert text.startswith("---\nlibrary_name: comma-encoders\nlicense: unknown\n")
    assert text.count("unknown") >= 8
    assert "how well it does is unknown" in text


def test_a_card_says_what_the_maker_said(tmp_path, model):
    about = {
        "name": "toy",
        "description": "A toy.",
        "data": {"name": "shared", "path": "secret", "data_hash": "abc"},
        "split": {"by": "formula", "test_fold": 0},
        "samples": {"train": 7},
        "groups_seen": ["x", "y"],
        "licence": "Apache-2.0",
        "limits": ["Oxides only."],
        "command": "comma align run toy",
        "metrics": [
            {"task": "gap | eV", "metric": "MAE", "value": 0.41234, "low": 0.4, "high": 0.42, "n": 100},
            {"task": "recall", "metric": "R@1", "value": None, "n": 3},
        ],
    }
    folder.save(model, tmp_path / "m", about)
    text = card.card(tmp_path / "m")
    for said in ("# toy", "A toy.", "shared", "abc", "test fold 0", "train 7", "2; their hashes", "Oxides only."):
        assert said in text
    assert "### gap | eV\n\n| MAE | n |\n|---|---|\n| 0.4123 (0.4 to 0.42) | 100 |" in text
    assert "### recall\n\n| R@1 | n |\n|---|---|\n| unknown | 3 |" in text
    assert "secret" not in text
    assert "license: apache-2.0" in text


def test_a_card_has_a_line_for_equal_labels_and_a_column_for_each_metric():
    rows = [
        {"model": "a|b<c", "metric": "R@1", "value": 0.5, "low": 0.25, "high": 0.75, "n": 4},
        {"model": "a|b<c", "metric": "R@5", "value": 1.0, "n": 4},
        {"model": "chance", "metric": "R@1", "value": 0.1, "n": 4},
        {"model": "chance", "metric": "tied", "value": 3, "n": 9},
    ]
    text = figures(rows, [{"file": "x.json", "sha256": "ff"}])
    assert "| model | R@1 | R@5 | tied | n |" in text
    assert "| a\\|b&lt;c | 0.5 (0.25 to 0.75) | 1 |  | 4 |" in text
    assert "| chance |  |  | 3 | 9 |" in text
    assert text.endswith("- file x.json, sha256 ff")


def test_the_settings_in_a_card_are_toml(saved, tmp_path):
    settings = {"name": 'a "b"', "dim": 8, "shared": False, "start": None, "pairs": ["x"], "deep": {"er": {"lr": 1e-3}}}
    hub.republish(saved, tmp_path / "m", {"training": settings})
    read = tomllib.loads(card.card(tmp_path / "m").split("```toml\n")[1].split("```")[0])
    assert read == {key: value for key, value in settings.items() if value is not None}


def test_a_card_has_the_hash_of_every_other_file(saved, tmp_path):
    hub.republish(saved, tmp_path / "m", {"data": {"name": "x", "path": "secret"}})
    text = (tmp_path / "m" / "README.md").read_text()
    others = [path for path in (tmp_path / "m").iterdir() if path.name != "README.md"]
    assert len(others) >= 4
    assert all(f"| {path.name} | {path.stat().st_size:,} | {folder.sha256(path)} |" in text for path in others)


def test_a_card_counts_the_parameters(tmp_path, model):
    pairs = {name: Embedded(z=torch.eye(8).repeat(5, 1), rows=torch.arange(40)) for name in ("composition", "text")}
    whole = AlignedModel.create("composition", "text", dim=8)
    whole.imputer = fit(pairs)
    folder.save(whole, tmp_path / "m")
    counts = card.parameters(tmp_path / "m")
    assert set(counts) == {"composition", "text", "imputer"}
    assert sum(counts.values()) == sum(t.numel() for t in whole.state_dict().values())
    assert f"| imputer | {counts['imputer']:,} |" in card.card(tmp_path / "m")


def test_the_example_of_a_card_runs(saved, monkeypatch):
    monkeypatch.setattr(locate, "SHIPPED", saved.parent)
    code = card.card(saved).split("```python\n")[1].split("```")[0]
    space = {"values": FORMULAS}
    exec(code, space)  # noqa: S102  running our own card is the purpose
    assert space["vectors"].shape == (6, 8)
