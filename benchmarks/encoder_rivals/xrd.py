"""Crystal system from a simulated pattern: the xrd encoder beside the nearest neighbour by cosine.

One pattern for each of 6,000 crystals to learn from, under ordinary conditions; the formulas of test are in no other
part. Two sets of test patterns of the same crystals: under conditions drawn as in training, and under conditions whose
zero shift, crystallite size, strain and counts all lie outside the ranges of training. Validation has the same sets.
The neighbour searches the patterns that the encoder learns from; a second one searches these and four variants of each,
made by the same augmentation that the encoder has. The kind of network and the reach of the augmentation were chosen
on the validation fold with one seed and six epochs.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from comma_data.simulate.xrd import pattern
from comma_encoders.modality import get
from torch import Tensor
from torch.nn import functional

from benchmarks.encoder_rivals.common import accuracy, macro_f1, scored
from benchmarks.encoder_rivals.loop import Probe, Recipe, once, predict, task, train
from benchmarks.encoder_rivals.materials import Material, materials
from benchmarks.results_form import row

COUNTS = {"train": 6000, "validation": 1500, "test": 2000}
SMOKE = {"train": 120, "validation": 40, "test": 40}
SYSTEMS = ("cubic", "hexagonal", "monoclinic", "orthorhombic", "tetragonal", "triclinic", "trigonal")
SEEDS = (0, 1, 2)
RECIPE = Recipe(epochs=12)
COPIES = 4
"""Variants of each training pattern in the second neighbour's gallery."""

ENCODER = "comma xrd encoder"

Rows = list[dict[str, Any]]
Metric = Callable[[np.ndarray, np.ndarray], float]


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """Ranges from which what the specimen and the instrument do is drawn, evenly or evenly in logarithms."""

    shift: tuple[float, float]
    """Size of the zero shift, degrees, of either sign."""
    size_nm: tuple[float, float]
    """Crystallite size, in logarithms."""
    strain: tuple[float, float]
    counts: tuple[float, float]
    """At the maximum, in logarithms."""
    background: tuple[float, float] = (0.0, 0.1)


INSIDE = Conditions(shift=(0.0, 0.1), size_nm=(20.0, 100.0), strain=(0.0, 0.002), counts=(300.0, 10_000.0))
OUTSIDE = Conditions(shift=(0.1, 0.3), size_nm=(5.0, 20.0), strain=(0.002, 0.006), counts=(30.0, 300.0))
BOTH = {"inside": INSIDE, "outside": OUTSIDE}


def rows(data: Path, *, smoke: bool) -> Rows:
    """All figures of this part."""
    found = materials(data, SMOKE if smoke else COUNTS)
    patterns = {"train": recorded(found["train"], INSIDE, 1)}
    for part, seed in (("validation", 2), ("test", 4)):
        for i, (name, under) in enumerate(BOTH.items()):
            patterns[f"{part} {name}"] = recorded(found[part], under, seed + i)
    targets = {part: classes(crystals) for part, crystals in found.items()}
    formulas = [crystal.formula for crystal in found["test"]]
    answers = list(_answers(patterns, targets["train"], smoke=smoke))
    return [*_validation(answers, targets), *_scores(answers, targets["test"].numpy(), formulas)]


def recorded(crystals: Sequence[Material], under: Conditions, seed: int) -> list[Any]:
    """A pattern of each crystal under conditions of its own."""
    found = []
    for i, crystal in enumerate(crystals):
        rng = np.random.default_rng([seed, i])
        made = pattern(
            crystal.structure,
            size_nm=_log_uniform(rng, under.size_nm),
            strain=rng.uniform(*under.strain),
            counts=_log_uniform(rng, under.counts),
            background=rng.uniform(*under.background),
            seed=int(rng.integers(2**31)),
        )
        shift = rng.uniform(*under.shift) * rng.choice([-1, 1])
        found.append({**made, "two_theta": made["two_theta"] + shift})
    return found


def _log_uniform(rng: np.random.Generator, between: tuple[float, float]) -> float:
    return float(np.exp(rng.uniform(*np.log(between))))


