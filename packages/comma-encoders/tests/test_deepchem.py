"""What a DeepChem user does with a featurizer and a model; most of it skips where DeepChem is not installed."""

import importlib
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from comma_encoders import locate
from comma_encoders.errors import InputError, MissingDependencyError, UsageError
from comma_encoders.integrations import deepchem as integration
from comma_encoders.integrations.features import check_output, features, several
from comma_encoders.model import AlignedModel
from pymatgen.core import Lattice, Molecule, Structure

METALS = ("Li", "Na", "K", "Rb", "Cs", "Cu", "Ag")
HALOGENS = ("F", "Cl", "Br", "I")


def test_the_package_does_not_import_deepchem_by_itself():
    code = "import sys, comma_encoders.integrations.deepchem as d; print('deepchem' in sys.modules, dir(d))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.startswith("False")
    assert "PropertyModel" in shown


def test_without_deepchem_the_pip_line_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "deepchem", None)
    with pytest.raises(MissingDependencyError, match=r"PropertyModel needs.*pip install 'comma-encoders\[deepchem\]'"):
        _ = integration.PropertyModel


def test_one_value_is_one_though_it_can_be_iterated(crystals):
    molecule = Molecule(["O", "H", "H"], [[0, 0, 0], [0.76, 0.59, 0], [-0.76, 0.59, 0]])
    atoms = pytest.importorskip("ase").Atoms("NaCl", positions=[[0, 0, 0], [2.8, 0, 0]], cell=[5.6] * 3, pbc=True)
    for one in (crystals[0], molecule, atoms, crystals[0].as_dict()):
        assert several("structure", one) == [one]
    assert several("composition", "NaCl") == ["NaCl"]
    assert several("structure", iter(crystals)) == crystals
    array = np.empty(2, dtype=object)
    array[:] = crystals[:2]
    assert several("structure", array) == crystals[:2]


def test_another_name_is_no_name_of_the_module():
    with pytest.raises(AttributeError, match="Nonsense"):
        _ = integration.Nonsense


@pytest.fixture(scope="module")
def dc():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of DeepChem and what it imports
        return pytest.importorskip("deepchem", reason="the extra `deepchem` is not installed", exc_type=ImportError)


@pytest.fixture(scope="module")
def model():
    return AlignedModel.create("structure", "composition", dim=16)


@pytest.fixture(scope="module")
def crystals():
    pairs = [(metal, halogen) for metal in METALS for halogen in HALOGENS]
    return [
        Structure.from_spacegroup("Fm-3m", Lattice.cubic(5 + 0.1 * i), p, [[0] * 3, [0.5] * 3])
        for i, p in enumerate(pairs)
    ]


@pytest.fixture(scope="module")
def labels(crystals):
    return np.array([crystal.volume for crystal in crystals])


def test_features_of_crystals_are_the_models_vectors(dc, model, crystals):
    featurizer = integration.StructureFeaturizer(model)
    assert isinstance(featurizer, dc.feat.MaterialStructureFeaturizer)
    found = featurizer.featurize(crystals[:5])
    np.testing.assert_allclose(found, model.encode("structure", crystals[:5], output="numpy"), atol=1e-6)
    np.testing.assert_allclose(featurizer(crystals[:5]), found, atol=1e-6)
    np.testing.assert_allclose(featurizer.featurize([c.as_dict() for c in crystals[:5]]), found, atol=1e-5)
    np.testing.assert_allclose(featurizer.featurize(crystals[0]), found[:1], atol=1e-5)
    assert "structure" in repr(featurizer)


def test_features_of_compositions_and_of_any_modality(dc, model):
    featurizer = integration.CompositionFeaturizer(model)
    assert isinstance(featurizer, dc.feat.MaterialCompositionFeaturizer)
    found = featurizer.featurize(["NaCl", "MgO"])
    np.testing.assert_allclose(found, model.encode("composition", ["NaCl", "MgO"], output="numpy"), atol=1e-6)
    same = integration.ModalityFeaturizer("composition", model).featurize(["NaCl", "MgO"])
    np.testing.assert_array_equal(same, found)
    assert featurizer.featurize("NaCl").shape == (1, 16)


def test_the_encoder_alone_gives_what_stands_before_the_head(dc, model):
    found = integration.CompositionFeaturizer(model, "encoder").featurize(["NaCl", "MgO"])
    assert found.shape == (2, model.encoders["composition"].width)
    with torch.inference_mode():
        z = torch.nn.functional.normalize(model.heads["composition"](torch.as_tensor(found)), dim=1)
    np.testing.assert_allclose(z.numpy(), model.encode("composition", ["NaCl", "MgO"], output="numpy"), atol=1e-5)


