from dataclasses import replace

import numpy as np
import pytest
import torch
from comma_encoders.types import Embedded
from comma_eval.errors import EmptyTaskError, NotEmbeddedError, UsageError
from comma_eval.probe import FrozenVectors, probe
from planted import Sees, material, materials


def test_several_modalities_stand_side_by_side_and_are_standardised():
    train = materials(40)
    read = FrozenVectors(embedder=Sees(), modalities=("structure", "text"))(train)
    numbers = read(train)
    assert numbers.shape == (len(train), 4 + 2)
    np.testing.assert_allclose(numbers.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(numbers.std(axis=0)[[0, 1, 2, 4]], 1)
    np.testing.assert_array_equal(numbers[:, [3, 5]], 0)  # the same for every sample


def test_several_values_are_averaged():
    one, two = material(1), material(2)
    both = replace(one, fields={"structure": one.fields["structure"] + two.fields["structure"]})
    raw = FrozenVectors(embedder=Sees(), modalities=("structure",)).raw
    np.testing.assert_allclose(raw([both]), raw([one, two]).mean(axis=0, keepdims=True))


def test_what_a_sample_lacks_becomes_the_training_mean():
    train = materials(40)
    silent = replace(train[3], fields={"structure": train[3].fields["structure"]})
    read = FrozenVectors(embedder=Sees(), modalities=("structure", "text"))(train)
    np.testing.assert_allclose(read([silent])[0, :4], read([train[3]])[0, :4])
    np.testing.assert_array_equal(read([silent])[0, 4:], 0)
    mute = replace(train[3], fields={})
    np.testing.assert_array_equal(read([mute]), 0)


def test_a_block_is_standardised_by_those_who_have_it():
    train = [
        s if n % 4 else replace(s, fields={"structure": s.fields["structure"]}) for n, s in enumerate(materials(40))
    ]
    numbers = FrozenVectors(embedder=Sees(), modalities=("structure", "text"))(train)(train)
    told = ["text" in sample.fields for sample in train]
    np.testing.assert_allclose(numbers[told, 4].std(), 1)


def test_every_sample_is_embedded_once_whatever_is_asked():
    embedder, train, test = Sees(), materials(60), materials(80)[-20:]
    predictor = probe(embedder, ("structure", "text"))
    for count, target in ((50, "amount"), (len(train), "amount"), (len(train), "gap")):
        predictor.fit(train[:count], target)
        predictor.predict(test)
    assert set(embedder.asked.values()) == {1}
    assert len(embedder.asked) == 2 * len({sample.id for sample in train + test})


def test_samples_that_come_and_go_are_not_mistaken_for_each_other():
    raw = FrozenVectors(embedder=Sees(), modalities=("structure",)).raw
    seen = [raw([material(number)])[0, 0] for number in range(200)]
    assert seen == pytest.approx([material(number).fields["structure"][0]["cell"][0, 0] for number in range(200)])


def test_the_embedder_sees_the_asked_values_alone():
    class Nosy(Sees):
        def embed(self, samples):
            for sample in samples:
                assert sample.fields.keys() == {"text"}
                assert not any((sample.targets, sample.groups, sample.annotations, sample.provenance))
            return super().embed(samples)

    probe(Nosy(), ["text"]).fit(materials(40), "amount")


def test_a_modality_that_the_model_does_not_embed_is_named():
    with pytest.raises(NotEmbeddedError, match="does not embed `text`; of these values it embeds: structure"):
        probe(Sees(("structure",)), ["structure", "text"]).fit(materials(40), "amount")


def test_a_modality_that_no_training_sample_has_is_named():
    with pytest.raises(EmptyTaskError, match=r"none of the .* training samples has a value of `xrd`"):
        probe(Sees(), ["structure", "xrd"]).fit(materials(40), "amount")


@pytest.mark.parametrize("fault", ["missing", "NaN"])
def test_a_vector_that_is_missing_or_broken_is_named(fault):
    class Broken(Sees):
        def embed(self, samples):
            found = super().embed(samples)["structure"]
            if fault == "missing":
                return {"structure": Embedded(z=found.z[1:], rows=found.rows[1:])}
            return {"structure": Embedded(z=torch.where(found.rows[:, None] == 0, torch.nan, found.z), rows=found.rows)}

    with pytest.raises(UsageError, match="gave no vector, or NaN, for a value of sample x-0005-0"):
        FrozenVectors(embedder=Broken(), modalities=("structure",)).raw([material(5), material(6)])
