"""Text-mined recipes in the schema of Kononova et al., Scientific Data 6, 203 (2019), solid-state and sol-gel."""

import hashlib
import json
import lzma
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from comma_data.conditions import ConditionError, celsius, clean, hours, names
from comma_data.errors import DataError
from comma_data.folder_files import files_below
from comma_data.formulas import classify, reduced
from comma_data.names import names_target
from comma_data.own_files import is_own
from comma_data.pool import Engine, Serial, TooSlowError, time_limit
from comma_data.protocol import Operation, Protocol, steps
from comma_data.sample import Record, Refusal

SOURCE = "recipes"
Item = tuple[str, Mapping[str, Any], str]
"""(key, recipe, method); the method is also the name of the file without its endings."""
LARGEST = 2 * 2**30
"""Bytes that a compressed file may unpack to."""
LONGEST = 5.0
"""Seconds that one recipe may take."""

ROUNDING = 1e-3
"""Atomic fractions of a target's formula and of the release's composition differ by less."""

KINDS: Mapping[str, str] = {
    "Mixing": "mix",
    "MixingOperation": "mix",
    "LiquidGrinding": "mix",
    "SolutionMixing": "mix",
    "HeatingOperation": "heat",
    "DryingOperation": "dry",
    "ShapingOperation": "shape",
    "QuenchingOperation": "quench",
    "StartingSynthesis": "start",
}
"""Type of an operation in the release -> `Operation.kind`."""


def read(
    path: Path,
    *,
    engine: Engine = Serial(),  # noqa: B008 - frozen
) -> Iterator[Record | Refusal]:
    """Recipes in the order of the files; the key is the file's name in the folder and the recipe's number in it.

    A recipe is refused with the code `target-variable`, `target-composite` or `target-unparsable` where its target is
    no formula with fixed amounts, `target-doped` where the release names additives, `target-doubtful` where the
    release states another composition of the target than its formula, `unknown-unit`, `bad-number` or `bad-text`
    where a condition cannot be read, `bad-schema`, `too-costly` and `parser-died`.

    Args:
        path: A `.json` or `.json.xz` file, or a folder that is searched with all below it.
        engine: What works on the recipes.

    Raises:
        DataError: The path does not exist, or a file is no JSON of this schema.
    """
    yield from engine.map(_parse, _items(path), on_death=_died)


def reads(file: Path, **_: object) -> bool:
    """Whether a file of this name is read where it stands in the source's folder."""
    return file.name.endswith((".json", ".json.xz"))


def _items(path: Path) -> Iterator[Item]:
    for file in _files(path):
        method = file.name.split(".")[0]
        name = method if file == path else file.relative_to(path).with_name(method).as_posix()
        for number, recipe in enumerate(_reactions(file)):
            yield f"{name}-{number:05d}", recipe, method


def _parse(item: Item) -> Record | Refusal:
    key, recipe, method = item
    refused = partial(Refusal, source=SOURCE, key=key)
    try:
        with time_limit(LONGEST):
            return _record(key, recipe, method)
    except ConditionError as error:
        return refused(code=error.code, message=f"{key}: {error}")
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        return refused(code="bad-schema", message=f"{key}: not in the schema of the release ({error!r:.200})")
    except (TooSlowError, MemoryError, RecursionError) as error:
        return refused(code="too-costly", message=f"{key}: reading {error}")


def _died(item: Item) -> Refusal:
    message = f"{item[0]}: the process that read it died; report the recipe to comma-data"
    return Refusal(source=SOURCE, key=item[0], code="parser-died", message=message)


def _files(path: Path) -> list[Path]:
    found = [path] if path.is_file() else [file for file in files_below(path) if reads(file) and not is_own(file)]
    if not found:
        raise DataError(f"{path}: no .json or .json.xz file of recipes here")
    return found


def _reactions(file: Path) -> list[dict[str, Any]]:
    try:
        with lzma.open(file) if file.name.endswith(".xz") else file.open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except (lzma.LZMAError, EOFError, OSError) as error:
        raise DataError(f"{file}: damaged or unreadable ({error}); fetch it again") from error
    if len(data) > LARGEST:
        raise DataError(f"{file}: unpacks to more than {LARGEST} bytes")
    try:
        document = json.loads(data)
        reactions = document["reactions"] if isinstance(document, dict) else document
    except (ValueError, KeyError, RecursionError) as error:
        raise DataError(f"{file}: not JSON with a list `reactions` ({error})") from error
    if not isinstance(reactions, list):
        raise DataError(f"{file}: `reactions` is no list")
    return reactions