def test_a_bad_value_is_named_or_left_empty_for_the_loaders(dc, model):
    with pytest.raises(InputError, match=r"value 1"):
        integration.CompositionFeaturizer(model).featurize(["NaCl", "Nonsense!", "MgO"])
    with pytest.warns(UserWarning, match="1 of 3 values"):
        found = integration.CompositionFeaturizer(model, ignore_errors=True).featurize(["NaCl", "Nonsense!", "MgO"])
    assert [row.size for row in found] == [16, 0, 16]


def test_a_word_that_is_none_is_refused(dc, model):
    with pytest.raises(UsageError, match="'aligned' or 'encoder'"):
        check_output("head")
    with pytest.raises(UsageError, match="'regression' or 'classification'"):
        importlib.import_module("comma_encoders.integrations.linear").check_mode("ranking")
    with pytest.raises(UsageError, match="no modality 'text'"):
        integration.PropertyModel(model, modality="text")


def test_a_data_set_keeps_crystals_whole(dc, crystals, labels):
    made = integration.dataset(crystals, labels)
    assert made.X.shape == (len(crystals),)
    assert made.X[3] is crystals[3]
    np.testing.assert_array_equal(made.y.ravel(), labels)


@pytest.mark.parametrize("output", ["aligned", "encoder"])
def test_a_property_is_learnt_saved_and_restored(  # noqa: PLR0917
    dc, model, crystals, labels, output, tmp_path
):
    train = integration.dataset(crystals, labels)
    ours = integration.PropertyModel(model, output=output, model_dir=tmp_path / "m")
    ours.fit(train)
    scores = ours.evaluate(train, [dc.metrics.Metric(dc.metrics.pearson_r2_score)])
    assert scores["pearson_r2_score"] > 0.5
    predicted = ours.predict(train)
    assert predicted.shape == (len(crystals), 1)
    ours.save()
    again = integration.PropertyModel(AlignedModel.create("structure", dim=8), model_dir=tmp_path / "m")
    with pytest.raises(UsageError, match="no head yet"):
        again.predict(train)
    again.restore()
    np.testing.assert_allclose(again.predict(train), predicted, rtol=1e-5)
    assert not list((tmp_path / "m").rglob("*.joblib"))
    other = integration.PropertyModel(AlignedModel.create("structure", dim=16, seed=1), model_dir=tmp_path / "m")
    other.fit(train)
    other.save()  # in place of the first, encoders too
    again.reload()
    np.testing.assert_allclose(again.predict(train), other.predict(train), rtol=1e-5)


def test_it_is_ridge_on_standardised_vectors(dc, model, crystals, labels):
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    ours = integration.PropertyModel(model)
    ours.fit(integration.dataset(crystals[:20], labels[:20]))
    vectors = model.encode("structure", crystals, output="numpy")
    theirs = make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(-2, 4, 13))).fit(vectors[:20], labels[:20])
    predicted = ours.predict(integration.dataset(crystals[20:]))
    np.testing.assert_allclose(predicted[:, 0], theirs.predict(vectors[20:]), rtol=1e-4)


def test_a_data_set_on_disk_and_features_made_before_give_the_same(dc, model, crystals, labels, tmp_path):
    whole = integration.dataset(crystals, labels)
    disk = dc.data.DiskDataset.from_numpy(whole.X, whole.y, whole.w, whole.ids, data_dir=str(tmp_path / "disk"))
    made = dc.data.NumpyDataset(integration.StructureFeaturizer(model).featurize(crystals), labels)
    found = []
    for data in (whole, disk, made):
        ours = integration.PropertyModel(model)
        ours.fit(data)
        found.append(ours.predict(data))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5)
    np.testing.assert_allclose(found[2], found[0], rtol=1e-5)


def test_transformers_are_undone(dc, model, crystals, labels):
    data = integration.dataset(crystals, labels)
    normalise = dc.trans.NormalizationTransformer(transform_y=True, dataset=data)
    ours = integration.PropertyModel(model)
    ours.fit(normalise.transform(data))
    back = ours.predict(normalise.transform(data), [normalise])
    assert abs(back.mean() - labels.mean()) < 0.05 * labels.mean()


