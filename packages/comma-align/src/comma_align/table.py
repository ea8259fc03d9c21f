"""The recall table on a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from comma_align.recall import KS, Row


def recall_table(rows: Sequence[Row], fold: int, *, sure: bool = True) -> None:
    """Print recall at 1, 5 and 10 of every direction, with chance in parentheses and the pool's size, on stdout.

    Args:
        rows: the directions.
        fold: where the materials come from.
        sure: whether it is known of the model that the run started from, too, that it never saw them.
    """
    unseen = "training never saw" if sure else "this run did not train on"
    table = Table(title=f"Recall on materials that {unseen} (fold {fold}); chance in parentheses")
    table.add_column("from → to", no_wrap=True)
    table.add_column("pool", justify="right")
    for k in KS:
        table.add_column(f"R@{k}", justify="right", no_wrap=True)
    for row in rows:
        cells = (f"{row.recall.at[k]:.2f} ({row.recall.chance[k]:.2f})" for k in KS)
        table.add_row(f"{row.query} → {row.gallery}", str(row.recall.pool), *cells)
    Console(width=None if Console().is_terminal else 100).print(table)
