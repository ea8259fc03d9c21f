"""What a modality is, and how one is found.

A modality is one folder under `modalities/` whose `__init__` holds `MODALITY`; another installed package adds one
through the entry-point group `comma.modalities`. Nothing is registered by an import.
"""

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from comma_encoders import modalities
from comma_encoders.errors import MissingDependencyError, UsageError

ENTRY_POINTS = "comma.modalities"


@dataclass(frozen=True, kw_only=True)
class File:
    """A file of a model folder beside the weights, such as a vocabulary."""

    content: str
    suffix: str
    """How its name ends, `.json`."""


def no_files(_config: Any) -> Mapping[str, File]:
    """The modality keeps nothing but weights."""
    return {}


def readable(_value: Any, _config: Any) -> None:
    """Every raw value that can be collated says something."""


def same(config: Any) -> Any:
    """The config itself: building the encoder needs nothing from elsewhere."""
    return config


@dataclass(frozen=True, kw_only=True)
class Modality:
    """A record of functions: all that the rest of COMMA knows of a modality.

    The functions are given by `lazy`, so that reading a `Config` costs no import of torch.
    """

    name: str
    """The field key, folder, config section and label in tables."""
    group: str
    """The finest group that a value identifies: `material` (a polymorph) or `formula`."""
    Config: type
    """Frozen dataclass with defaults for every field; its attribute docstrings are the manual."""
    example: Callable[..., Any]
    """(rng) -> a random raw value, for tests and trials."""
    coerce: Callable[..., Any]
    """(object) -> raw value, from what users have; raises `InputError`."""
    augment: Callable[..., Any]
    """(raw value, rng, strength) -> raw value; strength 1 is the usual one, 0 changes nothing."""
    collate: Callable[..., Any]
    """(raw values, config) -> `Inputs`; raises `InputError` for a value that would crash or hang."""
    Encoder: Callable[..., Any]
    """(config) -> module from `Inputs` to (values, module.width)."""
    ensure_read: Callable[[Any, Any], None] = readable
    """(raw value, config) -> nothing; raises `InputError` for a value that a user gives and that the encoder would read
    nothing of. Parts of values, and those of a data set, are not asked."""
    files: Callable[[Any], Mapping[str, File]] = no_files
    """(config) -> config field -> file: what a model folder has to keep beside the weights. Where a folder is loaded,
    the field holds the content, so that a model stays what it is when files change or go."""
    own: Callable[[Any], Any] = same
    """(config) -> the same with the content of files in place of their paths, where that changes nothing else."""
    bare: Callable[[Any], Any] = same
    """(config of a folder) -> the config of the same encoder that needs nothing from elsewhere, no weights either;
    raises `InputError` for one that asks for it."""
    Pretext: Callable[..., Any] | None = None
    """(encoder, config) -> module that pre-trains the encoder on its modality alone; None where there is no such task.

    Its `forward(inputs: Inputs, rng: torch.Generator) -> dict[str, Float[Tensor, ""]]` corrupts collated inputs at
    random, runs the encoder, and gives a loss for each thing that is predicted; a trainer sums them. All chance comes
    from `rng`, a generator of the CPU. Its parameters are the prediction heads alone, never the encoder's.
    """
    parts: Callable[..., Any] | None = None
    """(raw value, config) -> `comma_encoders.parts.Parts`: what of a value can be left out or faded, for attributions;
    None where a value has no parts."""


def lazy(package: str, target: str) -> Callable[..., Any]:
    """The function `module:name` of a package, imported when it is first called."""
    module, _, name = target.partition(":")

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            function = getattr(importlib.import_module(f".{module}", package), name)
        except ImportError as error:
            raise MissingDependencyError(
                f"the modality {package.rpartition('.')[2]!r} needs a package that cannot be imported here ({error}). "
                "Remedy: pip install --upgrade comma-encoders"
            ) from error
        return function(*args, **kwargs)

    call.__name__ = call.__qualname__ = name
    return call


def _locations() -> dict[str, str]:
    """Modality name -> the module that holds its `MODALITY`."""
    own = {m.name: f"{modalities.__name__}.{m.name}" for m in pkgutil.iter_modules(modalities.__path__) if m.ispkg}
    return own | {entry.name: entry.value for entry in entry_points(group=ENTRY_POINTS) if entry.name not in own}


def names() -> tuple[str, ...]:
    """The known modalities, sorted; found by looking into the folder, so an added one is there at once."""
    return tuple(sorted(_locations()))


@cache
def get(name: str) -> Modality:
    """The modality of that name.

    Raises:
        UsageError: no such modality; the message lists the known ones and the nearest.
    """
    location = _locations().get(name)
    if location is None:
        near = difflib.get_close_matches(name, names(), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UsageError(f"unknown modality {name!r}; known are {', '.join(names())}.{hint}")
    modality: Modality = importlib.import_module(location).MODALITY
    return modality


def about(name: str) -> str:
    """What a modality is, in one line: the first of its folder's docstring."""
    get(name)
    doc = importlib.import_module(_locations()[name]).__doc__ or name
    return doc.strip().splitlines()[0]


def examples(name: str, count: int, seed: int = 0) -> Sequence[Any]:
    """Random raw values of a modality, for tests and trials."""
    import numpy as np  # noqa: PLC0415  numpy is not needed to list modalities

    rng = np.random.default_rng(seed)
    return [get(name).example(rng) for _ in range(count)]
