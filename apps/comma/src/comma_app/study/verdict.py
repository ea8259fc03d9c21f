"""What came of the primary outcomes."""

from collections.abc import Mapping, Sequence

import numpy as np
from comma_eval.metrics import COVERAGE, Interval
from comma_eval.page.content import Outcome, Verdict
from comma_eval.page.rows import named

from comma_app.study.config import Primary
from comma_app.study.errors import StudyError
from comma_app.study.pooling import Question


def matching(outcome: Primary, questions: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """Questions whose labels are those that an outcome names."""
    wanted = {"task": outcome.task, **outcome.where}
    return [labels for labels in questions if wanted.items() <= labels.items()]


def only(outcome: Primary, questions: Sequence[Question]) -> Question:
    """The question of an outcome.

    Raises:
        StudyError: none or several, or one without its metric, model or line; with what there is.
    """
    kept = matching(outcome, [question.labels for question in questions])
    if len(kept) != 1:
        of_task = [q.labels for q in questions if q.labels["task"] == outcome.task]
        shown = "; ".join(named({k: v for k, v in labels.items() if k != "task"}) for labels in (kept or of_task)[:8])
        found = "no question of" if not kept else f"{len(kept)} questions of"
        raise StudyError(
            f"primary {outcome.name!r}: {found} {outcome.task} fit where = {dict(outcome.where)}: {shown or 'none'}. "
            "Remedy: name labels of exactly one"
        )
    question = next(q for q in questions if q.labels == kept[0])
    if outcome.metric not in question.answers:
        raise StudyError(
            f"primary {outcome.name!r}: the question has no {outcome.metric!r} that is made of single answers; it has "
            f"{', '.join(question.answers)}"
        )
    models = question.answers[outcome.metric]
    for name in (outcome.model, *outcome.against):
        if name not in models:
            raise StudyError(f"primary {outcome.name!r}: {name!r} did not answer; there are {', '.join(models)}")
    return question


def judged(outcome: Primary, question: Question) -> Outcome:
    """The outcome with its figures, measured by the line that did best."""
    sign = 1.0 if outcome.better == "higher" else -1.0
    metric, model = outcome.metric, outcome.model

    def interval(names: Sequence[str], of: object) -> Interval:
        return question.interval(metric, names, of)  # type: ignore[arg-type]  # each takes as many means as there are names

    alone = {line: interval([line], np.positive) for line in outcome.against}
    line = max(alone, key=lambda name: sign * alone[name].value)
    difference = interval([model, line], np.subtract)
    # how far the model is beyond the aim, without a division by what may be zero
    beyond = interval([model, line], lambda a, b: sign * a - (sign + outcome.aim) * b)
    certain = difference.low > 0 if sign > 0 else difference.high < 0
    return Outcome(
        name=outcome.name,
        question=named(question.labels),
        metric=metric,
        model=model,
        against=line,
        value=interval([model], np.positive),
        other=alone[line],
        difference=difference,
        gain=_gain(question, outcome, line),
        aim=outcome.aim,
        verdict=_verdict(reached=beyond.value >= 0 and certain, missed=beyond.high < 0),
    )


def _gain(question: Question, outcome: Primary, line: str) -> Interval | None:
    """How much better the model is than the line, as a share of it; None where the line is at 0.

    Where the line is at 0 in some resamples, a share of it has no bound: the end on that side is infinite.
    """
    (model, other), groups = question.resampled(outcome.metric, [outcome.model, line])
    if other[0] == 0:
        return None
    sign = 1.0 if outcome.better == "higher" else -1.0
    there = other != 0
    gains = sign * (model[there] - other[there]) / other[there]
    low, high = np.percentile(gains[1:], COVERAGE)
    if not there.all():
        low, high = (low, np.inf) if sign > 0 else (-np.inf, high)
    return Interval(value=float(gains[0]), low=float(low), high=float(high), n=groups)


def _verdict(*, reached: bool, missed: bool) -> Verdict:
    return "holds" if reached else "does not hold" if missed else "undecided"
