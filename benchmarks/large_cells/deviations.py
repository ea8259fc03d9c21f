"""How far the vector of a material moves when it is written in another way."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from comma_encoders.modalities.structure.encoder import Encoder
from comma_encoders.modalities.structure.graph import collate

from benchmarks.large_cells.cells import KINDS, rock_salt
from benchmarks.results_form import row


def rows() -> Iterator[dict[str, Any]]:
    """1 - cosine between the vectors of the same material, written in two ways."""
    one = rock_salt((4, 4, 4))
    shifted = {**one, "positions": one["positions"] + np.array([1.7, 2.9, 0.6])}
    doubled = {
        "numbers": np.tile(one["numbers"], 2),
        "positions": np.concatenate([one["positions"], one["positions"] + one["cell"][0]]),
        "cell": one["cell"] * np.array([[2.0], [1.0], [1.0]]),
        "periodic": one["periodic"],
    }
    for kind, config in KINDS.items():
        torch.manual_seed(0)
        model = Encoder(config).eval()
        with torch.no_grad():
            base, *others = model(collate([one, shifted, doubled], config))
        for change, vector in zip(("origin shifted", "cell doubled"), others, strict=True):
            cosine = torch.cosine_similarity(base, vector, dim=0)
            yield row("1 - cosine", max(0.0, 1 - float(cosine)), n=1, kind=kind, change=change)