def _record(key: str, recipe: Mapping[str, Any], method: str) -> Record | Refusal:
    target = recipe["target"]
    formula = _target_formula(target)
    if not isinstance(formula, str):
        code, message = formula
        return Refusal(source=SOURCE, key=key, code=code, message=message)
    spellings = {target.get(name) or "" for name in ("material_string", "material_name", "material_formula")}
    operations = tuple(_operation(o, spellings - {""}) for o in recipe["operations"])
    protocol = Protocol(
        target=formula,
        precursors=tuple(dict.fromkeys(clean(p["material_formula"]) for p in recipe["precursors"])),
        operations=operations,
        amounts=_amounts(recipe.get("reaction") or {}),
        method=clean(recipe.get("synthesis_type") or method),
    )
    doi = clean(str(recipe["doi"] or ""))  # of null: recipes without a DOI must not share one
    excerpt = str(recipe.get("paragraph_string") or "")
    told = excerpt if excerpt or doi else _rendered(protocol)
    return Record(
        source=SOURCE,
        key=key,
        modality="text",
        value=protocol,
        formula=formula,
        provenance={
            "origin": "text-mined",
            "recipe": key,
            "doi": doi,
            "paragraph": hashlib.sha256(told.encode()).hexdigest()[:16] if told else "",
        },
    )


def _rendered(protocol: Protocol) -> str:
    """What is told of a recipe that has neither DOI nor excerpt: its origin, without which no audit could see it."""
    return "\n".join(steps(protocol, "precursors") or steps(protocol, "amounts"))


def _target_formula(target: Mapping[str, Any]) -> str | tuple[str, str]:
    """The reduced formula of a target, or (code, message)."""
    text = target["material_string"]
    formula = classify(text)
    if not formula.amounts:
        return f"target-{formula.kind}", f"{text!r} is no formula with fixed amounts"
    if target.get("additives"):
        return "target-doped", f"{text!r}: the release names additives {target['additives']!r}"
    parts: list[Mapping[str, Any]] = target.get("composition") or []
    if formula.kind == "plain" and not (len(parts) == 1 and _agrees(formula.amounts, parts[0]["elements"])):
        return "target-doubtful", f"{text!r}: the release states another composition or none ({parts!r:.120})"
    return reduced(formula.amounts)


def _agrees(amounts: Mapping[str, float], stated: Mapping[str, str]) -> bool:
    """Whether the atomic fractions are those of the release, which rounds amounts to three decimals."""
    try:
        numbers = {element: float(amount) for element, amount in stated.items() if float(amount)}
    except ValueError:  # an amount such as `1-x`
        return False
    if numbers.keys() != amounts.keys():
        return False
    ours, theirs = sum(amounts.values()), sum(numbers.values())
    return all(abs(amounts[e] / ours - numbers[e] / theirs) < ROUNDING for e in amounts)


def _operation(operation: Mapping[str, Any], target: set[str]) -> Operation:
    conditions = operation.get("conditions") or {}

    def told(name: str) -> tuple[str, ...]:
        return tuple(n for n in names(conditions.get(name)) if not any(_mentions(n, t) for t in target))

    return Operation(
        kind=KINDS.get(operation["type"], "other"),
        word=clean(operation["token"]),
        temperatures=celsius(conditions.get("heating_temperature")),
        hours=hours(conditions.get("heating_time")),
        atmospheres=told("heating_atmosphere"),
        media=told("mixing_media"),
        device=", ".join(told("mixing_device")) or None,
    )


def _mentions(name: str, target: str) -> bool:
    return name.casefold() == target.casefold() or names_target(name, target)


def _amounts(reaction: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    """(material, moles) of the left side where every amount is a number."""
    parts = [(clean(side["material"]), str(side["amount"])) for side in reaction.get("left_side") or ()]
    numeric = all(amount.replace(".", "", 1).isdigit() for _, amount in parts)
    return tuple((name, float(amount)) for name, amount in parts) if numeric else ()
