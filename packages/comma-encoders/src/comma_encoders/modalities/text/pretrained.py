"""A Hugging Face encoder in place of the layers within a step, by name on the hub or from a local folder.

Its tokens are those of its own tokenizer. What a saved model keeps beside its weights are the encoder's config and its
tokenizer, both JSON, so that it loads without the hub and without the folder it came from.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import tokenizers
import torch
from jaxtyping import Float
from torch import Tensor, nn

from comma_encoders.errors import MissingDependencyError, UsageError
from comma_encoders.files import stamp
from comma_encoders.modalities.text.config import Config
from comma_encoders.modalities.text.layers import Layout
from comma_encoders.modalities.text.tokenizer import Token
from comma_encoders.types import Inputs

TOP = 2
"""Layers that `tune = "top"` trains."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """What says what an encoder is, all but its weights: the content of two files."""

    name: str
    """What the user called it."""
    config: str
    tokenizer: str


def is_content(text: str) -> bool:
    """Whether this is the content of a JSON file, rather than a path or a name."""
    return text.lstrip().startswith("{")


def is_config(pretrained: str) -> bool:
    """Whether this is a config or the path of one, which give random weights, rather than a folder or a name."""
    return is_content(pretrained) or pretrained.endswith(".json")


def of(config: Config) -> Source:
    """What a config's encoder is.

    Raises:
        UsageError: neither a config, nor the path of one, nor a folder with an encoder, nor a name that the hub has; or
            a tokenizer that cannot be read.
        MissingDependencyError: transformers is not installed.
    """
    name, tokenizer = config.pretrained, config.tokenizer
    if not is_config(name):
        return _elsewhere(name, tokenizer)
    tokenizer = tokenizer or str(Path(name).with_name("tokenizer.json"))
    told = "the config of the model" if is_content(name) else name
    return Source(name=told, config=_content(name), tokenizer=_content(tokenizer))


@lru_cache(maxsize=8)
def _elsewhere(pretrained: str, tokenizer: str) -> Source:
    """That of a folder or of the hub; read once, as its weights are."""
    config = _had(pretrained, "AutoConfig").to_json_string()
    content = _content(tokenizer) if tokenizer else _had(pretrained, "AutoTokenizer").backend_tokenizer.to_str()
    return Source(name=pretrained, config=config, tokenizer=content)


def _content(given: str) -> str:
    """The content of a JSON file, from that or its path."""
    return given if is_content(given) else _of_file(Path(given), stamp(Path(given)))


@lru_cache(maxsize=8)
def _of_file(path: Path, _stamp: tuple[int, int]) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(f"text: {path} cannot be read: {error}") from error


def _transformers() -> Any:
    try:
        import transformers  # noqa: PLC0415  an optional package that takes seconds to import
    except ImportError as error:
        raise MissingDependencyError(
            f"text: a pretrained encoder needs transformers ({error}). Remedy: pip install 'comma-encoders[pretrained]'"
        ) from error
    return transformers


def _had(pretrained: str, kind: str, **options: Any) -> Any:
    """`transformers.<kind>.from_pretrained`, never running code of the hub.

    Raises:
        UsageError: it cannot be had.
    """
    name, _, revision = pretrained.partition("@") if not Path(pretrained).is_dir() else (pretrained, "", "")
    try:
        return getattr(_transformers(), kind).from_pretrained(
            name, revision=revision or "main", trust_remote_code=False, **options
        )
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(
            f"text: no encoder could be read from pretrained = {pretrained!r} ({reason[:300]}). It has to be a local "
            "folder with config.json, a tokenizer and model.safetensors, or a name on huggingface.co that can be "
            "reached from here. Remedy without network: download it elsewhere and give the folder's path"
        ) from error


def padding(config: Config) -> int:
    """The id that fills up a block: 0, or what a pretrained encoder has for it."""
    return _padding(of(config)) if config.pretrained else 0


@lru_cache(maxsize=8)
def _padding(encoder: Source) -> int:
    return int(_read(encoder).get("pad_token_id") or 0)


def _read(encoder: Source) -> dict[str, Any]:
    try:
        content = json.loads(encoder.config)
    except ValueError as error:
        raise UsageError(
            f"text: {encoder.name} cannot be read as the config of a pretrained encoder: {error}"
        ) from error
    if not isinstance(content, dict) or "model_type" not in content:
        raise UsageError(f"text: {encoder.name} is no config of a Hugging Face encoder: it has no model_type")
    return content


@lru_cache(maxsize=8)
def _tokenizer(encoder: Source, longest: int) -> tokenizers.Tokenizer:
    try:
        tokenizer = tokenizers.Tokenizer.from_str(encoder.tokenizer)
    except Exception as error:  # the library raises nothing narrower
        raise UsageError(f"text: the tokenizer of {encoder.name} cannot be read: {error}") from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(longest)
    return tokenizer


MASKS = ("[MASK]", "<mask>", "<MASK>")
"""How tokenizers write the symbol of a hidden token."""


def special(config: Config) -> tuple[int, tuple[int, ...]]:
    """The symbol of a hidden token, and all that are no words: it, padding, and what stands around each step.

    Raises:
        UsageError: the tokenizer has no symbol of a hidden token.
    """
    tokenizer = _tokenizer(of(config), config.max_tokens)
    mask = next((i for i in map(tokenizer.token_to_id, MASKS) if i is not None), None)
    if mask is None:
        raise UsageError(
            f"text: the tokenizer of {of(config).name!r} has none of the symbols {', '.join(MASKS)}, so tokens "
            "cannot be hidden; pre-train the package's own encoder (pretrained = ''), or take an encoder such as BERT"
        )
    added = (i for i, token in tokenizer.get_added_tokens_decoder().items() if token.special)
    return int(mask), tuple({int(mask), padding(config), *added, *tokenizer.encode("").ids})


def symbols(config: Config) -> int:
    """Ids of the encoder's tokenizer run from 0 to below this."""
    return 1 + max(_tokenizer(of(config), config.max_tokens).get_vocab().values())


