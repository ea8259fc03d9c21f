"""The text encoder beside TF-IDF and ridge: highest temperature and atmosphere from the view `masked`.

Recipes of COMMA_DATA: both sides are fitted on the training folds of a split, without recipes whose DOI or paragraph a
held-out fold tells; epochs and the rival's settings are chosen on its validation fold. Each task has a model of its own
on either side. Temperatures are asked of split 0; atmospheres of the five splits, their test folds pooled, since few
recipes of a fold name a reducing one. How our side is trained was chosen on the validation fold of split 0, which is
the test fold of split 1.

In two variants. `as written`: the view tells the temperatures, and air by name (other gases are compounds and stand
behind the placeholder), so that the task is reading. `hidden`: every number is replaced by the word `some` and no
atmosphere is told, so that both have to be guessed from operations, media and devices. Both sides read the same words.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from comma_data.protocol import Protocol, steps
from comma_data.sample import Record
from comma_data.sources import recipes
from comma_data.split import FOLDS, ORIGINS, Split, fold
from comma_encoders.modality import get
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.encoder_rivals.common import Array, accuracy, macro_f1, mae, rmse, scored
from benchmarks.encoder_rivals.loop import once

SEEDS = (0, 1, 2)
BATCH = 64
POWERS = (0.0, 0.5, 1.0)
"""How strongly rare classes are lifted; the best is chosen on validation."""
HOTTEST = 2000.0
"""°C; what the release states above it is taken for an error of extraction, and the recipe is left out."""
CLASSES: Mapping[str, frozenset[str]] = {
    "air": frozenset({"air", "flowing air", "static air", "ambient"}),
    "oxygen": frozenset({"o2", "oxygen"}),
    "inert": frozenset({"ar", "argon", "n2", "nitrogen", "he", "helium", "inert"}),
    "reducing": frozenset({"h2", "hydrogen", "forming gas", "nh3", "ammonia", "co", "carbon monoxide"}),
}
"""Atmosphere -> its names in the release, lower case; vacuum is not told as one there."""
_CARRIED = {"inert", "reducing"}
"""Named together, as hydrogen in argon is, they are a reducing atmosphere."""
Score = Callable[[Array, Array], float]
"""(true, said) -> score."""
ALPHAS = tuple(10.0**k for k in range(-3, 4))
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_WORD = r"\d+(?:\.\d+)?|\w+|[^\w\s]"
"""A number is one word for the rival too."""


TEMPERATURE, ATMOSPHERE = "temperature", "atmosphere"
TEST_FOLDS = {TEMPERATURE: range(1), ATMOSPHERE: range(FOLDS)}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How our side is trained."""

    epochs: int
    rate: float
    dropout: float


VARIANTS: Mapping[str, Mapping[str, Settings]] = {
    "as written": {
        TEMPERATURE: Settings(epochs=8, rate=1e-3, dropout=0.1),
        ATMOSPHERE: Settings(epochs=12, rate=1e-3, dropout=0.3),
    },
    "hidden": {
        TEMPERATURE: Settings(epochs=5, rate=5e-4, dropout=0.3),
        ATMOSPHERE: Settings(epochs=12, rate=1e-3, dropout=0.3),
    },
}
"""Variant -> task -> settings, chosen on the validation fold of split 0."""