def test_a_label_of_weight_zero_counts_for_nothing(dc, model, crystals, labels):
    y = np.stack([labels, -labels], axis=1)
    w = np.ones_like(y)
    w[::2, 1] = 0
    spoilt = np.where(w > 0, y, 1e9)
    found = []
    for wanted in (y, spoilt):
        ours = integration.PropertyModel(model, n_tasks=2)
        ours.fit(integration.dataset(crystals, wanted, w))
        found.append(ours.predict(integration.dataset(crystals)))
    assert found[0].shape == (len(crystals), 2)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-6)


@pytest.mark.parametrize("classes", [2, 4])
def test_classes_are_predicted_with_probabilities(dc, model, crystals, classes, tmp_path):
    y = np.array([i % min(classes, 3) for i in range(len(crystals))])  # of four classes one is never seen
    data = integration.dataset(crystals, y)
    ours = integration.PropertyModel(model, mode="classification", n_classes=classes, model_dir=tmp_path)
    ours.fit(data)
    found = ours.predict(data)
    assert found.shape == (len(crystals), 1, classes)
    np.testing.assert_allclose(found.sum(axis=2), 1)
    assert (found[:, 0, min(classes, 3) :] == 0).all()
    accuracy = dc.metrics.Metric(dc.metrics.accuracy_score)
    assert ours.evaluate(data, [accuracy], n_classes=classes)["accuracy_score"] > 1 / classes
    ours.save()
    again = integration.PropertyModel(model, model_dir=tmp_path)
    again.reload()
    assert again.get_task_type() == "classification"
    np.testing.assert_allclose(again.predict(data), found, rtol=1e-6)


@pytest.mark.parametrize(
    ("y", "w", "options", "message"),
    [
        ([1.0, np.nan, 2.0], None, {}, "not finite"),
        ([1.0, 2.0, 3.0], [0.0, 0.0, 1.0], {}, "has 1 labels"),
        ([[1.0, 2.0]] * 3, None, {}, "2 tasks, the model n_tasks=1"),
        ([0, 1, 2], None, {"mode": "classification"}, "from 0 to 1"),
        (["a", "b", "c"], None, {}, "the labels are no numbers"),
        ([1, 1, 1], None, {"mode": "classification"}, "all samples are of class 1"),
    ],
)
def test_labels_of_which_nothing_can_be_learnt_are_refused(  # noqa: PLR0917
    dc, model, crystals, y, w, options, message
):
    weights = None if w is None else np.array(w)
    with pytest.raises(InputError, match=message):
        integration.PropertyModel(model, **options).fit(integration.dataset(crystals[:3], np.array(y), weights))


def test_a_bad_crystal_is_named_by_its_id(dc, model, crystals):
    one = Structure(Lattice.cubic(4), ["Na", "Cl"], [[0, 0, 0], [0, 0, 0.0001]])
    data = integration.dataset([crystals[0], one], np.array([1.0, 2.0]), ids=["good", "bad"])
    with pytest.raises(InputError, match=r"\(id bad\)"):
        integration.PropertyModel(model).fit(data)


def test_what_was_not_saved_cannot_be_restored(dc, model, tmp_path):
    with pytest.raises(InputError, match="holds no saved PropertyModel"):
        integration.PropertyModel(model, model_dir=tmp_path).restore()
    with pytest.raises(InputError, match="those of this model are 16"):
        integration.PropertyModel(model).fit(dc.data.NumpyDataset(np.zeros((3, 5)), np.zeros(3)))


def test_the_example_of_the_readme_runs(dc, tmp_path, monkeypatch):
    if locate.DEFAULT not in locate.shipped():
        pytest.skip("the package holds no trained model")
    monkeypatch.chdir(tmp_path)
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python deepchem\n(.*?)```", readme, re.DOTALL)
    space = {}
    exec(compile(example, "README.md", "exec"), space)  # noqa: S102  running our own README is the purpose
    assert space["features"].shape == (20, 128)
    spread = np.abs(np.array(space["volumes"]) - np.mean(space["volumes"])).mean()
    assert space["scores"]["mae_score"] < spread
    again = space["PropertyModel"](model_dir="volumes")
    again.restore()
    np.testing.assert_allclose(again.predict(space["test"]), space["predicted"], rtol=1e-5)


def test_features_of_the_encoder_leave_training_mode_as_it_was(model):
    model.train()
    try:
        features(model, "composition", ["NaCl"], "encoder")
        assert model.training
    finally:
        model.eval()
