"""Where the vectors of unseen samples lie, in the plane in which they differ most."""

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from sklearn.decomposition import PCA

from comma_eval.page.content import Map
from comma_eval.page.drawing import LINE, MARKS, MUTED, SOFT, Picture, canvas, shortened, to_svg


def picture(found: Map) -> Picture:
    """The first two principal components of all vectors together; a mark for each modality, the property as colour."""
    names = list(found.vectors)
    flat, share = plane(np.concatenate([found.vectors[name] for name in names]))
    title = f"Map of unseen samples: {found.model}"
    sizes = ", ".join(f"{len(found.vectors[name])} of {name}" for name in names)
    words = f"Vectors: {sizes}. The plane holds {share:.0%} of their variance. Colour: {found.colour}."
    values = np.concatenate([found.colours[name] for name in names])
    known = values[np.isfinite(values)]
    with canvas(4.3) as (figure, axes):
        limits = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
        drawn = []
        parts = np.split(flat, np.cumsum([len(found.vectors[name]) for name in names])[:-1])
        for k, (name, part) in enumerate(zip(names, parts, strict=True)):
            drawn.append(_marks(axes, part, found.colours[name], _look(k), limits))
        if len(known):
            whole = MaxNLocator(integer=True) if (known % 1 == 0).all() else None
            figure.colorbar(drawn[0], ax=axes, label=shortened(found.colour), shrink=0.85, ticks=whole)
        axes.set(xlabel="first component", ylabel="second component")
        axes.grid(color=LINE, linewidth=0.8)
        axes.set_axisbelow(True)
        marks = [axes.scatter([], [], color=MUTED, **_look(k)) for k in range(len(names))]
        figure.legend(marks, list(map(shortened, names)), loc="outside lower left", ncols=len(names))
        return Picture(heading=title, svg=to_svg(figure, title, words), note=words)


def plane(vectors: Float[np.ndarray, "n dim"]) -> tuple[Float[np.ndarray, "n 2"], float]:
    """Places in the plane of largest variance, and the share of the variance that it holds."""
    flat = np.zeros((len(vectors), 2))
    if len(vectors) < 2:
        return flat, 1.0
    parts = min(2, vectors.shape[1])
    pca = PCA(n_components=parts, svd_solver="full").fit(vectors)
    flat[:, :parts] = pca.transform(vectors)
    return flat, float(pca.explained_variance_ratio_.sum())


def _look(number: int) -> dict[str, Any]:
    return {"marker": MARKS[number % len(MARKS)], "s": 22, "linewidths": 0.5, "edgecolors": SOFT}


def _marks(
    axes: Axes,
    flat: Float[np.ndarray, "n 2"],
    values: Float[np.ndarray, " n"],
    look: dict[str, Any],
    limits: tuple[float, float],
) -> Any:
    """Points, grey where the value is not known; returns what a colour bar is made of."""
    there = np.isfinite(values)
    x, y = flat.T
    axes.scatter(x[~there], y[~there], color=MUTED, **look)
    return axes.scatter(x[there], y[there], c=values[there], cmap="viridis", vmin=limits[0], vmax=limits[1], **look)