def classes(crystals: Sequence[Material]) -> Tensor:
    """Codes of the crystal systems."""
    return torch.tensor([SYSTEMS.index(crystal.system) for crystal in crystals])


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What one model says of every set of patterns."""

    model: str
    seed: int
    classes: dict[str, np.ndarray]


def _answers(patterns: dict[str, list[Any]], targets: Tensor, *, smoke: bool) -> Iterator[Answers]:
    config = get("xrd").Config()
    asked = {name: values for name, values in patterns.items() if name != "train"}
    yield Answers(model="1-NN by cosine", seed=0, classes=_nearest(patterns["train"], targets, asked))
    functions, rng = get("xrd"), np.random.default_rng(0)
    varied = [functions.augment(v, rng, RECIPE.strength) for _ in range(COPIES) for v in patterns["train"]]
    gallery = [*patterns["train"], *varied]
    more = _nearest(gallery, targets.repeat(COPIES + 1), asked)
    yield Answers(model="1-NN by cosine, augmented gallery", seed=0, classes=more)
    recipe = Recipe(epochs=1) if smoke else RECIPE
    for seed in SEEDS[: 1 if smoke else None]:
        key = f"xrd {config} {recipe} {INSIDE} {OUTSIDE} {len(targets)} seed {seed}"
        found = once(key, partial(_trained, patterns["train"], targets, asked, recipe, seed))
        parts = np.split(found, np.cumsum([len(values) for values in asked.values()])[:-1])
        yield Answers(model=ENCODER, seed=seed, classes=dict(zip(asked, parts, strict=True)))


def _trained(
    known: Sequence[Any], targets: Tensor, asked: dict[str, list[Any]], recipe: Recipe, seed: int
) -> np.ndarray:
    """The classes that a trained encoder gives all patterns asked, one set after the other."""
    torch.manual_seed(seed)
    config = get("xrd").Config()
    model = Probe(get("xrd").Encoder(config), len(SYSTEMS))
    work = task("xrd", config, known, targets, recipe.strength)
    train(model, work, recipe, loss=functional.cross_entropy, seed=seed)
    return np.concatenate([predict(model, values, work.collate).argmax(axis=1) for values in asked.values()])


def _nearest(gallery: Sequence[Any], targets: Tensor, asked: dict[str, list[Any]]) -> dict[str, np.ndarray]:
    """The class of the nearest pattern in the gallery, by the cosine of the intensities that the encoder sees."""
    known = _directions(gallery)
    return {name: targets[_directions(v).matmul(known.T).argmax(dim=1)].numpy() for name, v in asked.items()}


def _directions(values: Sequence[Any]) -> Tensor:
    functions = get("xrd")
    return functional.normalize(functions.collate(values, functions.Config())["pattern"][:, 0], dim=1)


def _validation(answers: Sequence[Answers], targets: dict[str, Tensor]) -> Iterator[dict[str, Any]]:
    """What choices were made by: no intervals."""
    truth = targets["validation"].numpy()
    for one in answers:
        for name in BOTH:
            labels: dict[str, Any] = {"model": one.model, "seed": one.seed, "split": "validation", "conditions": name}
            yield row("accuracy", accuracy(truth, one.classes[f"validation {name}"]), n=len(truth), **labels)


def _scores(answers: Sequence[Answers], truth: np.ndarray, formulas: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Test scores, and the encoder's gains over each neighbour, paired by pattern."""
    rivals = [one for one in answers if one.model != ENCODER]
    for name in BOTH:
        for metric, score in (("accuracy", accuracy), ("macro F1", macro_f1)):
            for one in answers:
                said = one.classes[f"test {name}"]
                labels: dict[str, Any] = {"model": one.model, "seed": one.seed, "split": "test", "conditions": name}
                yield scored(metric, partial(_score, score, truth, said), formulas, **labels)
                for rival in rivals if one.model == ENCODER else ():
                    gain = partial(_gain, score, truth, said, rival.classes[f"test {name}"])
                    yield scored(f"{metric}, difference", gain, formulas, rival=rival.model, **labels)


def _score(score: Metric, truth: np.ndarray, said: np.ndarray, items: np.ndarray) -> float:
    return score(truth[items], said[items])


def _gain(score: Metric, truth: np.ndarray, ours: np.ndarray, theirs: np.ndarray, items: np.ndarray) -> float:
    return score(truth[items], ours[items]) - score(truth[items], theirs[items])
