"""Features of values from a model: its aligned unit vectors, or what an encoder gives before the projection head."""

from collections.abc import Iterable
from typing import Any, Literal, get_args

import torch

from comma_encoders.encoding import Encoded, Way, encode, evaluating, is_one
from comma_encoders.errors import UsageError
from comma_encoders.modality import get
from comma_encoders.model import AlignedModel
from comma_encoders.types import Inputs

Output = Literal["aligned", "encoder"]
"""`aligned`: unit vectors of the shared space; `encoder`: the encoder alone."""


def check_output(output: str) -> None:
    """Refuse another word.

    Raises:
        UsageError: it is none of the two.
    """
    if output not in get_args(Output):
        raise UsageError(f"output={output!r}; it has to be {' or '.join(map(repr, get_args(Output)))}")


def width(model: AlignedModel, modality: str, output: Output) -> int:
    """Number of features."""
    encoder: Any = model.encoders[modality]
    return model.dim if output == "aligned" else int(encoder.width)


@torch.no_grad()
def features(
    model: AlignedModel, modality: str, values: Iterable[object], output: Output, *, batch_size: int = 64
) -> Encoded:
    """Features of values; what cannot be encoded is reported in the result.

    Args:
        model: that has the modality.
        modality: what the values are.
        values: as `AlignedModel.encode` takes them.
        output: which features.
        batch_size: values in a batch at most.
    """
    if output == "aligned":
        return model.encode_all(modality, list(values), batch_size=batch_size, progress=False)
    config, device = model.configs[modality], model.device

    def run(inputs: Inputs) -> torch.Tensor:
        return model.encoders[modality]({key: tensor.to(device) for key, tensor in inputs.items()})

    way = Way(
        coerce=get(modality).coerce,
        collate=lambda some: get(modality).collate(some, config),
        run=run,
        dim=width(model, modality, output),
    )
    with evaluating(model):
        return encode(values, way, batch_size=batch_size)


def several(modality: str, values: Any) -> list[Any]:
    """The values of what a library passes: one is one, though structures, molecules and ASE's atoms can be iterated."""
    return [values] if is_one(modality, values) else list(values)
