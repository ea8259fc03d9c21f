"""The result of a finished study: JSON, Markdown tables, and one page."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from comma_data.configfile import dump_toml
from comma_eval.page.confusion import confusion_grids, without
from comma_eval.page.content import Map, Outcome, Page
from comma_eval.page.forest import gain
from comma_eval.page.page import interval, render
from comma_eval.report import Grid, markdown, markdown_of

from comma_app.study.config import Study
from comma_app.study.folder import PAGE, RESULT, TABLES, write_json, write_text
from comma_app.study.pieces import map_file
from comma_app.study.result import compute_grid, document, pooled, report_of
from comma_app.study.training import common


def finish(study: Study, folder: Path, manifest: Any, command: str) -> None:
    """Write `study.json`, `tables.md` and `report.html` from what all folds left.

    Args:
        study: the study.
        folder: where all folds left what they found.
        manifest: of the data set.
        command: what was typed.

    Raises:
        StudyError: a primary outcome cannot be told.
    """
    found = pooled(study, folder)
    grid = compute_grid(found.models, len(study.folds))
    origin = {"name": manifest.name, "data_hash": manifest.data_hash}
    told = document(study, folder, found, origin, command)
    report = report_of(study, found)
    made = {
        "command": command,
        "commit": told["commit"],
        "commits of the trainings": ", ".join(told["trained_at"]) or "nothing was trained",
        "machine": ", ".join(f"{key} {value}" for key, value in told["machine"].items() if value),
        "versions": ", ".join(f"{key} {value}" for key, value in told["versions"].items()),
        "seconds of all pieces": f"{told['seconds']:,.0f}",
        "data set": manifest.name,
        "hash of the data set": manifest.data_hash,
    }
    page = Page(
        title=f"Study: {study.name}",
        lead=study.question,
        report=report,
        outcomes=found.outcomes,
        models=grid if grid.lines else None,
        maps=tuple(maps(study, folder)),
        training=tuple(common(found.training)),
        made=made,
        config=dump_toml(study),
    )
    parts = [primary_grid(found.outcomes)] if found.outcomes else []
    parts += [*([grid] if grid.lines else []), *confusion_grids(report.rows)]
    write_text(folder / TABLES, "\n\n".join([*map(markdown_of, parts), markdown(without(report))]))
    write_text(folder / PAGE, render(page))
    write_json(folder / RESULT, told)


def primary_grid(outcomes: tuple[Outcome, ...]) -> Grid:
    """The primary outcomes as a table."""
    header = (
        "what was to be shown",
        "metric",
        "model",
        "against",
        "verdict",
        "model's",
        "line's",
        "difference",
        "gain",
    )
    lines = [
        (o.name, o.metric, o.model, o.against, o.verdict, *map(interval, (o.value, o.other, o.difference)), gain(o))
        for o in outcomes
    ]
    return Grid(title="Primary outcomes", header=header, lines=tuple(lines))


def maps(study: Study, folder: Path) -> Iterator[Map]:
    """The vectors of the first fold by model; each fold has another space, so that they cannot share a map."""
    path = map_file(folder, study.folds[0])
    if not path.is_file():
        return
    with np.load(path) as arrays:
        kept: dict[str, dict[str, dict[str, np.ndarray]]] = {}
        for key in arrays.files:
            model, modality, what = key.split("/")
            kept.setdefault(model, {}).setdefault(what, {})[modality] = arrays[key]
    words = {"elements": "number of elements", "sites": "number of sites"}
    for model, of in kept.items():
        colour = words.get(study.map.colour, study.map.colour)
        yield Map(model=model, vectors=of["vectors"], colours=of["colours"], colour=colour)