@dataclass(frozen=True, kw_only=True)
class Items:
    """Recipes of one part, all that either side may see and has to tell."""

    texts: Sequence[tuple[str, ...]]
    temperature: Array
    """Highest of the heating steps, °C; NaN where none is stated."""
    atmosphere: Array
    """Place in `CLASSES`, -1 where none, or more than one, is stated."""
    formulas: Sequence[str]

    def known(self, task: str) -> Array:
        """Places of the recipes that have an answer to a task."""
        has = np.isfinite(self.temperature) if task == TEMPERATURE else self.atmosphere >= 0
        return np.flatnonzero(has)

    @property
    def mean(self) -> float:
        """Of the temperatures, °C."""
        return float(np.nanmean(self.temperature))

    @property
    def deviation(self) -> float:
        """Of the temperatures, °C."""
        return float(np.nanstd(self.temperature))

    def weights(self, power: float) -> Tensor:
        """Weights of the classes: their frequency to the power of minus `power`."""
        counts = np.bincount(self.atmosphere[self.atmosphere >= 0], minlength=len(CLASSES)).clip(min=1)
        return torch.from_numpy((counts.mean() / counts) ** power).float()


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What both sides say of the test recipes of one split that a task has an answer for."""

    truth: Array
    ours: Array
    """(seeds, recipes)."""
    rival: Array
    formulas: Sequence[str]

    @classmethod
    def pooled(cls, found: Sequence["Answers"]) -> "Answers":
        """Of several splits."""
        return cls(
            truth=np.concatenate([one.truth for one in found]),
            ours=np.concatenate([one.ours for one in found], axis=1),
            rival=np.concatenate([one.rival for one in found]),
            formulas=[formula for one in found for formula in one.formulas],
        )


def rows(data: Path, *, smoke: bool) -> list[dict[str, Any]]:
    """Both variants, both tasks, both sides, and the paired differences."""
    records = [r for r in recipes.read(data / "synthesis-recipes") if isinstance(r, Record)][:: 20 if smoke else 1]
    found: list[dict[str, Any]] = []
    for variant in VARIANTS:
        answers: dict[str, list[Answers]] = {TEMPERATURE: [], ATMOSPHERE: []}
        for test_fold in range(1 if smoke else FOLDS):
            parts = _parts(records, Split(test_fold=test_fold))
            items = {part: _items(of, hidden=variant == "hidden") for part, of in parts.items()}
            for task, of_task in answers.items():
                if test_fold in TEST_FOLDS[task]:
                    of_task.append(_answers(items, task, variant, test_fold, smoke=smoke))
        for task, of_task in answers.items():
            split = f"{len(of_task)} folds pooled" if len(of_task) > 1 else "test"
            found += _rows(Answers.pooled(of_task), task=task, variant=variant, split=split)
    return found


def _answers(items: Mapping[str, Items], task: str, variant: str, test_fold: int, *, smoke: bool) -> Answers:
    """Train both sides on one split and ask them; trained models are kept between runs."""
    how = replace(VARIANTS[variant][task], epochs=1) if smoke else VARIANTS[variant][task]
    test, rival = items["test"], _ridge if task == TEMPERATURE else _ridge_classes
    known = test.known(task)
    of = f"{len(known)} of {len(test.texts)} recipes of fold {test_fold}"
    ours = []
    for seed in SEEDS[: 1 if smoke else None]:
        key = f"text {task} {variant} {how} {of} seed {seed}"
        ours.append(once(key, partial(_trained, items, task, how, seed))[known])
    return Answers(
        truth=(test.temperature if task == TEMPERATURE else test.atmosphere)[known],
        ours=np.stack(ours),
        rival=rival(items)[known],
        formulas=[test.formulas[int(i)] for i in known],
    )


def _parts(records: Sequence[Record], split: Split) -> dict[str, list[Record]]:
    """Part -> recipes; a recipe whose DOI or paragraph a later part tells is left out of the earlier one."""
    parts: dict[str, list[Record]] = {"train": [], "validation": [], "test": []}
    for record in records:
        parts[split.part(fold(str(record.formula)))].append(record)
    told: set[tuple[str, str]] = set()
    for part in ("test", "validation", "train"):
        parts[part] = [r for r in parts[part] if told.isdisjoint(_origins(r))]
        told.update(origin for r in parts[part] for origin in _origins(r))
    return parts


def _origins(record: Record) -> list[tuple[str, str]]:
    return [(name, record.provenance[name]) for name in ORIGINS if record.provenance.get(name)]


def _items(records: Sequence[Record], *, hidden: bool) -> Items:
    read = [(_text(r.value, hidden=hidden), r) for r in records]
    kept = [(text, r) for text, r in read if text and _hottest(r.value) <= HOTTEST]
    hottest = np.array([_hottest(r.value) for _, r in kept])
    return Items(
        texts=[text for text, _ in kept],
        temperature=np.where(np.isfinite(hottest), hottest, np.nan),
        atmosphere=np.array([_atmosphere(r.value) for _, r in kept]),
        formulas=[str(r.formula) for _, r in kept],
    )


def _text(protocol: Protocol, *, hidden: bool) -> tuple[str, ...]:
    if not hidden:
        return steps(protocol, "masked")
    silent = tuple(replace(operation, atmospheres=()) for operation in protocol.operations)
    return tuple(_NUMBER.sub("some", step) for step in steps(replace(protocol, operations=silent), "masked"))


def _hottest(protocol: Protocol) -> float:
    """Highest temperature of the heating steps, minus infinity where none is stated."""
    return max((t for op in protocol.operations if op.kind == "heat" for t in op.temperatures), default=-np.inf)


def _atmosphere(protocol: Protocol) -> int:
    """The one class that the heating steps name, else -1."""
    told = {name.casefold() for op in protocol.operations if op.kind == "heat" for name in op.atmospheres}
    if not told <= frozenset().union(*CLASSES.values()):
        return -1
    named = [kind for kind, names in CLASSES.items() if told & names]
    if set(named) == _CARRIED:
        named = ["reducing"]
    return list(CLASSES).index(named[0]) if len(named) == 1 else -1


def _rows(found: Answers, task: str, **labels: str) -> Iterator[dict[str, Any]]:
    """Scores of both and what ours lacks or gains."""
    scores = {"MAE, °C": mae, "RMSE, °C": rmse} if task == TEMPERATURE else {"macro F1": macro_f1, "accuracy": accuracy}
    of: dict[str, Any] = {"task": task, **labels}
    for metric, score in scores.items():
        mean, other = partial(_mean, score, found), partial(_other, score, found)
        ours = f"comma text encoder, mean of {len(found.ours)} seeds"
        yield scored(metric, mean, found.formulas, **of, model=ours)
        yield scored(metric, other, found.formulas, **of, model="TF-IDF + ridge")
        both = "difference, comma - rival"
        yield scored(metric, partial(_difference, mean, other), found.formulas, **of, model=both)


def _mean(score: Score, found: Answers, items: Array) -> float:
    """Of our seeds, over some of the recipes."""
    return float(np.mean([score(found.truth[items], said[items]) for said in found.ours]))


def _other(score: Score, found: Answers, items: Array) -> float:
    return score(found.truth[items], found.rival[items])


def _difference(ours: Callable[[Array], float], theirs: Callable[[Array], float], items: Array) -> float:
    return ours(items) - theirs(items)


class Reader(nn.Module):
    """The encoder, and a linear head for the temperature, or one for each weighting of the atmosphere's classes."""

    def __init__(self, task: str, settings: Settings) -> None:
        super().__init__()
        self.task, self.config = task, get("text").Config(dropout=settings.dropout)
        self.encoder = get("text").Encoder(self.config)
        outputs = [1] if task == TEMPERATURE else [len(CLASSES)] * len(POWERS)
        self.heads = nn.ModuleList(nn.Linear(self.encoder.width, size) for size in outputs)

    def forward(self, texts: Sequence[tuple[str, ...]]) -> list[Tensor]:
        """The standardised temperature, or scores of the classes, by each head."""
        vectors = self.encoder(get("text").collate(texts, self.config))
        return [head(vectors) for head in self.heads]


