"""A study as it is written down beforehand: question, outcomes, models, tasks, folds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from comma_data.configfile import FaultAt, Key, find, load
from comma_data.errors import ConfigError
from comma_data.nearest import did_you_mean
from comma_eval.errors import EvalError
from comma_eval.report import belongs
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from comma_app.errors import AppError
from comma_app.study.runs import answers, base_run, merged, read_run, supervised
from comma_app.study.tasks import asked

STUDIES = Path(__file__).parent.parent / "studies"
"""The named studies."""
ERRORS = ("MAE", "RMSE")
"""Metrics of which less is better."""

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=60)]
"""Names a folder too."""


class Section(BaseModel):
    """A part of a study: complete, frozen, and without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True)


class Model(Section):
    """One model: a training run, made once for each fold."""

    what: str = ""
    """What is special about it, in a few words for the tables."""
    run: str = ""
    """A named run of comma-align, or the path of one, that `settings` change; empty where `settings` are all."""
    settings: Mapping[str, Any] = Field(default_factory=dict)
    """Settings of the run beside those that all models have in common."""
    start: str = ""
    """Another model of this study whose encoders of the same fold are the first weights."""
    scored: bool = True
    """Whether it is asked; false for one that others only start from."""


class Task(Section):
    """One question that is asked of the models."""

    task: str
    """A task of comma-eval, e.g. `synthesis`."""
    options: Mapping[str, Any] = Field(default_factory=dict)
    """Its options."""
    each: Mapping[str, tuple[str | int | float, ...]] = Field(default_factory=dict)
    """Option -> values, e.g. budgets of labels or views of a text: the task is asked once with each of them."""
    models: tuple[str, ...] = ()
    """Which models are asked; empty for all that can be."""
    part: Literal["", "test", "validation", "all"] = ""
    """On what it is asked, if not on the study's own part: `all` folds for measured sets that nothing learns from."""
    transfer: Literal["", "oxides", "intermetallics", "large-cells", "molecules"] = ""
    """A class of materials that is asked about, and that heads and baselines do not learn from."""


