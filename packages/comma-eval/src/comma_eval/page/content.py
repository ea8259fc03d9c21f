"""What a page holds, before it is drawn."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float

from comma_eval.metrics import Interval
from comma_eval.report import Grid
from comma_eval.task import Report, Row

SEEN = "samples seen"
"""Label of a row of `Page.training`: by how many samples a model had learnt when it was told."""
Verdict = Literal["holds", "does not hold", "undecided"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A claim that was written down before the figures were known, and what came of it."""

    name: str
    question: str
    """The task and the labels that say what was asked."""
    metric: str
    model: str
    against: str
    """The line that it is measured by: of several, the one that did best."""
    value: Interval
    """Of the model."""
    other: Interval
    """Of the line."""
    difference: Interval
    """Model - line, paired."""
    gain: Interval | None
    """Relative: 0.2 is a fifth better, whichever direction is better; None where the line is at zero, and with an end
    at infinity where it is so in some resamples."""
    aim: float
    """The gain that was aimed at."""
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class Map:
    """Vectors of one model, to be shown in two dimensions."""

    model: str
    vectors: Mapping[str, Float[np.ndarray, "_ dim"]]
    """Modality -> unit vectors."""
    colours: Mapping[str, Float[np.ndarray, " _"]]
    """Modality -> the property of the sample that each vector belongs to; NaN where it is not known."""
    colour: str
    """What the property is called."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """Everything that is shown."""

    title: str
    lead: str
    """The question, in a sentence or two."""
    report: Report
    """Figures with labels, and of the items those that plots are made of."""
    outcomes: tuple[Outcome, ...] = ()
    models: Grid | None = None
    """What each model is and what it cost."""
    maps: tuple[Map, ...] = ()
    training: tuple[Row, ...] = ()
    """How validation went while models were trained, along the label `SEEN`."""
    made: Mapping[str, str] = field(default_factory=dict)
    """How it was made: command, versions, hashes."""
    config: str = ""
    """What was written down before."""
