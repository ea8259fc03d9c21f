"""What every modality promises; a new one is tested by being there."""

import math
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from comma_encoders import folder
from comma_encoders.batch import collate
from comma_encoders.errors import InputError, UsageError
from comma_encoders.modality import examples, get, names
from comma_encoders.model import AlignedModel

every = pytest.mark.parametrize("name", names())


@dataclass(frozen=True, kw_only=True)
class Sample:
    fields: dict
    groups: dict = field(default_factory=dict)


def encoder(name):
    torch.manual_seed(0)
    config = get(name).Config()
    return get(name).Encoder(config).eval(), config


def test_the_five_modalities_are_found():
    assert {"structure", "text", "image", "xrd", "composition"} <= set(names())


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UsageError, match="Did you mean 'structure'"):
        get("structur")


@every
@pytest.mark.parametrize("value", [-3, math.nan, math.inf])
def test_a_setting_beyond_its_bounds_is_refused_by_its_name(name, value):
    """And kills no process inside of torch or numba."""
    wanted = (int, float) if value == -3 else float
    default = get(name).Config()
    settings = {key: old for key, old in vars(default).items() if type(old) is not bool and isinstance(old, wanted)}
    for key, old in settings.items():
        with pytest.raises(UsageError, match=rf"{name}: .*{key}"):
            get(name).Encoder(replace(default, **{key: type(old)(value)}))


@every
def test_one_row_for_each_value(name):
    model, config = encoder(name)
    vectors = model(get(name).collate(examples(name, 5), config))
    assert vectors.shape == (5, model.width)
    assert torch.isfinite(vectors).all()


@every
def test_values_are_told_apart(name):
    model, config = encoder(name)
    vectors = model(get(name).collate(examples(name, 5), config))
    assert torch.pdist(vectors).min() > 1e-4


@every
def test_a_value_does_not_see_its_neighbours(name):
    model, config = encoder(name)
    values = examples(name, 6)
    together = model(get(name).collate(values, config))
    alone = torch.cat([model(get(name).collate([v], config)) for v in values])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


@every
def test_every_parameter_gets_a_gradient(name):
    model, config = encoder(name)
    values = get(name).collate(examples(name, 8), config)
    (model(values) * torch.randn(8, model.width)).sum().backward()
    without = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == []


@every
def test_an_augmented_value_still_collates(name):
    model, config = encoder(name)
    rng = np.random.default_rng(3)
    values = [get(name).augment(v, rng, 1.0) for v in examples(name, 6)]
    assert model(get(name).collate(values, config)).shape[0] == 6


@every
def test_augmentation_of_strength_zero_changes_nothing(name):
    model, config = encoder(name)
    values = examples(name, 4)
    same = [get(name).augment(v, np.random.default_rng(0), 0.0) for v in values]
    torch.testing.assert_close(model(get(name).collate(values, config)), model(get(name).collate(same, config)))


@every
def test_collate_and_augment_leave_their_input_alone(name):
    values, copies = examples(name, 4), examples(name, 4)
    get(name).collate([get(name).augment(v, np.random.default_rng(0), 1.0) for v in values], get(name).Config())
    for value, copy in zip(values, copies, strict=True):
        np.testing.assert_equal(value, copy)


@every
def test_save_and_load_give_the_same_vectors(name, tmp_path):
    model = AlignedModel.create(name)
    values = examples(name, 4)
    folder.save(model, tmp_path / "model")
    again = folder.load(tmp_path / "model")
    assert torch.equal(model.encode(name, values), again.encode(name, values))


@every
def test_coerce_takes_raw_values_and_names_what_it_cannot_take(name):
    value = examples(name, 1)[0]
    np.testing.assert_equal(get(name).coerce(value), value)
    with pytest.raises(InputError):
        get(name).coerce(object())


@every
def test_the_group_is_one_that_data_sets_have(name):
    assert get(name).group in {"material", "formula"}


def test_vectors_are_unit_and_batches_of_any_size_agree():
    samples = [
        Sample(fields={"structure": (s,), "text": (t,) if i % 2 else ()}, groups={"formula": str(i)})
        for i, (s, t) in enumerate(zip(examples("structure", 7), examples("text", 7), strict=True))
    ]
    model = AlignedModel.create("structure", "text")
    large, small = model.embed(samples), model.embed(samples, batch_size=2)
    assert large["text"].rows.tolist() == [1, 3, 5] == small["text"].rows.tolist()
    for name, embedded in large.items():
        torch.testing.assert_close(embedded.z, small[name].z, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(embedded.z.norm(dim=1), torch.ones(len(embedded.z)))


def test_an_absent_modality_is_not_there():
    samples = [Sample(fields={"structure": (s,)}) for s in examples("structure", 3)]
    model = AlignedModel.create("structure", "text")
    assert set(model.embed(samples)) == {"structure"}


def test_many_values_of_one_sample_point_to_it():
    texts = tuple(examples("text", 3))
    batch = collate([Sample(fields={}), Sample(fields={"text": texts})], {"text": get("text").Config()})
    assert batch.rows["text"].tolist() == [1, 1, 1]


def test_equal_groups_have_equal_codes():
    samples = [Sample(fields={}, groups={"formula": f, "material": f}) for f in ("NaCl", "MgO", "NaCl")]
    groups = collate(samples, {}).groups
    assert groups["formula"][0] == groups["formula"][2] != groups["formula"][1]
    assert groups["formula"][0] != groups["material"][0]


def test_a_bad_value_is_named():
    bad = {**examples("structure", 1)[0], "cell": np.full((3, 3), np.nan)}
    with pytest.raises(InputError, match=r"structure: structure 0 of 1.*NaN"):
        AlignedModel.create("structure").encode("structure", [bad])


def test_of_a_batch_the_sample_is_named_whose_value_is_bad():
    good = examples("structure", 3)
    bad = {**good[0], "cell": np.full((3, 3), np.nan)}
    samples = [Sample(fields={"structure": values}) for values in (tuple(good[:2]), (), (good[2], bad))]
    with pytest.raises(InputError, match=r"^structure: .*NaN.* \(sample 2\)$"):
        collate(samples, {"structure": get("structure").Config()})


def test_a_modality_that_the_model_lacks_is_named():
    with pytest.raises(UsageError, match="it has structure"):
        AlignedModel.create("structure").encode("text", ["Mix."])
