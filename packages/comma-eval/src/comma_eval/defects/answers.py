"""What a head says about every item that it is asked about, after learning from few labels or from all."""

import numpy as np
from jaxtyping import Float

from comma_eval.defects.exam import Exam, Fold, Indices
from comma_eval.defects.head import fit

DRAWS = 5
"""Choices of the labels that few-shot figures are means over."""
SEED = 0

Answers = Float[np.ndarray, "items classes"]


def answers(exam: Exam, vectors: Float[np.ndarray, "items features"], labels: int | None) -> Answers:
    """Share of the draws in which each item was taken for each class; zero for items that no fold asks about.

    Args:
        exam: items, classes and folds.
        vectors: what a line knows of each item.
        labels: of each class, or as many as there are; None for all, which needs one draw.
    """
    said = np.zeros((len(exam.truth), len(exam.classes)))
    groups = np.asarray(exam.groups)
    draws = 1 if labels is None else DRAWS
    for fold in exam.folds:
        for draw in range(draws):
            known = taught(exam, fold, labels, draw)
            head = fit(vectors[known], exam.truth[known], groups[known])
            said[fold.test, head.predict(vectors[fold.test])] += 1 / draws
    return said


def taught(exam: Exam, fold: Fold, labels: int | None, draw: int) -> Indices:
    """The items whose labels are known; more labels of one draw hold the fewer."""
    if labels is None:
        return fold.train
    rng = np.random.default_rng([SEED, draw])
    shuffled = rng.permutation(fold.train)
    return np.concatenate([shuffled[exam.truth[shuffled] == code][:labels] for code in range(len(exam.classes))])


def fewest(exam: Exam, labels: int | None) -> int:
    """Labels of the class that has least, in any fold."""
    counts = [
        np.bincount(exam.truth[taught(exam, fold, labels, 0)], minlength=len(exam.classes)) for fold in exam.folds
    ]
    return int(np.min(counts))