class Primary(Section):
    """An outcome that decides, fixed before any figure is known."""

    name: str
    """What is claimed, in a few words."""
    task: str
    """A task of this study."""
    where: Mapping[str, str] = Field(default_factory=dict)
    """Labels that single out one question of the task, e.g. `direction`, `view`."""
    metric: str = "R@1"
    """Which figure: one that is a mean over single items, or the root of one."""
    model: str
    """The model under test, or an answer of its that the task names after it, as `comma + ridge`."""
    against: tuple[str, ...]
    """Models or baselines that it is measured by: of several, the one that does best."""
    better: Literal["higher", "lower"] = "higher"
    """Which way is better."""
    aim: Annotated[float, Field(ge=0)] = 0.0
    """Smallest relative gain that is claimed: 0.2 is a fifth better. 0 claims any gain."""

    @field_validator("against", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _a_direction(self) -> Self:
        if not self.against:
            raise ValueError("against: name at least one model or baseline")
        if self.metric in ERRORS and self.better == "higher":
            raise ValueError(f"{self.metric} is an error: better = 'lower'")
        return self


class Map(Section):
    """Vectors of test samples that are kept and shown in two dimensions."""

    modalities: tuple[str, ...] = ()
    """Of which modalities; none keeps no vectors."""
    colour: str = "elements"
    """What colours them: `elements` (how many), `sites` (of the structure), or a numeric target of the data set."""
    most: Annotated[int, Field(ge=2, le=5000)] = 600
    """Samples of a fold, chosen by a hash of their ids."""


class Study(Section):
    """A table of models x folds x tasks."""

    name: Name
    """What the study is called; its folder is `studies/NAME` unless `--out` says otherwise."""
    question: str
    """What is asked, in a sentence or two."""
    data: str
    """Data folder, made by `comma data build`; `--data` replaces it."""
    folds: tuple[Annotated[int, Field(ge=0, le=4)], ...] = (0, 1, 2, 3, 4)
    """Test folds; every model is trained once without each."""
    part: Literal["test", "validation"] = "test"
    """On what is scored: `validation` for choices."""
    seed: Annotated[int, Field(ge=0)] = 0
    """A model of fold k is trained with seed + k."""
    common: Mapping[str, Any] = Field(default_factory=dict)
    """Settings of every model's run, as `comma align config` explains them: what is matched. Name, data, seed and test
    fold are the study's own."""
    models: Mapping[Name, Model] = Field(default_factory=dict)
    """Name -> model; none scores the baselines alone."""
    tasks: Mapping[Name, Task]
    """Name -> task."""
    primary: tuple[Primary, ...] = ()
    """What decides."""
    map: Map = Map()
    """Which vectors are kept."""

    @field_validator("folds")
    @classmethod
    def _folds_once(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value or len(set(value)) < len(value):
            raise ValueError("give at least one fold, each once")
        return value

    @field_validator("tasks")
    @classmethod
    def _some_task(cls, value: Mapping[str, Task]) -> Mapping[str, Task]:
        if not value:
            raise ValueError("give at least one task")
        return value

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        for check in (_models, _tasks, _outcomes, _map):
            check(self)
        return self


def ordered(models: Mapping[str, Model]) -> list[str]:
    """Names of the models, each behind the one that it starts from.

    Raises:
        FaultAt: they start from each other in a circle.
    """
    done: list[str] = []
    while len(done) < len(models):
        ready = [n for n, m in models.items() if n not in done and (not m.start or m.start in done)]
        if not ready:
            circle = sorted(set(models) - set(done))
            told = f"{', '.join(circle)} start from each other; let one of them start from nothing"
            raise FaultAt(("models", circle[0], "start"), told)
        done += ready
    return done


def read_study(name: str, settings: Sequence[str] = ()) -> Study:
    """A named study, or the one that a TOML file describes, with `a.b=3` put in place.

    Raises:
        ConfigError: no such name or file, or a fault in it.
    """
    return load(Study, find(name, STUDIES, kind="study"), settings=settings)


def _models(study: Study) -> None:
    """Every model is a run, and starts from what is there."""
    for name, model in study.models.items():
        try:
            run = read_run(model.run, merged(study.common, model.settings))
        except (AppError, ConfigError) as error:
            key = "run" if "no run" in str(error) else "settings"
            raise FaultAt(("models", name, key), str(error).removeprefix("settings: ")) from error
        if model.start:
            _known(model.start, study.models, ("models", name, "start"))
        if run.start and model.start:
            raise FaultAt(
                ("models", name, "start"), "names a model, and settings.start a folder: leave one of them out"
            )
    ordered(study.models)


def _tasks(study: Study) -> None:
    """Every task can be asked, of models that are scored."""
    for name, task in study.tasks.items():
        try:
            needs = [one.task.needs for one in asked(task.task, task.options, task.each)]
        except (AppError, EvalError) as error:
            key = ("task",) if "no task" in str(error) else ()
            raise FaultAt(("tasks", name, *key), str(error)) from error
        if task.part == "all" and any(need.train is not None for need in needs):
            raise FaultAt(("tasks", name, "part"), "all folds are asked, which leaves none for the lines that learn")
        for model in task.models:
            _known(model, _scored(study), ("tasks", name, "models"))
            if not all(answers(study, model, need) for need in needs):
                told = f"was trained to tell {supervised(study, model)!r} and nothing else: {task.task} cannot ask it"
                raise FaultAt(("tasks", name, "models"), f"{model!r} {told}; leave it out")


def _outcomes(study: Study) -> None:
    """Every outcome is one of a task and a model of the study."""
    for number, outcome in enumerate(study.primary):
        _known(outcome.task, study.tasks, ("primary", str(number), "task"))
        _known(_asked_model(outcome.model, _scored(study)), _scored(study), ("primary", str(number), "model"))


def _asked_model(answer: str, models: Sequence[str]) -> str:
    """The model whose answer it is, or what was named where it is no model's."""
    return next((name for name in models if belongs(answer, name)), answer)


def _map(study: Study) -> None:
    """Vectors are kept of modalities that a model has."""
    there = sorted({m for name in _scored(study) for m in base_run(study, name).modalities})
    for name in study.map.modalities:
        _known(name, there, ("map", "modalities"))


def _scored(study: Study) -> list[str]:
    return [name for name, model in study.models.items() if model.scored]


def _known(name: str, known: Mapping[str, Any] | Sequence[str], key: Key) -> None:
    if name not in known:
        raise FaultAt(key, f"no {name!r}{did_you_mean(name, list(known))}; known: {', '.join(known)}")
