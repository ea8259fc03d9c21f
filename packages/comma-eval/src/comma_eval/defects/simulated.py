"""The simulated set: hosts that no training sample has, under conditions that no head has learnt from.

Hosts are held out by the fold of their formula. Conditions are `groups["conditions"]`, a session at the microscope
with its dose, probe, thickness and tilt: in the order of a salted sha256 of their names the first fifth is held out,
whatever the fold, so that all models leave the same ones out.
"""

import hashlib
from collections.abc import Collection, Sequence

import numpy as np
from comma_data.sample import Sample
from comma_data.shards import Row

from comma_eval.defects import audit
from comma_eval.defects.exam import Exam, Fold, coded
from comma_eval.errors import EmptyTaskError

SALT = "comma-eval/defects/conditions:"
SHARE = 5
"""One in so many conditions is held out."""
HOSTS = 24
"""Hosts on the two sides, the validation fold left out, below which nothing is said of fusion: 30 of the whole set."""
TARGET = "defect"
CONDITIONS = "conditions"
KNOWN = ("dose", "probe_fwhm_nm")
"""What is printed of the conditions that are held out."""


def wanted(sample: Sample) -> bool:
    """A simulated image with a class, the structure of its host beside it."""
    return (
        isinstance(sample.targets.get(TARGET), str)
        and {"image", "structure"} <= sample.fields.keys()
        and origin(sample) == "simulated"
    )


def indexed(row: Row) -> bool:
    """What a wanted sample's row in the index says: it spares the reading of every other image."""
    return TARGET in row.targets


def origin(sample: Sample) -> str:
    """`simulated`, `measured`, ... of its first image; empty where that is not told."""
    return next(iter(sample.provenance.get("image", ())), {}).get("origin", "")


def host(sample: Sample) -> str:
    """The crystal that the defects were put into."""
    return sample.groups.get("material", sample.groups["formula"])


def exam(train: Sequence[Sample], test: Sequence[Sample]) -> Exam:
    """Learn from images of the training hosts under seen conditions; ask about those of the held-out hosts under all.

    Raises:
        EmptyTaskError: one side is empty, or has a single class.
        LeakError: structures differ within a host, the mode of the pixels tells the class, or a host is on both sides.
    """
    train, test = (tuple(filter(wanted, side)) for side in (train, test))
    _check_sizes(train, test)
    hidden = held_out_conditions({s.groups[CONDITIONS] for s in (*train, *test) if CONDITIONS in s.groups})
    seen = [sample for sample in train if sample.groups.get(CONDITIONS) not in hidden]
    samples = (*seen, *test)
    classes, truth = coded([str(sample.targets[TARGET]) for sample in samples])
    hosts = tuple(map(host, samples))
    fold = Fold(train=np.arange(len(seen)), test=np.arange(len(seen), len(samples)))
    _audit(samples, hosts, truth, fold)
    under = np.array([sample.groups.get(CONDITIONS) in hidden for sample in samples])
    cells = {"seen": fold.test[~under[fold.test]], "unseen": fold.test[under[fold.test]]}
    return Exam(
        labels={"set": "simulated"},
        samples=samples,
        classes=classes,
        truth=truth,
        groups=hosts,
        unit="hosts",
        folds=(fold,),
        cells={((CONDITIONS, name),): items for name, items in cells.items() if len(items)},
        facts=_facts(seen, test, hidden),
    )


def held_out_conditions(names: Collection[str]) -> frozenset[str]:
    """A fifth of the names, at least one where there are two, by a hash that no result can sway."""
    ranked = sorted(names, key=lambda name: hashlib.sha256((SALT + name).encode()).hexdigest())
    return frozenset(ranked[: max(1, round(len(ranked) / SHARE))] if len(ranked) > 1 else ())


def _check_sizes(train: Sequence[Sample], test: Sequence[Sample]) -> None:
    remedy = (
        "Remedy: build some with `comma data build textbook --set simulate.defects=8 --set simulate.hosts=60 "
        "--out data/textbook-defects`, or give another test fold"
    )
    for name, side in (("training", train), ("held-out", test)):
        if not side:
            raise EmptyTaskError(
                f"no {name} sample is a simulated image with a class as the target `defect` and the structure of its "
                f"host beside it. {remedy}"
            )
        if len({sample.targets[TARGET] for sample in side}) < 2:
            raise EmptyTaskError(f"the {name} images are all of the class {side[0].targets[TARGET]!r}. {remedy}")


def _audit(samples: Sequence[Sample], hosts: Sequence[str], truth: np.ndarray, fold: Fold) -> None:
    audit.refuse_several_structures(samples, hosts)
    audit.refuse_telling_mode(samples, truth)
    known = np.asarray(hosts)
    audit.refuse_shared(fold, known[fold.test][:, None] == known[fold.train][None, :], [s.id for s in samples])


def _facts(train: Sequence[Sample], test: Sequence[Sample], hidden: Collection[str]) -> dict[str, str]:
    learnt, asked = ({host(sample) for sample in side} for side in (train, test))
    said = {sample.groups.get(CONDITIONS): _told(sample) for sample in test}
    enough = len(learnt) + len(asked) >= HOSTS
    return {
        "hosts": f"{len(learnt)} learnt from, {len(asked)} held out",
        "conditions held out": "; ".join(f"{name} ({said.get(name, 'not asked')})" for name in sorted(hidden))
        or "none: the set has fewer than two",
        "fusion": "claimed on hosts and conditions that are both held out"
        if enough
        else "nothing can be claimed: a set needs 30 hosts or more",
    }


def _told(sample: Sample) -> str:
    known = sample.provenance["image"][0]
    return ", ".join(f"{name} {known[name]}" for name in KNOWN if name in known)
