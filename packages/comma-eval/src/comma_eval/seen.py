"""A model is not scored on materials that it has seen."""

from collections.abc import Collection, Sequence

from comma_data.sample import Sample
from comma_data.split import group_hash, group_of

from comma_eval.errors import SeenError


def refuse_seen(formulas: Collection[str], seen: Collection[str] | None) -> str:
    """Compare the test formulas with the hashes of the groups that a model saw in any stage of its training.

    Args:
        formulas: groups of the split, by default reduced formulas, that are about to be asked.
        seen: `groups_seen` of the model's manifest; None where the model does not say.

    Returns:
        What is known of the training data, to be printed beside the figures.

    Raises:
        SeenError: a test formula was seen.
    """
    if seen is None:
        return "unknown: the model does not say what it was trained on"
    hashes = frozenset(seen)
    leaked = sorted(formula for formula in set(formulas) if group_hash(formula) in hashes)
    if leaked:
        raise SeenError(
            f"the model has seen {len(leaked)} of the {len(set(formulas))} formulas that it would be tested on "
            f"({', '.join(leaked[:5])}{', ...' if len(leaked) > 5 else ''}). "
            "Remedy: evaluate on the fold that it was trained without, or train it on this data set's training folds"
        )
    return f"{len(hashes)} groups, none of the {len(set(formulas))} held-out formulas among them"


def unseen(samples: Sequence[Sample], seen: Collection[str] | None) -> tuple[Sample, ...]:
    """The samples of groups that a model has not seen; all where it does not say.

    Raises:
        SeenError: none is left.
    """
    hashes = frozenset(seen or ())
    left = tuple(sample for sample in samples if group_hash(group_of(sample)) not in hashes)
    if samples and not left:
        groups = sorted({group_of(sample) for sample in samples})
        raise SeenError(
            f"the model has seen all {len(groups)} materials or frames that it would be tested on "
            f"({', '.join(groups[:5])}{', ...' if len(groups) > 5 else ''}). Remedy: train one without them, with "
            "another test_fold"
        )
    return left
