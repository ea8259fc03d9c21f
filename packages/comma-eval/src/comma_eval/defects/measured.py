"""Measured micrographs: patches with a class, host by host, and marked defects against the background of their frames.

The host is constant here, so nothing is asked of the structure. Frames, or parts of frames that share no pixel, are
held out in turn within the set; folds by formula would put all images of a host on one side.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

import numpy as np
from comma_data.sample import Sample
from comma_data.split import UNKNOWN

from comma_eval.defects import audit
from comma_eval.defects.crops import BACKGROUND, MARKED, TARGET, crops, has_boxes
from comma_eval.defects.exam import Exam, coded
from comma_eval.defects.parts import Division, by_group, divide
from comma_eval.defects.pictures import Place, places, shares
from comma_eval.defects.simulated import origin
from comma_eval.errors import EmptyTaskError

SET = "measured"


def wanted(sample: Sample) -> bool:
    """A measured image with a class as the target `defect`, or with boxes beside it."""
    return bool(sample.fields.get("image")) and origin(sample) == SET and (_has_class(sample) or has_boxes(sample))


def exams(samples: Sequence[Sample]) -> tuple[Exam, ...]:
    """One question for each host whose images have classes, and one for each source whose images have boxes.

    Raises:
        EmptyTaskError: there is none; the message says what was looked for.
        LeakError: the mode of the pixels tells the class, or a fold shares pixels or frames.
    """
    found = tuple(filter(wanted, samples))
    asked = (*_by_host([s for s in found if _has_class(s)]), *_by_source([s for s in found if not _has_class(s)]))
    told = [exam for exam in asked if exam.folds]
    if not told:
        reasons = "; ".join(f"{exam.labels['host']}: {fact}" for exam in asked for fact in exam.facts.values())
        raise EmptyTaskError(
            f"no measured image with a class as the target `defect`, or with boxes beside it, can be asked about among "
            f"{len(samples)} samples{f' ({reasons})' if reasons else ''}. Remedy: build a set with [[micrographs]] "
            'that have target = "defect" and a pattern or table of labels, or boxes: the README of comma-eval shows one'
        )
    return tuple(told)


def _has_class(sample: Sample) -> bool:
    return isinstance(sample.targets.get("defect"), str)


def _by_host(samples: Sequence[Sample]) -> Iterator[Exam]:
    hosts: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        formula = sample.groups["formula"]
        hosts[_source(sample) if formula.startswith(UNKNOWN) else formula].append(sample)
    for host in sorted(hosts):
        yield _of_host(host, hosts[host])


def _of_host(host: str, samples: Sequence[Sample]) -> Exam:
    classes, truth = coded([str(sample.targets["defect"]) for sample in samples])
    audit.refuse_telling_mode(samples, truth)
    where = places(samples)
    division = divide(where, truth)
    kept = division.kept
    names, codes = coded([classes[truth[i]] for i in kept.tolist()]) if len(kept) else ((), truth[:0])
    exam = Exam(
        labels={"set": SET, "host": host},
        samples=tuple(samples[i] for i in kept.tolist()),
        classes=names,
        truth=codes,
        groups=division.regions,
        unit=division.by,
        folds=division.folds if len(names) > 1 else (),
        cells={(): np.sort(np.concatenate([fold.test for fold in division.folds]))} if division.folds else {},
        facts={host: _told(division, classes, truth, where)},
    )
    _audit_pixels(exam, [where[i] for i in kept.tolist()])
    return exam


def _audit_pixels(exam: Exam, where: Sequence[Place]) -> None:
    for fold in exam.folds:
        audit.refuse_shared(fold, shares(where, fold.test, fold.train), [sample.id for sample in exam.samples])


def _told(division: Division, classes: Sequence[str], truth: np.ndarray, where: Sequence[Place]) -> str:
    """How a host is held out, what cannot be, and which of the other classes have a picture of their own."""
    left_out = ", ".join(f"{classes[code]} ({count})" for code, count in division.left_out.items())
    homes: defaultdict[str, set[int]] = defaultdict(set)
    for code, place in zip(truth.tolist(), where, strict=True):
        homes[place.picture].add(code)
    mixed = {code for codes in homes.values() if len(codes) > 1 for code in codes} | division.left_out.keys()
    own = ", ".join(name for code, name in enumerate(classes) if code not in mixed)
    return "; ".join(
        [
            f"{len(homes)} pictures, {division.by} held out in {len(division.folds)} folds",
            *([f"left out, as too few of their patches share no pixel: {left_out}"] if left_out else []),
            *([f"in pictures of their own, which may be told by the picture: {own}"] if own else []),
        ]
    )


def _by_source(samples: Sequence[Sample]) -> Iterator[Exam]:
    sources: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        sources[_source(sample)].append(sample)
    for source in sorted(sources):
        yield _of_source(source, sources[source])


def _of_source(source: str, images: Sequence[Sample]) -> Exam:
    samples = tuple(crop for image in images for crop in crops(image))
    classes, truth = (BACKGROUND, MARKED), np.array([int(s.targets[TARGET] == MARKED) for s in samples], dtype=np.int64)
    frames = tuple(sample.groups.get("image_frame", sample.id) for sample in samples)
    folds = by_group(frames, truth) if samples else ()
    known = np.asarray(frames)
    for fold in folds:
        audit.refuse_shared(fold, known[fold.test][:, None] == known[fold.train], [sample.id for sample in samples])
    audit.refuse_telling_mode(samples, truth)
    return Exam(
        labels={"set": SET, "host": source},
        samples=samples,
        classes=classes,
        truth=truth,
        groups=frames,
        unit="frames",
        folds=folds,
        cells={(): np.sort(np.concatenate([fold.test for fold in folds]))} if folds else {},
        facts={source: f"{len(images)} images of {len(set(frames))} frames, frames held out in {len(folds)} folds"},
    )


def _source(sample: Sample) -> str:
    """Name of the file or folder that the image was read from."""
    told = next(iter(sample.provenance.get("image", ())), {}).get("source", "unknown")
    return PurePosixPath(told.split(" ", 1)[-1]).name.split(".")[0]