def _trained(items: Mapping[str, Items], task: str, settings: Settings, seed: int) -> Array:
    """Predictions for the test recipes, of the epoch (and head) that is best on validation."""
    torch.manual_seed(seed)
    train, model = items["train"], Reader(task, settings)
    known = train.known(task)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.rate, weight_decay=0.01)
    total = settings.epochs * (len(known) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.rate, total_steps=total, pct_start=0.1)
    best: tuple[float, int, Mapping[str, Tensor]] = (np.inf, 0, {})
    for epoch in range(settings.epochs):
        model.train()
        order = known[np.random.default_rng((seed, epoch)).permutation(len(known))]
        for start in range(0, len(order) - BATCH + 1, BATCH):
            _loss(model, train, order[start : start + BATCH]).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
        error, head = _error(model, train, items["validation"])
        if error < best[0]:
            best = error, head, {name: t.clone() for name, t in model.state_dict().items()}
        print(f"text, {task}: epoch {epoch}, best on validation {best[0]:.3f}", file=sys.stderr, flush=True)
    model.load_state_dict(dict(best[2]))
    return _predicted(model, train, items["test"])[best[1]]


def _loss(model: Reader, train: Items, chosen: Array) -> Tensor:
    """The sum over the heads."""
    outputs = model([train.texts[i] for i in chosen])
    if model.task == TEMPERATURE:
        truth = torch.from_numpy((train.temperature[chosen] - train.mean) / train.deviation).float()
        return functional.smooth_l1_loss(outputs[0][:, 0], truth, beta=0.3)
    classes = torch.from_numpy(train.atmosphere[chosen])
    losses = [functional.cross_entropy(o, classes, train.weights(p)) for o, p in zip(outputs, POWERS, strict=True)]
    return torch.stack(losses).sum()


