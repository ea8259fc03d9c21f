"""The one typed description of a training run. It refers to a data folder and never says how that was built."""

import difflib
from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Annotated, Any, Literal

from comma_data.protocol import VIEWS
from comma_encoders.errors import UsageError
from comma_encoders.modality import get
from comma_encoders.settings import LEAST_DIM
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from comma_align.pairs import Pair, chosen, every, label

Positive = Annotated[float, Field(gt=0)]
MAX_SEED = 2**63 - 1
"""torch takes no larger one, and the seeds of a study count up from its own."""
Share = Annotated[float, Field(ge=0, le=1)]


def _encoder_config(modality: str, settings: Any) -> Any:
    """A modality's config of these settings.

    Raises:
        ValueError: the first setting that does not fit, with what would.
    """
    kind = get(modality).Config
    try:
        return TypeAdapter(kind).validate_python(settings)
    except ValidationError as error:
        fault = error.errors()[0]
        key, known = str(fault["loc"][-1]) if fault["loc"] else "", [f.name for f in fields(kind)]
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near and key not in known else ""
        raise ValueError(f"{modality}.{key}: {fault['msg']}{hint}; valid: {', '.join(known)}") from error


def _check_modality(name: str) -> None:
    """Refuse what is no modality.

    Raises:
        ValueError: with those that there are, and the nearest.
    """
    try:
        get(name)
    except UsageError as error:
        raise ValueError(str(error)) from error


class Section(BaseModel):
    """A part of a config: complete, frozen, and without unknown keys."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True, allow_inf_nan=False
    )


class Optimizer(Section):
    """AdamW with a warm-up and a cosine."""

    encoder_lr: Positive = 5e-4
    """Highest learning rate of the encoders."""
    head_lr: Positive = 1e-3
    """Highest learning rate of the projection heads and the temperature."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    """Decoupled weight decay of matrices; biases, norms and the temperature have none."""
    warmup: Share = 0.05
    """Share of all steps over which the rates rise from zero."""
    clip: Positive = 1.0
    """Largest norm of all gradients together."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay of the running mean of the weights, which is then what is validated and saved; 0 for the last weights."""


class Objective(Section):
    """What is minimised, over pairs of modalities."""

    kind: Literal["infonce", "clip", "sigmoid", "max_margin", "no_negatives", "cmc", "cmc_literal"] = "infonce"
    """`infonce`: symmetric, all of the same group are positives; `clip`: only the same sample; `sigmoid`: SigLIP;
    `max_margin`: the hardest negative; `no_negatives`: VICReg; `cmc`: InfoNCE one way along the graph, and a bounded
    repulsion between modalities that it leaves unconnected; `cmc_literal`: that with the sign that makes it fail."""
    pairs: tuple[str, ...] = ("all",)
    """Pairs to align, such as `structure-text`; or `all`, `star:structure` (it with each other modality) or
    `chain:structure-text-image` (each with the next)."""
    temperature: Annotated[float, Field(ge=0.01)] = 0.1
    """What similarities are divided by, at the start; 0.01 or above, as CLIP has it."""
    learn_temperature: bool = True
    """Whether training changes it; it stays at 0.01 or above."""
    margin: Positive = 0.2
    """Of `max_margin`: by how much a positive pair has to be more similar than the hardest negative."""
    negatives: Annotated[int, Field(ge=0)] = 0
    """Samples of the batch that each one is compared with; 0 for all of them."""
    pair_weights: Mapping[str, Positive] = Field(default_factory=dict)
    """Pair -> its weight in the mean over pairs; 1 where it is not named."""
    reliability: Mapping[Literal["entry", "pairs", "doi", "formula"], Share] = Field(default_factory=dict)
    """How a value came to its sample -> how much it counts in positive pairs at the start; 1 where it is not named."""
    curriculum: Share = 0.0
    """Share of all steps over which what is less reliable comes to count in full; 0 leaves it as it is."""
    chunk: Annotated[int, Field(ge=1)] = 256
    """Rows of similarities that are in memory at a time; the result does not depend on it."""


class Pretrain(Section):
    """The stage `pretrain`: every encoder learns to undo the corruption of its own modality."""

    epochs: Annotated[int, Field(ge=1)] = 50
    """Visits of every training sample."""
    modalities: tuple[str, ...] = ()
    """Which encoders; without one, all of the run that have such a task."""


