"""The structure encoder from 100 to 20,000 atoms: time per edge, memory beside its estimate, and what regions bring.

Run in the root of the repository:

    python -m benchmarks.large_cells
"""

import sys
import time

import torch

from benchmarks.ewald_task import errors
from benchmarks.large_cells import deviations, equal_work, one_cell
from benchmarks.results_form import write_result


def main() -> None:
    """Measure and write the result."""
    start = time.perf_counter()
    torch.set_num_threads(2)
    rows = [*one_cell.rows(), *equal_work.rows(), *deviations.rows(), *errors()]
    path = write_result(
        "large-cells",
        what=(
            "The structure encoder, preset base, with and without the round of messages between regions, on jittered "
            "rock salt of growing size: seconds per edge (median) and memory beside the estimate for one cell, where "
            "small ones show the fixed cost of a call; seconds per edge for batches of as many cells as make about "
            "20,000 atoms, the work being equal; how far vectors move when the cell is doubled or shifted; and the "
            "error in the electrostatic energy of cells with 216 random charges, which no cutoff of 5 Å sees"
        ),
        command="python -m benchmarks.large_cells",
        rows=rows,
        seconds=time.perf_counter() - start,
    )
    print(f"wrote {path}", file=sys.stderr)


if __name__ == "__main__":
    main()
