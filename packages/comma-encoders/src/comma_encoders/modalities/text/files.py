"""What a saved model keeps of its text encoder beside the weights."""

from collections.abc import Mapping
from pathlib import Path

from comma_encoders.modalities.text import pretrained
from comma_encoders.modalities.text.config import Config
from comma_encoders.modalities.text.tokenizer import path_of


def files(config: Config) -> Mapping[str, Path]:
    """Config field -> file: the vocabulary, or config and tokenizer of a pretrained encoder."""
    return pretrained.files(config) if config.pretrained else {"vocabulary": path_of(config)}