class Supervised(Section):
    """The stage `supervised`: encoders and a head learn one property, from scratch or from the model of `start`."""

    target: str = ""
    """Which of the samples' targets is learnt."""
    kind: Literal["regression", "two-part", "classes"] = "regression"
    """A number; a number that is often exactly zero and never below (zero or not, then how much); or a class."""
    error: Literal["absolute", "squared"] = "absolute"
    """Of a number, which errors are made small: absolute ones, best by the median, or squared ones, best by the mean,
    for which `two-part` tells how much times how likely it is not zero. Validation goes by MAE or RMSE likewise."""
    epochs: Annotated[int, Field(ge=1)] = 100
    """Visits of every training sample."""
    tune: bool = True
    """Whether the encoders learn too, or the head alone."""
    labels: Annotated[int, Field(ge=0)] = 0
    """Learn from so many labels, the same that `comma eval property` gives others with that budget; 0 for all."""


class HardNegatives(Section):
    """Batches in which what is hard to tell apart meets."""

    by: Literal["nothing", "elements", "composition"] = "nothing"
    """Samples of the same element set, or of near compositions, come into the same batch."""
    together: Annotated[int, Field(ge=2)] = 8
    """About how many of them."""


class Run(Section):
    """A training run."""

    name: str
    """What the run is called; its folder is `runs/NAME` unless `--out` says otherwise."""
    data: str
    """Data folder, made by `comma data build`; `--data` replaces it."""
    modalities: tuple[str, ...] = ("structure", "text", "image", "xrd")
    """What is aligned; a sample takes part with those that it has."""
    encoders: Mapping[str, Any] = Field(default_factory=dict)
    """Modality -> settings of its encoder that differ from the defaults."""
    dim: Annotated[int, Field(ge=2)] = 128
    """Dimension of the shared space."""
    shared_head: bool = False
    """Whether one projection head serves all modalities, behind a linear map of each into its width."""
    stages: tuple[Literal["pretrain", "align", "supervised"], ...] = ("align",)
    """What is done, one after the other; each stage starts with the weights that the one before left."""
    start: str = ""
    """Run, folder or shipped name (`comma-small`) of a model whose encoders, and heads where they fit, are the first
    weights; empty for random ones."""
    text_views: tuple[Literal["precursors", "amounts", "masked", "operations"], ...] = ("precursors",)
    """How protocols are told; with several, each visit of a sample draws one, and one that is named twice is drawn
    twice as often."""
    augmentation: Mapping[str, Share] = Field(default_factory=dict)
    """Modality -> strength of the random variation of its values, 0 to 1."""
    variations: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    """Modality -> variations that are off unless asked for, since they can destroy a label: `crop` and `erase` of
    images, `strain` of structures; of the strength that `augmentation` has for the modality."""
    visits: Mapping[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    """Modality -> how often an epoch of `align` visits a sample that has it, once unless named; where few samples have
    it, a batch holds enough of them to tell each other apart."""
    modality_dropout: Share = 0.0
    """Chance that a visit leaves out a modality of a sample; one pair is always left."""
    imputer: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the loss of an imputer that is trained with the alignment, without changing it; 0 for none."""
    test_fold: Annotated[int, Field(ge=0, le=4)] = 0
    """Fold that is never looked at; the next one is for validation, the other three are for training."""
    without: tuple[Literal["oxides", "intermetallics", "large-cells", "molecules", "measured-patterns"], ...] = ()
    """Classes of materials that are left out of training and validation: to see what becomes of a class never seen."""
    epochs: Annotated[int, Field(ge=1)] = 100
    """Visits of every training sample in the stage `align`."""
    batch_size: Annotated[int, Field(ge=2)] = 128
    """Samples of a step, over all processes."""
    edge_budget: Annotated[int, Field(ge=0)] = 0
    """Most edges (or tokens, pixels, bins: numbers in one tensor) that go through the encoders at a time; a larger
    share of a batch is cut, and its gradients are the same, up to the draw of dropout. 0 for no bound; encoders with
    batch normalisation take no other."""
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] = 0
    """From which all that is random is derived."""
    precision: Literal["no", "bf16", "fp16"] = "no"
    """Mixed precision."""
    validate_every: Annotated[int, Field(ge=1)] = 10
    """Epochs between two recalls on the validation fold; the last weights are scored always."""
    checkpoint_every: Annotated[int, Field(ge=1)] = 10
    """Epochs between two checkpoints."""
    patience: Annotated[int, Field(ge=0)] = 0
    """Validations without a better score after which a stage ends, with the weights of the best; 0 never ends early."""
    trackers: tuple[str, ...] = ()
    """Where figures go beside `metrics.jsonl`: names that accelerate knows, e.g. `tensorboard`."""
    bad_batches: Annotated[int, Field(ge=0)] = 3
    """Steps in a row that may be skipped because loss or gradient is not finite."""
    optimizer: Optimizer = Optimizer()
    """How the weights are changed."""
    objective: Objective = Objective()
    """What is minimised."""
    hard_negatives: HardNegatives = HardNegatives()
    """Which samples meet in a batch."""
    pretrain: Pretrain = Pretrain()
    """The stage `pretrain`."""
    supervised: Supervised = Supervised()
    """The stage `supervised`."""

    @field_validator("modalities")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            _check_modality(name)
        if not value or len(set(value)) < len(value):
            raise ValueError("give at least one modality, each once")
        return tuple(sorted(value))

    @field_validator("encoders")
    @classmethod
    def _complete(cls, value: Mapping[str, Any], info: ValidationInfo) -> dict[str, Any]:
        """Check each encoder's settings by the modality's own config, and fill in the defaults."""
        chosen = info.data.get("modalities", ())
        extra = sorted(set(value) - set(chosen))
        if extra:
            raise ValueError(f"{extra[0]!r} is not among the modalities {', '.join(chosen)}")
        return {m: _encoder_config(m, value.get(m, {})) for m in chosen}

    @field_validator("stages")
    @classmethod
    def _possible(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if not value or len(set(value)) < len(value):
            raise ValueError("give at least one of pretrain, align, supervised, each once")
        if list(value) != [name for name in ("pretrain", "align", "supervised") if name in value]:
            raise ValueError("give them in the order pretrain, align, supervised: a later one undoes what it follows")
        if "align" in value and len(info.data.get("modalities", ("", ""))) < 2:
            raise ValueError("to align, give at least two modalities")
        return value

    @field_validator("objective")
    @classmethod
    def _pairs_exist(cls, value: Objective, info: ValidationInfo) -> Objective:
        modalities = info.data.get("modalities", ())
        if "align" in info.data.get("stages", ()) and modalities:
            chosen(value.pairs, modalities)
            known = sorted(label(pair) for pair in every(modalities))
            for name in value.pair_weights:
                if name not in known:
                    raise ValueError(f"pair_weights: {name!r} is no pair; there are {', '.join(known)}")
        return value

    @field_validator("imputer")
    @classmethod
    def _has_room(cls, value: float, info: ValidationInfo) -> float:
        if value and "align" in info.data.get("stages", ()) and info.data.get("dim", LEAST_DIM) < LEAST_DIM:
            raise ValueError(f"an imputer needs dim = {LEAST_DIM} or more")
        return value

    @field_validator("text_views")
    @classmethod
    def _some_view(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError(f"give at least one of {', '.join(VIEWS)}")
        return value

    @field_validator("augmentation")
    @classmethod
    def _are_modalities(cls, value: Mapping[str, float]) -> Mapping[str, float]:
        """One that the run lacks is no fault: a run of fewer modalities keeps what its file says of the others."""
        for name in value:
            _check_modality(name)
        return value

    @field_validator("variations", "visits", "pretrain")
    @classmethod
    def _of_the_run(cls, value: Any, info: ValidationInfo) -> Any:
        modalities = info.data.get("modalities", ())
        for name in value.modalities if isinstance(value, Pretrain) else value:
            if name not in modalities:
                raise ValueError(f"{name!r} is not among the modalities {', '.join(modalities)}")
        return value

    @field_validator("variations")
    @classmethod
    def _have_a_strength(cls, value: Mapping[str, tuple[str, ...]], info: ValidationInfo) -> Any:
        for name in value:
            if value[name] and not info.data.get("augmentation", {}).get(name):
                raise ValueError(f"{name!r} has no strength, so that nothing varies: give augmentation.{name}, up to 1")
        return value

    @field_validator("supervised")
    @classmethod
    def _has_a_target(cls, value: Supervised, info: ValidationInfo) -> Supervised:
        if "supervised" in info.data.get("stages", ()) and not value.target:
            raise ValueError("target: name the target to learn")
        return value

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The pairs of modalities to align; none where the run does not align."""
        return chosen(self.objective.pairs, self.modalities) if "align" in self.stages else ()


SECTIONS: Mapping[str, type[Section]] = MappingProxyType(
    {
        "optimizer": Optimizer,
        "objective": Objective,
        "hard_negatives": HardNegatives,
        "pretrain": Pretrain,
        "supervised": Supervised,
    }
)
"""Name of a section -> what it holds."""