def _error(model: Reader, train: Items, valid: Items) -> tuple[float, int]:
    """What shall be small on validation, and the head that has it: the mean error, or the macro F1 below zero."""
    known = valid.known(model.task)
    found = [predicted[known] for predicted in _predicted(model, train, valid)]
    if model.task == TEMPERATURE:
        return mae(valid.temperature[known], found[0]), 0
    scores = [macro_f1(valid.atmosphere[known], classes) for classes in found]
    return -max(scores), int(np.argmax(scores))


@torch.inference_mode()
def _predicted(model: Reader, train: Items, of: Items) -> list[Array]:
    """Temperatures, °C, or classes by each head."""
    model.eval()
    parts = [model(of.texts[i : i + 256]) for i in range(0, len(of.texts), 256)]
    outputs = [torch.cat(of_head) for of_head in zip(*parts, strict=True)]
    if model.task == TEMPERATURE:
        return [outputs[0][:, 0].double().numpy() * train.deviation + train.mean]
    return [scores.argmax(dim=1).numpy() for scores in outputs]


def _tfidf(items: Mapping[str, Items]) -> dict[str, Any]:
    """Words and pairs of neighbours, sublinear counts, fitted on training texts."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(token_pattern=_WORD, ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    vectorizer.fit([" ".join(text) for text in items["train"].texts])
    return {part: vectorizer.transform([" ".join(text) for text in of.texts]) for part, of in items.items()}


def _ridge(items: Mapping[str, Items]) -> Array:
    """Temperatures by ridge regression, its penalty chosen on validation."""
    from sklearn.linear_model import Ridge

    features, train, valid = _tfidf(items), items["train"], items["validation"]
    known, asked = train.known(TEMPERATURE), valid.known(TEMPERATURE)
    fits = [Ridge(alpha=a, random_state=0).fit(features["train"][known], train.temperature[known]) for a in ALPHAS]
    errors = [mae(valid.temperature[asked], fit.predict(features["validation"][asked])) for fit in fits]
    return np.asarray(fits[int(np.argmin(errors))].predict(features["test"]))


def _ridge_classes(items: Mapping[str, Items]) -> Array:
    """Atmospheres by ridge on one-against-rest targets, penalty and weights of the classes chosen on validation."""
    from sklearn.linear_model import RidgeClassifier

    features, train, valid = _tfidf(items), items["train"], items["validation"]
    known, asked = train.known(ATMOSPHERE), valid.known(ATMOSPHERE)
    fits = [
        RidgeClassifier(alpha=a, class_weight=weight, random_state=0).fit(
            features["train"][known], train.atmosphere[known]
        )
        for a in ALPHAS
        for weight in (None, "balanced")
    ]
    scores = [macro_f1(valid.atmosphere[asked], fit.predict(features["validation"][asked])) for fit in fits]
    return np.asarray(fits[int(np.argmax(scores))].predict(features["test"]))
