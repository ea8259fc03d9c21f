"""What a text encoder has from files: a vocabulary, or config and tokenizer of a pretrained encoder.

A config names a file by its path, or holds the content: that of a loaded model does, which then needs no file.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from comma_encoders.errors import InputError
from comma_encoders.modalities.text import pretrained
from comma_encoders.modalities.text.config import Config
from comma_encoders.modalities.text.tokenizer import is_vocabulary, vocabulary_of
from comma_encoders.modality import File


def files(config: Config) -> Mapping[str, File]:
    """Config field -> file that a saved model keeps beside the weights."""
    if not config.pretrained:
        return {"vocabulary": File(content=vocabulary_of(config), suffix=".txt")}
    found = pretrained.of(config)
    return {
        "pretrained": File(content=found.config, suffix=".json"),
        "tokenizer": File(content=found.tokenizer, suffix=".json"),
    }


def own(config: Config) -> Config:
    """The config with what it names; but a folder or a name of the hub stays, whose weights are wanted too."""
    named = pretrained.is_config(config.pretrained) if config.pretrained else config.vocabulary
    contents: dict[str, Any] = {key: file.content for key, file in files(config).items()} if named else {}
    return replace(config, **contents)


def bare(config: Config) -> Config:
    """The config of a model folder as it is.

    Raises:
        InputError: it names a file or an encoder that is not in the folder.
    """
    if config.pretrained:
        whole = pretrained.is_content(config.pretrained) and pretrained.is_content(config.tokenizer)
    else:
        whole = not config.vocabulary or is_vocabulary(config.vocabulary)
    if not whole:
        raise InputError(
            "text: config.json names a vocabulary, tokenizer or encoder that is none of the hashed files of the "
            "folder, or whose file holds something else; copy the whole folder again"
        )
    return config
