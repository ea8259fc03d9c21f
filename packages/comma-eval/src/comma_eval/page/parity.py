"""Predicted against true values of single samples."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from comma_eval.page.drawing import LINE, SERIES, SOFT, Picture, canvas, shortened, to_svg
from comma_eval.page.rows import named
from comma_eval.report import MODEL, question
from comma_eval.task import Item

PREDICTION, TRUTH = "prediction", "truth"
METRICS = (PREDICTION, TRUTH)
MOST = 500
"""Points that are drawn one by one; of more, the plane is cut into hexagons."""

Pairs = dict[str, dict[str, float]]


def parities(items: Iterable[Item], ours: frozenset[str]) -> list[Picture]:
    """A figure for each question and model whose items say prediction and truth.

    Args:
        items: of a report.
        ours: models under test, which alone are shown; without any, all are.
    """
    found: dict[tuple[str, str], Pairs] = {}
    for item in items:
        model = item.labels.get(MODEL, "")
        if item.metric in METRICS and (model in ours or not ours):
            pairs = found.setdefault((named(question(item.labels)), model), {})
            pairs.setdefault(item.item, {})[item.metric] = item.value
    return [made for (name, model), pairs in found.items() if (made := _parity(name, model, pairs))]


def _parity(name: str, model: str, pairs: Pairs) -> Picture | None:
    both = [(pair[TRUTH], pair[PREDICTION]) for pair in pairs.values() if len(pair) == len(METRICS)]
    if not both:
        return None
    truth, prediction = np.array(both).T
    title = f"Predicted and true values: {model}, {name}" if name else f"Predicted and true values: {model}"
    error = np.abs(prediction - truth)
    words = f"{len(truth):,} samples, mean absolute error {error.mean():.3g}, largest {error.max():.3g}"
    with canvas(4.2) as (figure, axes):
        low, high = float(min(truth.min(), prediction.min())), float(max(truth.max(), prediction.max()))
        _points(figure, axes, truth, prediction)
        axes.plot([low, high], [low, high], color=SOFT, linewidth=1, linestyle=(0, (4, 3)))
        axes.set(xlabel="true", ylabel=f"predicted by {shortened(model)}", aspect="equal")
        axes.grid(color=LINE, linewidth=0.8)
        axes.set_axisbelow(True)
        return Picture(heading=title, svg=to_svg(figure, title, words), note=f"{words}. On the dashed line: right.")


def _points(figure: Figure, axes: Axes, x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"]) -> None:
    if len(x) <= MOST:
        axes.scatter(x, y, s=14, color=SERIES[0], alpha=0.55, linewidths=0)
        return
    cells = axes.hexbin(x, y, gridsize=34, bins="log", mincnt=1, cmap="viridis", linewidths=0)
    figure.colorbar(cells, ax=axes, label="samples", shrink=0.6, format="%.0f")
