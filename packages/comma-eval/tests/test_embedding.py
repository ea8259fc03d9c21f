from dataclasses import dataclass

import numpy as np
import pytest
import torch
from comma_data.sample import Sample
from comma_encoders.types import Embedded
from comma_eval.embedding import EmbeddingScorer
from comma_eval.errors import UsageError


@dataclass
class Fixed:
    """Gives these vectors, whatever is asked."""

    z: torch.Tensor
    rows: torch.Tensor

    def embed(self, _samples):
        return {"text": Embedded(z=self.z, rows=self.rows)}


def texts(n):
    return [Sample(id=f"text-{number}", fields={"text": ((f"Mix {number}.",),)}, groups={}) for number in range(n)]


def test_vectors_are_put_into_the_order_of_the_samples():
    scorer = EmbeddingScorer(embedder=Fixed(z=torch.eye(3), rows=torch.tensor([2, 0, 1])))
    np.testing.assert_array_equal(scorer.score(texts(3), texts(3)), np.eye(3))
    vectors = scorer.vectors(texts(3))
    assert torch.equal(vectors, torch.eye(3)[[1, 2, 0]])


def test_a_sample_without_a_vector_is_named():
    scorer = EmbeddingScorer(embedder=Fixed(z=torch.eye(2), rows=torch.tensor([0, 2])))
    with pytest.raises(UsageError, match="without one: text-1"):
        scorer.score(texts(3), texts(3))


def test_a_modality_that_the_model_does_not_read_is_named():
    scorer = EmbeddingScorer(embedder=Fixed(z=torch.eye(1), rows=torch.tensor([0])))
    structure = Sample(id="x", fields={"structure": (None,)}, groups={})
    with pytest.raises(UsageError, match="does not embed `structure`; of these samples it embeds: text"):
        scorer.score([structure], texts(1))


def test_a_value_is_embedded_once():
    asked = []

    class Counting:
        def embed(self, samples):
            asked.extend(sample.id for sample in samples)
            return {"text": Embedded(z=torch.randn(len(samples), 2), rows=torch.arange(len(samples)))}

    scorer, some = EmbeddingScorer(embedder=Counting()), texts(4)
    first = scorer.vectors(some)
    assert torch.equal(scorer.vectors([some[2], some[0]]), first[[2, 0]])
    assert asked == [sample.id for sample in some]
