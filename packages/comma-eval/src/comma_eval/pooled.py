"""The single answers of several folds as one table: each formula was held out once, so the queries of all folds count.

A fold's interval says how sure the figure is on that fold; the interval over the formulas of all folds is what a claim
is made from.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

from comma_eval.errors import UsageError
from comma_eval.metrics import mean_interval, paired_difference, row
from comma_eval.report import MODEL, question
from comma_eval.task import Item, Row

FOR_PLOTS = ("prediction", "truth")
"""Metrics that are no scores: nothing is a mean of them."""

Question = tuple[tuple[str, str], ...]
"""Sorted labels without the model."""


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What one model scored in one metric of one question."""

    labels: Mapping[str, str]
    """The question's."""
    metric: str
    values: dict[str, float]
    """Item -> value."""
    groups: dict[str, str]
    """Item -> what the bootstrap draws."""


Key = tuple[Question, str]
"""(question, metric)."""


def by_model(items: Iterable[Item]) -> dict[str, dict[Key, Answered]]:
    """Model -> everything that it was asked, in the order in which it comes.

    Raises:
        UsageError: a model answered an item twice, so that a fold would count twice.
    """
    found: dict[str, dict[Key, Answered]] = {}
    for item in items:
        if item.metric in FOR_PLOTS:
            continue
        asked = question(item.labels)
        key = (tuple(sorted(asked.items())), item.metric)
        of_model = found.setdefault(item.labels[MODEL], {})
        answered = of_model.setdefault(key, Answered(labels=asked, metric=item.metric, values={}, groups={}))
        if item.item in answered.values:
            raise UsageError(
                f"{item.labels[MODEL]} answers {item.item} twice ({told(key)}): give the items of each fold once"
            )
        answered.values[item.item] = item.value
        answered.groups[item.item] = item.group
    return found


def pooled(items: Iterable[Item], against: Collection[str] = ()) -> tuple[Row, ...]:
    """Figures over the items of all folds together, with intervals over their groups.

    Args:
        items: of one or more reports of one task; a model has one name in all of them.
        against: names of the lines from which the other models' paired differences are given, where they answered.

    Raises:
        UsageError: an item is answered twice, a line is unknown, or a model and a line answered different items.
    """
    models = by_model(items)
    if unknown := sorted(set(against) - models.keys()):
        raise UsageError(f"nobody is called {unknown[0]!r}; the items are of: {', '.join(sorted(models))}")
    return (*_figures(models), *_differences(models, against))


def _figures(models: Mapping[str, Mapping[Key, Answered]]) -> Iterator[Row]:
    for model, asked in models.items():
        for answered in asked.values():
            values, groups = np.array(list(answered.values.values())), list(answered.groups.values())
            yield row({**answered.labels, MODEL: model}, answered.metric, mean_interval(values, groups))


def _differences(models: Mapping[str, Mapping[Key, Answered]], against: Collection[str]) -> Iterator[Row]:
    for model, line in product((name for name in models if name not in against), against):
        for key, ours in models[model].items():
            if theirs := models[line].get(key):
                a, b, groups = side_by_side({model: ours, line: theirs}, key)
                labels = {**ours.labels, MODEL: model, "against": line}
                yield row(labels, ours.metric, paired_difference(a, b, groups))


def side_by_side(pair: Mapping[str, Answered], key: Key) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The values of two models on the same items, and the items' groups.

    Args:
        pair: two names -> what they answered.
        key: what was asked, for messages.

    Raises:
        UsageError: they answered different items, or an item belongs to different groups.
    """
    (first, a), (second, b) = pair.items()
    for one, other, lacking in ((a, b, second), (b, a, first)):
        if missing := [item for item in one.values if item not in other.values]:
            raise UsageError(
                f"{lacking} has no answer to {len(missing)} of the {len(one.values)} items of {told(key)}: "
                f"{_few(missing)}. A paired comparison needs the same items: the same data set, fold and options"
            )
    if moved := [item for item, group in a.groups.items() if b.groups[item] != group]:
        raise UsageError(f"{first} and {second} put {_few(moved)} into different groups ({told(key)})")
    names = list(a.values)
    return (
        np.array([a.values[name] for name in names]),
        np.array([b.values[name] for name in names]),
        [a.groups[name] for name in names],
    )


def told(key: Key) -> str:
    """What was asked, in words."""
    return ", ".join([*(f"{name} {value}" for name, value in key[0]), key[1]])


def _few(names: list[str]) -> str:
    """The first three."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
