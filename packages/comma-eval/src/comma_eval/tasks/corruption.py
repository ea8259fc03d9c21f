"""Protocols of which some steps are lost, or are another recipe's: how much of a recipe has to be right to be found?"""

from dataclasses import replace

from comma_eval.errors import UsageError
from comma_eval.tasks.absent import uniform
from comma_eval.tasks.pool import Pools, Side, Steps

KINDS = ("drop", "swap")


def check(share: float, kind: str) -> None:
    """Refuse what cannot be done to a protocol.

    Raises:
        UsageError: a share outside 0 to 1, or an unknown kind.
    """
    if not 0 <= share <= 1:
        raise UsageError(f"a share of {share:g} of the steps cannot be corrupted: give 0 to 1")
    if kind not in KINDS:
        raise UsageError(f"unknown corruption {kind!r}; known: {', '.join(KINDS)}")


def corrupted(pool: Pools, share: float, kind: str) -> Pools:
    """The pools with protocols of which about this share of the steps is dropped, or swapped with other recipes' steps.

    Each step has a fixed number between 0 and 1 from a hash of its protocol's record and its place, and goes where
    that is below the share: what is gone at 10 % is gone at 50 %, whoever is asked. The step with the largest number
    stays. A swapped step is one of a protocol of another formula in the same pool, drawn by a hash, too.
    """
    if not share:
        return pool
    protocols, gallery = (_side(side, share, kind, pool.protocols) for side in (pool.protocols, pool.gallery))
    return replace(pool, protocols=protocols, gallery=gallery)


def _side(side: Side, share: float, kind: str, donors: Side) -> Side:
    """Every protocol of a side, corrupted."""
    samples = []
    for sample, group, name in zip(side.samples, side.groups, side.names, strict=True):
        told: Steps = sample.fields["text"][0]
        draws = [uniform(group, name, str(place)) for place in range(len(told))]
        gone = [draw < share and draw < max(draws) for draw in draws]
        if kind == "drop":
            left = tuple(step for step, lost in zip(told, gone, strict=True) if not lost)
        else:
            left = tuple(
                _foreign(donors, group, name, place) if lost else step
                for place, (step, lost) in enumerate(zip(told, gone, strict=True))
            )
        samples.append(replace(sample, fields={**sample.fields, "text": (left,)}))
    return replace(side, samples=tuple(samples))


def _foreign(donors: Side, group: str, name: str, place: int) -> str:
    """A step of another formula's protocol; its own place of it where there are so many, else the last.

    Raises:
        UsageError: all protocols are of one formula.
    """
    start = int(uniform(group, name, f"{place} from") * len(donors.groups))
    for number in (*range(start, len(donors.groups)), *range(start)):
        if donors.groups[number] != group:
            steps: Steps = donors.samples[number].fields["text"][0]
            return steps[min(place, len(steps) - 1)]
    raise UsageError("steps are swapped with those of other formulas, and there is none: choose corruption 'drop'")
