"""TOML files <-> pydantic models, with errors that name file, line, key and the nearest valid key."""

import copy
import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from comma_data.errors import ConfigError
from comma_data.nearest import did_you_mean

Model = TypeVar("Model", bound=BaseModel)

LARGEST = 1_000_000
"""Bytes of a configuration file."""

_HEADER = re.compile(r"\s*\[\[?\s*([^\]]+?)\s*\]\]?")
_KEY = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")
_BARE = re.compile(r"[A-Za-z0-9_-]+")

_UNQUOTED = re.compile(r"\s*([A-Za-z0-9_.-]+)\s*=\s*([A-Za-z_./][\w./-]*)\s*(?:#.*)?")

Key = tuple[str, ...]
SET = "--set "
"""In front of a fault that a setting of the command line has."""


class FaultAt(ValueError):  # noqa: N818  a validator raises it, and pydantic takes it up
    """A fault that a validator of a table finds at a key inside of it, whose line the message then gives."""

    def __init__(self, key: Key, message: str) -> None:
        super().__init__(message)
        self.key = key


def load(
    model: type[Model], path: Path, *, settings: Sequence[str] = (), synonyms: Mapping[Key, str] = MappingProxyType({})
) -> Model:
    """Read and check a TOML file.

    Args:
        model: What it has to be.
        path: The file.
        settings: `a.b=3`, each put in place of what the file says.
        synonyms: What people write, as `("micrographs", "labels")` -> the key that they mean.

    Raises:
        ConfigError: The message names the file, the line, the key and what would be valid.
    """
    text = _text(path)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_syntax(path, text, str(error), model)) from error
    values = set_values(values, settings)
    return check(model, values, path=str(path), text=text, settings=settings, synonyms=synonyms)


