"""The one typed description of a training run. It refers to a data folder and never says how that was built."""

import difflib
from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, Literal

from comma_encoders.errors import UsageError
from comma_encoders.modality import get
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from comma_align.pairs import Pair, chosen

Positive = Annotated[float, Field(gt=0)]
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


class Section(BaseModel):
    """A part of a config: complete, frozen, and without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True)


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


class Objective(Section):
    """What is minimised, over pairs of modalities."""

    kind: Literal["infonce", "clip", "sigmoid", "max_margin", "no_negatives", "cmc", "cmc_literal"] = "infonce"
    """`infonce`: symmetric, all of the same group are positives; `clip`: only the same sample; `sigmoid`: SigLIP;
    `max_margin`: the hardest negative; `no_negatives`: VICReg; `cmc`: InfoNCE one way along the graph, and a bounded
    repulsion between modalities that it leaves unconnected; `cmc_literal`: that with the sign that makes it fail."""
    pairs: tuple[str, ...] = ("all",)
    """Pairs to align, such as `structure-text`; or `all`, `star:structure` (it with each other modality) or
    `chain:structure-text-image` (each with the next)."""
    temperature: Positive = 0.1
    """What similarities are divided by, at the start."""
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
    text_views: tuple[Literal["precursors", "amounts", "masked", "operations"], ...] = ("precursors",)
    """How protocols are told; with several, each visit of a sample draws one."""
    augmentation: Mapping[str, Share] = Field(default_factory=dict)
    """Modality -> strength of the random variation of its values, 0 to 1."""
    test_fold: Annotated[int, Field(ge=0, le=4)] = 0
    """Fold that is never looked at; the next one is for validation, the other three are for training."""
    epochs: Annotated[int, Field(ge=1)] = 100
    """Visits of every training sample."""
    batch_size: Annotated[int, Field(ge=2)] = 128
    """Samples of a step, over all processes."""
    seed: Annotated[int, Field(ge=0)] = 0
    """From which all that is random is derived."""
    precision: Literal["no", "bf16", "fp16"] = "no"
    """Mixed precision."""
    validate_every: Annotated[int, Field(ge=1)] = 10
    """Epochs between two recalls on the validation fold."""
    checkpoint_every: Annotated[int, Field(ge=1)] = 10
    """Epochs between two checkpoints."""
    bad_batches: Annotated[int, Field(ge=0)] = 3
    """Steps in a row that may be skipped because loss or gradient is not finite."""
    optimizer: Optimizer = Optimizer()
    """How the weights are changed."""
    objective: Objective = Objective()
    """What is minimised."""

    @field_validator("modalities")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            try:
                get(name)
            except UsageError as error:
                raise ValueError(str(error)) from error
        if len(set(value)) < max(2, len(value)):
            raise ValueError("give at least two modalities, each once")
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

    @model_validator(mode="after")
    def _pairs_exist(self) -> "Run":
        chosen(self.objective.pairs, self.modalities)
        return self

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The pairs of modalities to align."""
        return chosen(self.objective.pairs, self.modalities)
