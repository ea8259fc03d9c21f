"""The image encoder beside the same backbone without its scale and without its handling of bit depth.

The rival gets what a plain pipeline for photographs would give it: the high byte of each pixel, grey levels from 0 to
255 brought to -1 to 1 without looking at the picture, the whole picture resized, and no scale.

`stem2d`: the five lattice classes of the simulated 2-D set. Its pictures were drawn as figures of one size, 8 bits
deep, and no scale is known, so all that the encoder can do better is percentile scaling and the choice of view. No
material, and no picture that another equals byte by byte, is on both sides of a fold; the five test folds are pooled.

`haadf`: micrographs of Materials Project crystals, simulated at known scales and different fields of view, whose grey
levels take a small part of 16 bits: the class of the plane lattice seen along the beam, and the length of its shortest
vector in nm (one model, two outputs). Test formulas are in no other part. Rows in between leave out one of the two.
What our encoder sees, its view, is chosen by the accuracy of one seed on the validation fold: for `stem2d` the fold
after the test fold, for each test fold anew, for `haadf` the validation formulas. The rival sees the whole picture.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from comma_data.sample import Record
from comma_data.sources import micrographs
from comma_data.split import FOLDS, fold
from comma_encoders.modalities.image.config import Config
from torch import Tensor

from benchmarks.encoder_rivals.common import accuracy, macro_f1, scored
from benchmarks.encoder_rivals.loop import Recipe, once
from benchmarks.encoder_rivals.materials import materials
from benchmarks.encoder_rivals.micrographs import Shown, shown
from benchmarks.encoder_rivals.pictures import Model, Pictures, answers
from benchmarks.encoder_rivals.plane_lattices import LATTICES
from benchmarks.results_form import row

SEEDS = (0, 1, 2)
COUNTS = {"train": 2400, "validation": 800, "test": 1000}
SMOKE = {"train": 60, "validation": 20, "test": 30}
STEM2D = Recipe(epochs=30, batch=32, crop=True)
HAADF = Recipe(epochs=12, batch=32)
OURS, RIVAL = "comma image encoder", "same backbone, no scale, no depth"

VIEWS = (Config(), Config(view="native"))
SCALED_VIEWS = (*VIEWS, Config(view="native", nm_per_pixel=0.03))
"""Among which the validation fold chooses; nm per pixel only where scales are known."""

Rows = list[dict[str, Any]]
Metric = Callable[[np.ndarray, np.ndarray], float]


def models(config: Config) -> list[Model]:
    """Ours, what lies between, and the rival."""
    whole = Config()
    return [
        Model(name=OURS, config=config),
        Model(name="without scale", config=whole, scale=False),
        Model(name="without depth", config=config, depth=False),
        Model(name=RIVAL, config=whole, scale=False, depth=False),
    ]


# the simulated 2-D set


def stem2d(data: Path) -> tuple[Pictures, list[str]]:
    """The pictures without their white border, and the group of each: its material, or its first equal's."""
    found = [
        item
        for item in micrographs.read(
            data / "micrographs" / "simulated-stem2d.tar.gz",
            origin="simulated",
            pattern=r"(?P<entry>JVASP-\d+)$",
            label_from="folder",
            target="lattice",
            frames="file",
            crop_border=True,
        )
        if isinstance(item, Record)
    ]
    images = [{**r.value, "pixels": halved(r.value["pixels"])} for r in found]
    first: dict[bytes, str] = {}
    groups = [first.setdefault(r.value["pixels"].tobytes(), r.provenance["entry"]) for r in found]
    classes = torch.tensor([int(r.targets["lattice"]) for r in found])
    nothing = torch.full((len(found),), torch.nan)
    return Pictures(images=images, classes=classes, repeats=nothing), groups