def check(  # noqa: PLR0913 - what messages need
    model: type[Model],
    values: Mapping[str, Any],
    *,
    path: str = "configuration",
    text: str = "",
    settings: Sequence[str] = (),
    synonyms: Mapping[Key, str] = MappingProxyType({}),
) -> Model:
    """The model of these values.

    Args:
        model: What they have to be.
        values: Nested mappings.
        path: Where they come from, for messages.
        text: The file they come from: messages then give the line.
        settings: What `set_values` put into them.
        synonyms: As of `load`.

    Raises:
        ConfigError: One line for each fault.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        lines = key_lines(text)
        chosen = {_split_setting(s)[0] for s in settings}
        faults = [_fault(model, fault, lines, chosen, synonyms) for fault in error.errors()]
        # what --set says is no fault of the file
        raise ConfigError("\n".join(f if f.startswith(SET) else f"{path}, {f}" for f in faults)) from error


def set_values(values: Mapping[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """The values with `a.b=3` put in place; what stands behind `=` is TOML, or else a plain string.

    Raises:
        ConfigError: A setting without `=`, or one inside of what is no table.
    """
    changed: dict[str, Any] = copy.deepcopy(dict(values))
    for setting in settings:
        key, value = _split_setting(setting)
        table: Any = changed
        for part in key[:-1]:
            table = _inner(table, part, setting)
        _only_table(table, setting)[key[-1]] = value
    return changed


def _inner(table: Any, part: str, setting: str) -> Any:
    """What stands under a key: a table, or a list of tables, of which a number names one."""
    if isinstance(table, list) and part.isdigit() and int(part) < len(table):
        return table[int(part)]
    inner = _only_table(table, setting).setdefault(part, {})
    if not isinstance(inner, dict) and not (isinstance(inner, list) and all(isinstance(i, dict) for i in inner)):
        raise ConfigError(f"--set {setting}: {part} is a value, not a table")
    return inner


def _only_table(table: Any, setting: str) -> dict[str, Any]:
    """The table, or the one table of a list."""
    if isinstance(table, dict):
        return table
    if len(table) != 1:
        raise ConfigError(f"--set {setting}: there are {len(table)} such tables; number one, e.g. structures.0.path=x")
    return table[0]


def dump_toml(model: BaseModel) -> str:
    """The model as TOML, every key; one whose value is None becomes a comment. `load` reads it back to an equal one."""
    return "\n".join(_table_lines(model.model_dump(mode="json"), ())).strip() + "\n"


def find(name: str, folder: Path, *, kind: str = "configuration") -> Path:
    """The file that NAME or PATH means: a path where it ends in `.toml` or names a folder, else a named one.

    Raises:
        ConfigError: No such name; the message has the nearest and all.
    """
    if name.endswith(".toml") or "/" in name or "\\" in name:
        return Path(name)
    known = sorted(path.stem for path in folder.glob("*.toml"))
    if name not in known:
        raise ConfigError(f"no {kind} {name!r}{_meant(name, known)}; known: {', '.join(known)}; or give a .toml file")
    return folder / f"{name}.toml"


def key_lines(text: str) -> dict[Key, int]:
    """Key -> the line of a TOML text that sets it (first line 1); a table stands at its header."""
    lines: dict[Key, int] = {}
    table: Key = ()
    several: Counter[Key] = Counter()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _parts(header[1])
            if line.lstrip().startswith("[["):
                several[table] += 1
                lines.setdefault(table, number)
                table = (*table, str(several[table] - 1))
            elif several[table[:1]]:  # a table inside of the last one of a list
                table = (table[0], str(several[table[:1]] - 1), *table[1:])
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault((*table, *_parts(key[1])), number)
    return lines


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise ConfigError(f"{path}, line 1: more than {LARGEST} bytes: not a configuration")
        return path.read_text(encoding="utf-8-sig")  # editors of Windows put a byte order mark in front
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 (byte {error.start}); save it as UTF-8") from error


def _syntax(path: Path, text: str, message: str, model: type[BaseModel]) -> str:
    """A message for text that is no TOML; the key that stands in the line is compared with the valid ones."""
    found = re.search(r"line (\d+)", message)
    lines = text.splitlines()
    number = int(found[1]) if found else max(1, len(lines))
    line = lines[number - 1] if number <= len(lines) else ""
    word = _PART.search(line)
    hint = _meant(word[0], _all_keys(model)) if word else f"; keys are {', '.join(model.model_fields)}"
    if bare := _UNQUOTED.fullmatch(line):
        hint = f'; put text in quotes: {bare[1]} = "{bare[2]}"'
    return f"{path}, line {number}: not TOML: {message}{hint}"


def _fault(
    model: type[BaseModel],
    fault: Any,
    lines: Mapping[Key, int],
    chosen: Iterable[Key],
    synonyms: Mapping[Key, str],
) -> str:
    location = tuple(str(part) for part in fault["loc"])
    if len(location) > 1 and location[1] == "0" and (*location[:1], "0") not in lines and _is_table(lines, location[0]):
        location = (location[0], *location[2:])  # one table that stands for a list of one
    inside = fault.get("ctx", {}).get("error")
    if isinstance(inside, FaultAt):
        location += inside.key
        return f"{_where(location, lines, chosen)}: {'.'.join(location)}: {inside}"
    key = ".".join(location) or "file"
    where = _where(location, lines, chosen)
    valid = sorted(_fields(model, location[:-1]))
    if fault["type"] == "extra_forbidden":
        word, table = location[-1], ".".join((*location[:-1], "")) if where.startswith(SET) else ""
        word = synonyms.get(tuple(part for part in location if not part.isdigit()), word)
        elsewhere = [] if did_you_mean(word, valid) else [p for p in _paths(model) if p.endswith(f".{word}")]
        meant = _meant(word, elsewhere) or _meant(table + word, [table + v for v in valid])
        return f"{where}: unknown key {key!r}{meant}; valid: {', '.join(valid)}"
    if fault["type"] == "missing":
        return f"{where}: key {key!r} is missing; valid: {', '.join(valid)}"
    return f"{where}: {key} = {fault['input']!r:.80}: {fault['msg']}"


def _is_table(lines: Mapping[Key, int], name: str) -> bool:
    """Whether the file has a header of this name, or one inside of it."""
    return any(key[:1] == (name,) and len(key) > 1 for key in lines)


def _where(location: Key, lines: Mapping[Key, int], chosen: Iterable[Key]) -> str:
    for length in range(len(location), 0, -1):
        if location[:length] in chosen:
            return f"{SET}{'.'.join(location[:length])}"
        if location[:length] in lines:
            return f"line {lines[location[:length]]}"
        inner = [line for key, line in lines.items() if key[:length] == location[:length]]
        if inner:  # a table that only headers of its sub-tables name
            return f"line {min(inner)}"
    return "line 1"


def _fields(model: type[BaseModel], location: Key) -> list[str]:
    """Keys that the table at a location can have; numbers count the tables of a list."""
    location = tuple(part for part in location if not part.isdigit())
    if not location:
        return list(model.model_fields)
    info = model.model_fields.get(location[0])
    inner = _models(info.annotation) if info else []
    return [name for m in inner for name in _fields(m, location[1:])] if inner else list(model.model_fields)


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Models inside of an annotation such as `tuple[Model, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _all_keys(model: type[BaseModel]) -> list[str]:
    inner = [key for info in model.model_fields.values() for m in _models(info.annotation) for key in _all_keys(m)]
    return [*model.model_fields, *inner]


def _paths(model: type[BaseModel]) -> list[str]:
    """All keys with the tables in which they stand, the outermost first: `max_atoms` is `guard.max_atoms`."""
    inner = [
        f"{name}.{path}"
        for name, info in model.model_fields.items()
        for m in _models(info.annotation)
        for path in _paths(m)
    ]
    return [*model.model_fields, *inner]


def _meant(word: str, known: Sequence[str]) -> str:
    return did_you_mean(word, known, cutoff=0.0)


def _split_setting(setting: str) -> tuple[Key, Any]:
    name, equals, value = setting.partition("=")
    key = _parts(name)
    if not equals or not key:
        raise ConfigError(f"--set {setting}: write KEY=VALUE, e.g. guard.max_atoms=500")
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except (tomllib.TOMLDecodeError, KeyError):
        return key, value


def _parts(dotted: str) -> Key:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


def _table_lines(table: Mapping[str, Any], path: Key) -> list[str]:
    """Plain values first: behind a header they would belong to the inner table."""
    inner = {k: v for k, v in table.items() if isinstance(v, Mapping)}
    lines = [
        f"# {_key(k)}: not set" if v is None else f"{_key(k)} = {_value(v)}" for k, v in table.items() if k not in inner
    ]
    for name, value in inner.items():
        lines += ["", f"[{'.'.join(_key(part) for part in (*path, name))}]", *_table_lines(value, (*path, name))]
    return lines


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items() if v is not None) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)
