"""The aligned model: an encoder and a projection head for each modality, in one space."""

from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from functools import partial
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from comma_encoders import imputer_fit
from comma_encoders.device import floats
from comma_encoders.encoding import WINDOW, Encoded, Way, encode, evaluating, is_one, joined
from comma_encoders.errors import InputError, UsageError
from comma_encoders.head import SHARED, Head, shared
from comma_encoders.imputer import Imputed, Imputer, Vectors, side_by_side
from comma_encoders.modality import get
from comma_encoders.progress import bar
from comma_encoders.retrieval import similarity
from comma_encoders.types import Batch, Embedded, Inputs, SampleLike

Side = Mapping[str, Iterable[Any]] | Embedded | Vectors
"""What can be compared: `{modality: values}` with one modality, or vectors."""


class AlignedModel(nn.Module):
    """Encoders and heads; every modality ends as unit vectors of the same dimension."""

    def __init__(self, configs: Mapping[str, Any], dim: int = 128, *, shared_head: bool = False) -> None:
        """Make a model with random weights.

        Args:
            configs: modality -> its config, e.g. `{"structure": get("structure").Config()}`.
            dim: dimension of the shared space.
            shared_head: one projection head for all modalities, behind a linear map of each to `dim` channels;
                otherwise each has its own.
        """
        super().__init__()
        if not configs:
            raise UsageError("a model has to have a modality, e.g. AlignedModel.create('structure', 'text')")
        self.configs = {name: get(name).own(config) for name, config in sorted(configs.items())}
        self.dim = dim
        self.shared_head = shared_head
        with floats():
            encoders = {name: get(name).Encoder(config) for name, config in self.configs.items()}
            self.encoders = nn.ModuleDict(encoders)
            widths = {name: encoder.width for name, encoder in encoders.items()}
            heads = shared(widths, dim) if shared_head else {n: Head(w, dim) for n, w in widths.items()}
            self.heads = nn.ModuleDict(heads)
        self.imputer: Imputer | None = None
        self.about: Mapping[str, Any] = {}
        """What the maker of a loaded model says of it: data, split, groups seen; `save` passes it on."""
        self.precision: Literal["fp32", "bf16"] = "fp32"
        """In which `embed` and `encode` compute; bf16 is faster where the processor has it, and a little coarser."""

    @classmethod
    def create(cls, *modalities: str, dim: int = 128, seed: int = 0) -> "AlignedModel":
        """A model of these modalities with their default configs and random weights drawn from `seed`."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls({name: get(name).Config() for name in modalities}, dim)

    @classmethod
    def from_pretrained(cls, name: str | Path, **options: Any) -> "AlignedModel":
        """A trained model: one of the package (`comma-small`), a folder, or a repository of the Hugging Face hub.

        See `comma_encoders.hub.from_pretrained` for the options `revision`, `device`, `precision`, `cache_dir`,
        `token`, `local_files_only` and `verify`.
        """
        from comma_encoders import hub  # noqa: PLC0415  it imports this module

        return hub.from_pretrained(name, **options)

    def save_pretrained(self, folder: str | Path, about: Mapping[str, Any] | None = None) -> None:
        """Write the model and its card into a new folder; see `comma_encoders.hub.save_pretrained`."""
        from comma_encoders import hub  # noqa: PLC0415  it imports this module

        hub.save_pretrained(self, Path(folder), about)

    def push_to_hub(self, repository: str, **options: Any) -> str:
        """Upload the model and its card; see `comma_encoders.hub.push_to_hub`. Returns the address of the commit."""
        from comma_encoders import hub  # noqa: PLC0415  it imports this module

        return hub.push_to_hub(self, repository, **options)

    @property
    def device(self) -> torch.device:
        """Where the weights are; `model.to("cuda")` moves them."""
        return next(self.parameters()).device

    def check_has(self, modality: str) -> None:
        """Refuse a modality that this model does not have.

        Raises:
            UsageError: nobody knows it, with the nearest name, or this model was made without it.
        """
        get(modality)
        if modality not in self.configs:
            raise UsageError(f"this model has no modality {modality!r}; it has {', '.join(self.configs)}")

    def project(self, modality: str, inputs: Inputs) -> Float[Tensor, "values dim"]:
        """Unit vectors of what a modality's `collate` made; in float32 even where the rest runs in bf16."""
        return self.placed(modality, self.encoders[modality](inputs))

    def placed(self, modality: str, h: Float[Tensor, "values width"]) -> Float[Tensor, "values dim"]:
        """Unit vectors of what a modality's encoder gave."""
        z = self.heads[SHARED](self.heads[modality](h)) if self.shared_head else self.heads[modality](h)
        return functional.normalize(z.to(torch.promote_types(z.dtype, torch.float32)), dim=-1)

    def forward(self, batch: Batch) -> dict[str, Embedded]:
        """Unit vectors of every modality that the batch holds."""
        return {
            name: Embedded(z=self.project(name, inputs), rows=batch.rows[name]) for name, inputs in batch.inputs.items()
        }

    @torch.no_grad()  # not inference mode: a head may be trained on these vectors
    def embed(
        self, samples: Sequence[SampleLike], *, batch_size: int = 64, progress: bool | None = None
    ) -> dict[str, Embedded]:
        """Unit vectors of all values of all samples, on the CPU; `rows` says which sample each belongs to.

        Batches are cut by size, so that a few large values do not exhaust memory; the result does not depend on how.

        Args:
            samples: with raw values, e.g. a data set of comma-data; read a window at a time.
            batch_size: values in a batch at most.
            progress: show a bar; None shows one on a terminal where there is much to do.

        Raises:
            InputError: a value that cannot be encoded; the message names the modality and the sample.
        """
        parts: dict[str, list[Embedded]] = {}
        with bar("samples", len(samples), show=progress) as done, evaluating(self):
            for start in range(0, len(samples), WINDOW):
                window = samples[start : start + WINDOW]
                for name in self.configs:
                    part = self._embedded(name, window, batch_size)
                    if len(part.rows):
                        parts.setdefault(name, []).append(Embedded(z=part.z, rows=part.rows + start))
                done(len(window))
        return {name: joined(parts[name]) for name in self.configs if name in parts}

    def _embedded(self, name: str, samples: Sequence[SampleLike], batch_size: int) -> Embedded:
        """Vectors of one modality of a window of samples."""
        owners = [i for i, sample in enumerate(samples) for _ in sample.fields.get(name, ())]
        values = [value for sample in samples for value in sample.fields.get(name, ())]
        encoded = encode(values, self._way(name, coerce=None), batch_size=batch_size)
        for place, error in encoded.refused.items():
            sample = samples[owners[place]]
            raise type(error)(f"{name}: {error} (sample {getattr(sample, 'id', owners[place])})") from error
        return Embedded(z=encoded.z, rows=torch.tensor(owners, dtype=torch.long))

    @overload
    def encode(
        self,
        modality: str,
        values: Iterable[Any],
        *,
        batch_size: int = 64,
        progress: bool | None = None,
        output: Literal["torch"] = "torch",
    ) -> Float[Tensor, "values dim"]: ...

    @overload
    def encode(
        self,
        modality: str,
        values: Iterable[Any],
        *,
        batch_size: int = 64,
        progress: bool | None = None,
        output: Literal["numpy"],
    ) -> Float[np.ndarray, "values dim"]: ...

    def encode(
        self,
        modality: str,
        values: Iterable[Any],
        *,
        batch_size: int = 64,
        progress: bool | None = None,
        output: Literal["torch", "numpy"] = "torch",
    ) -> Float[Tensor, "values dim"] | Float[np.ndarray, "values dim"]:
        """Unit vectors of what users have: pymatgen structures, formulas, paragraphs, paths, raw values.

        Args:
            modality: which kind of value, e.g. `structure`.
            values: a list of them, or anything that can be iterated once.
            batch_size: values in a batch at most; batches are cut by size, and the result does not depend on how.
            progress: show a bar; None shows one on a terminal where there is much to do.
            output: a tensor or a numpy array, on the CPU, float32 in both cases.

        Raises:
            UsageError: the model has no such modality, or one value was given instead of a list.
            InputError: no value, or one that cannot be encoded; the message says which.
        """
        if output not in ("torch", "numpy"):
            raise UsageError(f"output={output!r}; it has to be 'torch' or 'numpy'")
        encoded = self.encode_all(modality, values, batch_size=batch_size, progress=progress)
        for place, error in encoded.refused.items():
            raise type(error)(f"{modality}: {error} (value {place})") from error
        if not len(encoded.z):
            raise InputError(f"no {modality} values were given")
        return encoded.z.numpy() if output == "numpy" else encoded.z

    @torch.no_grad()  # not inference mode: a head may be trained on these vectors
    def encode_all(
        self, modality: str, values: Iterable[Any], *, batch_size: int = 64, progress: bool | None = None
    ) -> Encoded:
        """As `encode`, but a value that cannot be encoded is reported in the result and does not stop the others."""
        self.check_has(modality)
        if is_one(modality, values):
            raise UsageError(f"give a list of {modality} values, not one {type(values).__name__}: [value]")
        total = len(values) if isinstance(values, Sized) else None
        way = self._way(modality, coerce=partial(self._read, modality))
        with bar(modality, total, show=progress) as done, evaluating(self):
            return encode(values, way, batch_size=batch_size, done=done)

    def similarity(self, a: Side, b: Side) -> Float[Tensor, "a b"]:
        """Cosine between each of `a` and each of `b`, whatever their modalities.

        Args:
            a: `{modality: values}` with one modality, e.g. `{"structure": [salt]}`; or vectors that the model gave.
            b: likewise.

        Raises:
            UsageError: several modalities in one side, or vectors of another dimension.
            InputError: a value that cannot be encoded.
        """
        return similarity(self._vectors(a).cpu(), self._vectors(b).cpu())

    def impute(self, known: Mapping[str, Embedded | Vectors | Sequence[Any]], target: str) -> Imputed:
        """The vectors of an absent modality from those that are present, with an uncertainty.

        Args:
            known: modality -> vectors, or values to encode first. Row i of every array belongs to sample i; an
                `Embedded` says itself to which sample each vector belongs, and a sample may lack a modality.
            target: the modality to impute.

        Returns:
            Directions, concentrations and the samples that they belong to; see `comma_encoders.imputer.Imputed`.

        Raises:
            UsageError: the model has no imputer, or does not know a modality.
            InputError: arrays that do not fit together, or a value that cannot be encoded.
        """
        if self.imputer is None:
            raise UsageError(
                "this model has no imputer. Remedy: model.fit_imputer(model.embed(samples)) with samples that have "
                "several modalities and of which it may learn; it takes seconds, and `save` keeps it"
            )
        encoded = {name: self._known(name, side) for name, side in known.items()}
        return self.imputer.to(self.device).impute(side_by_side(encoded), target)

    def fit_imputer(self, embedded: Mapping[str, Embedded | Vectors], *, seed: int = 0) -> None:
        """Give the model an imputer learnt from vectors that it gave to samples with several modalities.

        Args:
            embedded: what `embed` gave, or modality -> vectors whose row i belongs to sample i; never of samples on
                which imputation is to be judged.
            seed: of the folds within which its uncertainty is compared.

        Raises:
            UsageError: fewer than two modalities, or vectors of another dimension.
            InputError: vectors that are not finite, or hardly any sample has two modalities.
        """
        for name, side in embedded.items():
            self.check_has(name)
            z = torch.as_tensor(side.z if isinstance(side, Embedded) else side)
            if z.ndim != 2 or z.shape[1] != self.dim:
                raise UsageError(f"{name}: this model's vectors are (n, {self.dim}); got {tuple(z.shape)}")
            if not (sound := z.isfinite().all(dim=1)).all():
                row = int((~sound).nonzero()[0, 0])
                raise InputError(f"{name}: row {row} is not finite; leave out samples that could not be encoded")
        self.imputer = imputer_fit.fit(embedded, seed=seed).to(self.device)

    def _read(self, name: str, value: Any) -> Any:
        """The raw value of what a user gave."""
        raw = get(name).coerce(value)
        get(name).ensure_read(raw, self.configs[name])
        return raw

    def _way(self, name: str, coerce: Callable[[Any], Any] | None) -> Way:
        """How values of a modality become vectors here."""
        config, device = self.configs[name], self.device

        def run(inputs: Inputs) -> Tensor:
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=self.precision == "bf16"):
                return self.project(name, {key: tensor.to(device) for key, tensor in inputs.items()})

        return Way(
            coerce=coerce or (lambda value: value),
            collate=lambda values: get(name).collate(values, config),
            run=run,
            dim=self.dim,
        )

    def _vectors(self, side: Side) -> Float[Tensor, "n dim"]:
        """One side of a comparison as unit vectors."""
        if isinstance(side, Embedded):
            return side.z
        if isinstance(side, Mapping):
            if len(side) != 1:
                raise UsageError(f"one side of a similarity has one modality, not {', '.join(side) or 'none'}")
            ((name, values),) = side.items()
            return self.encode(name, values)
        if not isinstance(side, Tensor | np.ndarray):
            raise UsageError(f"a side of a similarity is {{modality: values}}, or vectors; got a {type(side).__name__}")
        return self._unit(torch.as_tensor(side))

    def _known(self, name: str, side: Embedded | Vectors | Sequence[Any]) -> Embedded | Vectors:
        """What is known of one modality, as vectors where the imputer is."""
        if isinstance(side, Embedded):
            return Embedded(z=side.z.to(self.device), rows=side.rows.to(self.device))
        given = torch.as_tensor(side) if isinstance(side, Tensor | np.ndarray) else self.encode(name, side)
        return self._unit(given).to(self.device)

    def _unit(self, z: Tensor) -> Float[Tensor, "n dim"]:
        """Vectors of this model's space, made unit and float32."""
        if z.ndim != 2 or z.shape[1] != self.dim:
            raise UsageError(f"this model's vectors are (n, {self.dim}); got {tuple(z.shape)}")
        return functional.normalize(z.float(), dim=1)