def halved(pixels: np.ndarray) -> np.ndarray:
    """Half as many pixels along an edge, which the figures' sampling bears; for the time that training takes."""
    even = pixels[: len(pixels) // 2 * 2, : pixels.shape[1] // 2 * 2].astype(np.float32)
    return even.reshape(len(even) // 2, 2, -1, 2).mean(axis=(1, 3)).round().astype(np.uint8)


def folds_of(classes: Tensor, groups: Sequence[str]) -> np.ndarray:
    """A fold for each picture: groups of each class dealt out in turn, in the order of `comma_data.split.fold`."""
    out = np.zeros(len(groups), dtype=int)
    for label in classes.unique().tolist():
        of_label = sorted({g for g, c in zip(groups, classes.tolist(), strict=True) if c == label}, key=_place)
        out += [of_label.index(g) % FOLDS if c == label else 0 for g, c in zip(groups, classes.tolist(), strict=True)]
    return out


def _place(group: str) -> tuple[int, str]:
    return fold(group), group


def stem2d_rows(data: Path, *, smoke: bool) -> Iterator[dict[str, Any]]:
    """Pooled test folds, each trained on the other four."""
    pictures, groups = stem2d(data)
    folds, truth = folds_of(pictures.classes, groups), pictures.classes.numpy()
    recipe = replace(STEM2D, epochs=1) if smoke else STEM2D
    said = {(name, seed): np.zeros(len(truth), dtype=int) for name in (OURS, RIVAL) for seed in _seeds(smoke=smoke)}
    for k in range(FOLDS):
        config, choice = _view_for(pictures, folds, k, recipe)
        yield from choice
        known, test = pictures.part(np.flatnonzero(folds != k)), pictures.part(np.flatnonzero(folds == k))
        for model in (one for one in models(config) if one.name in {OURS, RIVAL}):
            for seed in _seeds(smoke=smoke):
                answer = partial(answers, model, known, test, recipe, seed)
                found = once(f"stem2d {model} {recipe} fold {k} seed {seed}", answer)
                said[model.name, seed][folds == k] = found[0].astype(int)
    yield from _class_rows(said, truth, groups, task="stem2d lattice", split="five folds pooled")
    most = np.full(len(truth), np.bincount(truth).argmax())
    labels: dict[str, Any] = {"task": "stem2d lattice", "split": "five folds pooled"}
    more = {**labels, "model": "most frequent class", "seed": 0}
    yield scored("accuracy", partial(_score, accuracy, truth, most), groups, **more)


def _seeds(*, smoke: bool) -> tuple[int, ...]:
    return SEEDS[:1] if smoke else SEEDS


def _view_for(pictures: Pictures, folds: np.ndarray, k: int, recipe: Recipe) -> tuple[Config, Rows]:
    """The view for test fold k, chosen on the next fold by models that saw neither, and what was found."""
    after = (k + 1) % FOLDS
    known = pictures.part(np.flatnonzero((folds != k) & (folds != after)))
    asked = pictures.part(np.flatnonzero(folds == after))
    found = []
    for view in VIEWS:
        answer = partial(answers, Model(name=OURS, config=view), known, asked, recipe, 0)
        said = once(f"stem2d {view} {recipe} fold {after} without {k}", answer)
        found.append(accuracy(asked.classes.numpy(), said[0].astype(int)))
    return _best(VIEWS, found, len(asked.images), task="stem2d lattice", fold=after)


def _best(views: Sequence[Config], found: Sequence[float], n: int, **labels: Any) -> tuple[Config, Rows]:
    """The first view of the highest accuracy on the validation fold, and the accuracies as rows."""
    named = [f"{view.view}, {view.nm_per_pixel} nm per pixel" if view.nm_per_pixel else view.view for view in views]
    same: dict[str, Any] = {**labels, "split": "validation", "model": OURS, "seed": 0}
    rows = [row("accuracy", a, n=n, view=name, **same) for name, a in zip(named, found, strict=True)]
    return views[int(np.argmax(found))], rows


# simulated crystals of known scale


def pictured(found: Sequence[Shown]) -> Pictures:
    """Simulated micrographs as pictures with both labels."""
    return Pictures(
        images=[one.image for one in found],
        classes=torch.tensor([LATTICES.index(one.lattice) for one in found]),
        repeats=torch.tensor([one.repeat_nm for one in found]).log(),
    )


def haadf_rows(data: Path, *, smoke: bool) -> Iterator[dict[str, Any]]:
    """Class and repeat on held-out formulas."""
    crystals = materials(data, SMOKE if smoke else COUNTS)
    parts = {part: shown(found, seed) for seed, (part, found) in enumerate(crystals.items(), start=1)}
    known, checked_on, test = (pictured(parts[part]) for part in ("train", "validation", "test"))
    recipe = replace(HAADF, epochs=1) if smoke else HAADF
    asked = pictured([*parts["validation"], *parts["test"]])

    def said_by(model: Model, seed: int) -> np.ndarray:
        key = f"haadf {replace(model, name='')} {recipe} {len(known.images)} seed {seed}"
        return once(key, partial(answers, model, known, asked, recipe, seed))

    first = len(checked_on.images)
    tried = [said_by(Model(name=OURS, config=view), 0)[0, :first].astype(int) for view in SCALED_VIEWS]
    found = [accuracy(checked_on.classes.numpy(), said) for said in tried]
    config, choice = _best(SCALED_VIEWS, found, first, task="haadf plane lattice")
    yield from choice
    keys = [(model, seed) for model in models(config) for seed in _seeds(smoke=smoke)]
    said = {(model.name, seed): said_by(model, seed)[:, first:] for model, seed in keys}
    groups = [one.formula for one in parts["test"]]
    classes = {key: both[0].astype(int) for key, both in said.items()}
    yield from _class_rows(classes, test.classes.numpy(), groups, task="haadf plane lattice", split="test")
    yield from _repeat_rows({key: both[1] for key, both in said.items()}, test.repeats.numpy(), groups)


def rows(data: Path, *, smoke: bool) -> Rows:
    """All figures of this part."""
    return [*stem2d_rows(data, smoke=smoke), *haadf_rows(data, smoke=smoke)]


def _class_rows(
    said: dict[tuple[str, int], np.ndarray], truth: np.ndarray, groups: Sequence[str], **labels: Any
) -> Iterator[dict[str, Any]]:
    for metric, score in (("accuracy", accuracy), ("macro F1", macro_f1)):
        for (name, seed), found in said.items():
            more = {**labels, "model": name, "seed": seed}
            yield scored(metric, partial(_score, score, truth, found), groups, **more)
            if name == OURS:
                gain = partial(_gain, score, truth, found, said[RIVAL, seed])
                yield scored(f"{metric}, difference", gain, groups, rival=RIVAL, **more)


def _repeat_rows(
    said: dict[tuple[str, int], np.ndarray], truth: np.ndarray, groups: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """The median relative error of the shortest repeat."""
    labels = {"task": "haadf repeat", "split": "test"}
    metric = "median relative error of the repeat"
    for (name, seed), found in said.items():
        more = {**labels, "model": name, "seed": seed}
        yield scored(metric, partial(_score, _relative, truth, found), groups, **more)
        if name == OURS:
            gain = partial(_gain, _relative, truth, found, said[RIVAL, seed])
            yield scored(f"{metric}, difference", gain, groups, rival=RIVAL, **more)


def _relative(truth: np.ndarray, found: np.ndarray) -> float:
    """Median of |repeat / true repeat - 1|, from logarithms."""
    return float(np.median(np.abs(np.expm1(found - truth))))


def _score(score: Metric, truth: np.ndarray, found: np.ndarray, items: np.ndarray) -> float:
    return score(truth[items], found[items])


def _gain(score: Metric, truth: np.ndarray, ours: np.ndarray, theirs: np.ndarray, items: np.ndarray) -> float:
    return score(truth[items], ours[items]) - score(truth[items], theirs[items])
