"""What a build computes from its structures."""

import numpy as np
import pytest
from comma_data.config import Simulate
from comma_data.simulate.stem import image
from comma_data.simulated import Simulator


def images(sample, **settings):
    """The images of a sample, behind the one that it has, and what is known of them."""
    (made,) = Simulator(settings=Simulate(images=2, **settings))(sample).samples
    return made.fields["image"][1:], made.provenance["image"]


@pytest.mark.parametrize("size", [32, 96, 130])
def test_images_of_structures_have_the_size_that_is_asked_for(make, size):
    sample = make["sample"]("a", provenance={"structure": ({"origin": "computed"},)})
    made, known = images(sample, image_size=size)
    (structure,) = sample.fields["structure"]
    for one, told in zip(made, known, strict=True):
        again = image(structure, seed=int(told["seed"]), size=size)
        assert one["pixels"].shape == (size, size)
        assert one["nm_per_pixel"] == pytest.approx(float(told["field_nm"]) / size, rel=1e-3)
        np.testing.assert_array_equal(one["pixels"], again["pixels"])


def test_images_are_as_they_were_where_no_size_is_asked_for(make):
    sample = make["sample"]("a", provenance={"structure": ({"origin": "computed"},)})
    for one, told in zip(*images(sample), strict=True):
        np.testing.assert_array_equal(
            one["pixels"], image(sample.fields["structure"][0], seed=int(told["seed"]))["pixels"]
        )


def test_a_shard_with_images_of_another_size_is_another():
    keys = {Simulator(settings=Simulate(images=1, image_size=size)).key for size in (32, 64, 96)}
    assert len(keys) == 3
