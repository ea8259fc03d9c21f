"""A picture of a run: how the loss fell, and what finds what among unseen materials."""

import json
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np

from comma_align.folder import METRICS, PICTURE
from comma_align.recall import Row

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes


def draw(out: Path, rows: Sequence[Row]) -> Path:
    """Write `result.png` into a run's folder, from its metrics and the recall of its model."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
    _losses(left, out / METRICS)
    _recalls(right, rows)
    figure.savefig(out / PICTURE, dpi=120)
    plt.close(figure)
    return out / PICTURE


def _losses(axes: Axes, metrics: Path) -> None:
    entries = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    training = [entry for entry in entries if "loss" in entry]
    for stage, name in sorted({(entry["stage"], name) for entry in training for name in entry["terms"]}):
        of = [entry for entry in training if entry["stage"] == stage and name in entry["terms"]]
        losses = np.array([entry["terms"][name] for entry in of], dtype=float)  # null, which was not finite, is a gap
        axes.plot([entry["step"] for entry in of], losses, label=f"{stage}: {name}", linewidth=1)
    axes.set(xlabel="step of the stage", ylabel="loss", title="Training loss by term")
    if training:
        axes.legend(fontsize=8)


def _recalls(axes: Axes, rows: Sequence[Row]) -> None:
    if not rows:  # a run that aligns nothing
        axes.set_axis_off()
        return
    place = np.arange(len(rows))
    for k, shade in ((10, "#c6d7ee"), (5, "#7aa2d6"), (1, "#1f4e9c")):
        axes.barh(place, [row.recall.at[k] for row in rows], color=shade, label=f"recall at {k}")
    axes.plot([row.recall.chance[1] for row in rows], place, "k|", markersize=12, label="chance at 1")
    axes.plot([row.recall.chance[10] for row in rows], place, "|", color="grey", markersize=12, label="chance at 10")
    axes.set_yticks(place, [f"{row.query} → {row.gallery}  ({row.recall.pool})" for row in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="recall (pool in parentheses)", title="Unseen materials: what finds what")
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=5)
