"""What others report for the whole task, of which ours is a part, split in another way: for scale only."""

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.results_form import row

SOURCE = (
    "published, random split: 5-fold over all 106,113 rows, polymorphs of a test formula may be in training; about "
    "85,000 training rows; Matbench v0.1 leaderboard, mp_gap (Dunn et al. 2020, doi:10.1038/s41524-020-00406-3)"
)
ROWS = 106_113
FIGURES: Mapping[str, tuple[float, float]] = {
    "coGN": (0.156, 0.396),
    "ALIGNN": (0.186, 0.464),
    "MEGNet": (0.193, 0.472),
    "SchNet": (0.235, 0.517),
    "CGCNN": (0.297, 0.677),
    "random forest": (0.345, 0.613),
    "mean of the training rows": (1.327, 1.599),
}
"""Model -> MAE and RMSE, eV."""


def published() -> Iterator[dict[str, Any]]:
    """One row a figure."""
    for model, values in FIGURES.items():
        for metric, value in zip(("MAE, eV", "RMSE, eV"), values, strict=True):
            yield row(metric, value, n=ROWS, model=model, materials="all", source=SOURCE)
