"""What a study found, in the form of a committed result."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from comma_align.folder import commit_hash
from comma_eval import items
from comma_eval.page.content import Outcome
from comma_eval.pooled import FOR_PLOTS
from comma_eval.report import Grid
from comma_eval.task import Item, Report, Row

from comma_app.study.config import Study
from comma_app.study.estimate import taken
from comma_app.study.folder import finite, read_json, trained
from comma_app.study.machine import machine, versions
from comma_app.study.pieces import Piece, items_file, pieces, questions, score_file
from comma_app.study.pooling import Question, differences, figures, gathered, in_order, others
from comma_app.study.runs import base_run, run_folder
from comma_app.study.training import training
from comma_app.study.verdict import judged, only
from comma_app.study.visits import distinct, seen, steps_of


@dataclass(frozen=True, kw_only=True)
class Found:
    """Figures over all folds."""

    rows: tuple[Row, ...]
    outcomes: tuple[Outcome, ...]
    shown: tuple[Item, ...]
    """Single answers that plots are made of."""
    facts: Mapping[str, str | int | float]
    models: tuple[Mapping[str, str | float], ...]
    """What each model is and what it cost."""
    training: tuple[Row, ...]
    """Figures on the validation folds while it was trained."""


def pooled(study: Study, folder: Path) -> Found:
    """Read what every fold left, one task at a time, and put it together.

    Raises:
        StudyError: a primary outcome cannot be told from the answers.
    """
    rows: list[Row] = []
    shown: list[Item] = []
    kept: dict[str, list[Question]] = {}
    ours = [name for name, model in study.models.items() if model.scored]
    for key, (name, one) in questions(study).items():
        of_key = [Piece(kind="score", name=key, fold=fold) for fold in study.folds]
        labels = {"task": name, **one.labels}
        found = gathered(labels, ((piece.fold, items.read(items_file(folder, piece))) for piece in of_key))
        rows += _rows(found, [row for piece in of_key for row in read_json(score_file(folder, piece))["rows"]], ours)
        shown += _shown(found)
        if any(outcome.task == name for outcome in study.primary):
            kept.setdefault(name, []).extend(found)
    told = [judged(outcome, only(outcome, kept.get(outcome.task, []))) for outcome in study.primary]
    return Found(
        rows=tuple(rows),
        outcomes=tuple(told),
        shown=tuple(shown),
        facts=_facts(study, folder),
        models=tuple(compute(study, folder)),
        training=training(study, folder),
    )


def _rows(found: Sequence[Question], told: Sequence[Mapping[str, Any]], ours: Sequence[str]) -> list[Row]:
    """Sizes, figures and differences, question by question."""
    made = [row for question in found for row in figures(question)]
    covered = {(tuple(row.labels.items()), row.metric) for row in made}
    rest = list(others(told, covered))
    gained = [row for question in found for row in differences(question, ours)]
    return [*made, *rest, *gained]


def _shown(found: Sequence[Question]) -> Iterator[Item]:
    for question in found:
        for metric in FOR_PLOTS:
            for model, answers in question.answers.get(metric, {}).items():
                labels = in_order({**question.labels, "model": model})
                for (fold, item), value in answers.items():
                    group = question.groups[(fold, item)]
                    yield Item(labels=labels, item=f"{fold}/{item}", group=group, metric=metric, value=value)


def _facts(study: Study, folder: Path) -> dict[str, str | int | float]:
    """What has to be known to read the figures."""
    facts: dict[str, str | int | float] = {"part": study.part, "test folds": ", ".join(map(str, study.folds))}
    seen: dict[str, set[str]] = {}
    for key, (name, one) in questions(study).items():
        words = ", ".join([name, *(f"{label} {value}" for label, value in one.labels.items())])
        told = [read_json(score_file(folder, Piece(kind="score", name=key, fold=fold))) for fold in study.folds]
        facts[f"held-out samples, {words}"] = sum(one["facts"]["test"] for one in told)
        for model, how in ((model, how) for of_fold in told for model, how in of_fold["seen"].items()):
            seen.setdefault(model, set()).add("not known" if how.startswith("unknown") else "none")
    return {**facts, **{f"held-out groups that {model} saw": ", ".join(sorted(of)) for model, of in seen.items()}}


def compute(study: Study, folder: Path) -> Iterator[dict[str, str | float]]:
    """What each model is and what it cost; what it starts from counts as its own."""
    for name, model in study.models.items():
        total = own = _cost(study, folder, name)
        before = model.start
        while before:
            total = {key: total[key] + value for key, value in _cost(study, folder, before).items()}
            before = study.models[before].start
        yield {
            "model": name,
            "what": model.what,
            "parameters": own["parameters"] / len(study.folds),
            "distinct samples": own["distinct"] / len(study.folds),
            "steps": total["steps"],
            "samples seen": total["visits"],
            "seconds": round(total["seconds"], 1),
            "starts from": model.start or "nothing",
        }


def compute_grid(models: Sequence[Mapping[str, str | float]], folds: int) -> Grid:
    """The same as a table."""
    header = tuple(models[0]) if models else ()
    lines = (
        tuple(value if isinstance(value, str) else f"{value:,.0f}" for value in model.values()) for model in models
    )
    title = "Parameters and distinct samples of one fold, all else " + (f"over {folds} folds" if folds > 1 else "too")
    return Grid(title=title, header=header, lines=tuple(lines))


def _cost(study: Study, folder: Path, name: str) -> dict[str, float]:
    """Of one model's own trainings, summed over folds."""
    run = base_run(study, name)
    total = dict.fromkeys(("parameters", "steps", "seconds", "visits", "distinct"), 0.0)
    for fold in study.folds:
        place = run_folder(folder, name, fold)
        manifest = trained(place)
        if manifest is None:
            continue
        facts, train = manifest["trained"], manifest["samples"]["train"]
        steps = steps_of(run, place, facts["steps"])
        counted = {"visits": seen(run, steps, train), "distinct": distinct(run, train)}
        total = {key: total[key] + float({**facts, **counted}[key]) for key in total}
    return total


def document(study: Study, folder: Path, found: Found, data: Mapping[str, str], command: str) -> dict[str, Any]:
    """The result as JSON: the form of `benchmarks/results`, and beside it what a study alone has."""
    seconds = sum(taken(folder, piece) or 0.0 for piece in pieces(study))
    return {
        "what": f"{study.name}: {study.question}",
        "command": command,
        "commit": commit_hash() or "unknown",
        "trained_at": commits(study, folder),
        "machine": machine(),
        "versions": versions(),
        "seconds": round(seconds, 3),
        "data": dict(data),
        "primary": [outcome_for_json(outcome) for outcome in found.outcomes],
        "models": list(found.models),
        "facts": dict(found.facts),
        "training": [finite(row.as_dict()) for row in found.training],
        "rows": [finite(row.as_dict()) for row in found.rows],
    }


def commits(study: Study, folder: Path) -> list[str]:
    """The commits at which the models were trained: folds and models can come from elsewhere, and from another time."""
    places = (run_folder(folder, name, fold) for name in study.models for fold in study.folds)
    return sorted({manifest.get("commit") or "unknown" for place in places if (manifest := trained(place)) is not None})


def outcome_for_json(outcome: Outcome) -> dict[str, Any]:
    """An outcome for JSON: an open end of its gain is null."""
    told = asdict(outcome)
    return {**told, "gain": finite(told["gain"]) if told["gain"] else None}


def report_of(study: Study, found: Found) -> Report:
    """The figures as a report of comma-eval, for tables and figures."""
    return Report(task=study.name, rows=found.rows, facts=found.facts, items=found.shown)
