"""Runs of numbered images, for sets cut out of few pictures in numbered order."""

from comma_data.micrographs.frame import ImageError


def run_of(index: int, *, length: int, gap: int) -> int:
    """Which run a number belongs to: `length` numbers make a run, the `gap` numbers behind it belong to none.

    The rule depends on the number alone, so that it does not change when images are added. Neighbours in number are
    then on one side of a split, and those around the border of two runs are left out. It says nothing of images far
    apart in number that show the same place; `overlap` finds those by their pixels.

    Raises:
        ImageError: `between-runs`.
    """
    run, position = divmod(index, length + gap)
    if position >= length:
        raise ImageError("between-runs", f"number {index} lies in the gap behind run {run}")
    return run
