"""Deletion curves as figures."""

from comma_eval.page.drawing import LINE, SERIES, SOFT, canvas, to_svg
from markupsafe import Markup

from comma_explorer.explain.checks import Deletion


def curve(of: Deletion, name: str) -> Markup:
    """Similarity over the share of parts that are gone: the highest contributions first, and at random.

    Args:
        of: what was measured.
        name: of the value, such as `structure`.
    """
    share = 100 * of.removed / of.parts
    mean, low, high = of.random.mean(axis=1), of.random.min(axis=1), of.random.max(axis=1)
    words = "; ".join(f"{s:.0f} %: {a:.3f}, at random {b:.3f}" for s, a, b in zip(share, of.ranked, mean, strict=True))
    with canvas(2.6) as (figure, axes):
        axes.fill_between(share, low, high, color=SOFT, alpha=0.15, linewidth=0)
        axes.plot(share, mean, color=SOFT, linestyle="--", marker="s", markersize=3.5, label="at random")
        axes.plot(share, of.ranked, color=SERIES[0], marker="o", markersize=4.5, label="highest first")
        axes.set(xlabel=f"parts removed, % of {of.parts}", ylabel="similarity")
        axes.grid(color=LINE, linewidth=0.8)
        axes.legend(loc="best")
        return to_svg(figure, f"Deletion curve of the {name}", words)