def pieces(step: str, config: Config) -> Sequence[tuple[Token, ...]]:
    """The tokens of a step, cut where it is longer than `max_tokens`; each piece has the encoder's special tokens."""
    return _pieces(step, of(config), config.max_tokens)


@lru_cache(maxsize=65536)
def _pieces(step: str, encoder: Source, longest: int) -> Sequence[tuple[Token, ...]]:
    tokenizer = _tokenizer(encoder, longest)
    first = tokenizer.encode(step)
    with_words = (piece for piece in (first, *first.overflowing) if not all(piece.special_tokens_mask))
    return tuple(tuple((i, None) for i in piece.ids) for piece in with_words)


def backbone(config: Config) -> nn.Module:
    """The encoder: with its weights where it comes from a folder or the hub, with random ones where from a config.

    Raises:
        UsageError: it cannot be had, is no encoder, does not fit its tokenizer, or does not take steps of `max_tokens`
            tokens.
    """
    if is_config(config.pretrained):
        model: Any = _bare(of(config))
    else:
        model = _had(config.pretrained, "AutoModel", use_safetensors=True)
    encoder = of(config)
    if getattr(model.config, "is_encoder_decoder", False):
        raise UsageError(f"text: {encoder.name!r} is an encoder with a decoder; give an encoder such as BERT")
    symbols = _tokenizer(encoder, config.max_tokens).get_vocab_size()
    if symbols > model.config.vocab_size:
        raise UsageError(f"text: {encoder.name!r} knows {model.config.vocab_size} symbols, its tokenizer {symbols}")
    # some encoders count positions from the id of the padding
    most = getattr(model.config, "max_position_embeddings", config.max_tokens + 2) - 2
    if config.max_tokens > most:
        raise UsageError(f"text: max_tokens = {config.max_tokens}; {encoder.name!r} takes at most {most}")
    if getattr(model, "pooler", None) is not None:
        model.pooler = None  # its output is not used, and a parameter without a gradient would be dead weight
    module: nn.Module = model.float()
    return module


CODE = ("auto_map", "attn_implementation", "_attn_implementation", "custom_pipelines")
"""Keys of a config that name code of the hub; what loads a model of others never runs any."""


def _bare(encoder: Source) -> Any:
    """The encoder of a config, with random weights."""
    content = {key: value for key, value in _read(encoder).items() if key not in CODE}
    transformers = _transformers()
    try:
        own = transformers.AutoConfig.for_model(content.pop("model_type"), **content)
        return transformers.AutoModel.from_config(own, trust_remote_code=False)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(
            f"text: {encoder.name} is no config of an encoder that transformers has: {reason[:300]}"
        ) from error


def tuned(model: nn.Module, tune: str) -> None:
    """Let only what `Config.tune` names be trained.

    Raises:
        UsageError: another word.
    """
    if tune not in ("all", "top", "nothing"):
        raise UsageError(f"text: tune = {tune!r}; it has to be all, top or nothing")
    model.requires_grad_(tune == "all")
    if tune == "top":
        stacks = (list(m) for m in model.modules() if isinstance(m, nn.ModuleList))
        for layer in max(stacks, key=len)[-TOP:]:
            layer.requires_grad_(True)  # noqa: FBT003  torch's own signature


class Pretrained(nn.Module):
    """Tokens within a step through a pretrained encoder, then a linear map to the width of the steps."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        model: Any = backbone(config)
        self.backbone = model
        self.frozen = config.tune == "nothing"
        tuned(self.backbone, config.tune)
        self.project = nn.Linear(model.config.hidden_size, config.width)
        self.train()

    def train(self, mode: bool = True) -> "Pretrained":  # noqa: FBT001, FBT002  torch's own signature
        """As usual, but a frozen encoder never drops out."""
        super().train(mode)
        self.backbone.train(mode and not self.frozen)
        return self

    def forward(self, inputs: Inputs, places: Layout) -> Float[Tensor, "places width"]:
        """One vector a place."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            parts = zip(inputs["ids"].split(places.sizes), places.blocks, places.masks, strict=True)
            states = torch.cat([self._block(ids.view(block), mask) for ids, block, mask in parts])
        vectors: Tensor = self.project(states)
        return vectors

    def _block(self, ids: Tensor, mask: Tensor | None) -> Float[Tensor, "places hidden"]:
        there = torch.ones_like(ids) if mask is None else mask.to(ids.dtype)
        states: Tensor = self.backbone(input_ids=ids, attention_mask=there).last_hidden_state
        return states.flatten(0, 1)
