"""Tasks of comma-eval by name, with options that are checked before anything is trained."""

import importlib
import pkgutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from itertools import product
from typing import Any, get_origin, get_type_hints

import comma_eval.tasks
from comma_data.nearest import did_you_mean
from comma_eval.task import Task
from pydantic import TypeAdapter, ValidationError

from comma_app.study.errors import StudyError


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A task with its options, as it is asked once."""

    task: Task[Any]
    labels: Mapping[str, str]
    """What tells it from the same task with other values."""


def names() -> list[str]:
    """Tasks: modules of `comma_eval.tasks` with a class of their name."""
    found = (module.name for module in pkgutil.iter_modules(comma_eval.tasks.__path__))
    return sorted(name for name in found if _kind(name) is not None)


def _kind(name: str) -> type | None:
    module = importlib.import_module(f"comma_eval.tasks.{name}")
    kind = getattr(module, "".join(part.title() for part in name.split("_")), None)
    return kind if isinstance(kind, type) and is_dataclass(kind) and hasattr(kind, "run") else None


def asked(name: str, options: Mapping[str, Any], each: Mapping[str, Sequence[str | int | float]]) -> Iterator[Asked]:
    """The task once for each combination of the values of `each`.

    Raises:
        StudyError: no such task or option, or a value that an option cannot have; with the nearest known.
        comma_eval.errors.UsageError: a value that the task refuses.
    """
    if twice := sorted(options.keys() & each.keys()):
        raise StudyError(f"{twice[0]!r} stands in `options` and in `each`: leave it in one of them")
    lists = _lists(name)
    for chosen in product(*each.values()):
        values = dict(zip(each, chosen, strict=True))
        several = {key: (value,) if key in lists else value for key, value in values.items()}
        yield Asked(
            task=task_of(name, {**options, **several}), labels={key: f"{value}" for key, value in values.items()}
        )


def _lists(name: str) -> Collection[str]:
    """Options of a task that take several values, of which `each` gives one."""
    kind: Any = _kind(name) if name in names() else None
    if kind is None:
        return ()
    hints = get_type_hints(kind)
    return [field.name for field in fields(kind) if get_origin(hints[field.name]) is tuple]


def task_of(name: str, options: Mapping[str, Any]) -> Task[Any]:
    """A task with these options; see `asked` for what is refused."""
    known = names()
    if name not in known:
        raise StudyError(f"no task {name!r}{did_you_mean(name, known)}; known: {', '.join(known)}")
    kind: Any = _kind(name)
    valid = [field.name for field in fields(kind) if field.init]
    for key in options:
        if key not in valid:
            hint = did_you_mean(key, valid, cutoff=0.0)
            raise StudyError(f"{name} has no option {key!r}{hint}; valid: {', '.join(valid) or 'none'}")
    try:
        task: Task[Any] = TypeAdapter(kind).validate_python(dict(options))
    except ValidationError as error:
        fault = error.errors()[0]
        raise StudyError(f"{name}, option {'.'.join(map(str, fault['loc']))}: {fault['msg']}") from error
    return task
