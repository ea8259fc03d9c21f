"""One loaded model for all who name it, so that many transformers and featurizers do not load it again."""

from functools import lru_cache
from pathlib import Path

from comma_encoders.errors import UsageError
from comma_encoders.files import stamp
from comma_encoders.hub import from_pretrained
from comma_encoders.locate import local
from comma_encoders.model import AlignedModel


@lru_cache(maxsize=4)
def _loaded(name: str, device: str, _stamp: tuple[int, int]) -> AlignedModel:
    return from_pretrained(name, device=device)


def _named(name: str, device: str) -> AlignedModel:
    """A folder is read again where it holds another model than before."""
    place = local(name)
    return _loaded(name, device, (0, 0) if place is None else stamp(place / "manifest.json"))


def model_of(model: AlignedModel | str | Path, modality: str, device: str) -> AlignedModel:
    """The model itself, or the one of that name, loaded once.

    Raises:
        UsageError: there is no such model, or it lacks the modality.
    """
    found = model if isinstance(model, AlignedModel) else _named(str(model), device)
    if modality not in found.configs:
        raise UsageError(f"the model has no modality {modality!r}; it has {', '.join(found.configs)}")
    return found
