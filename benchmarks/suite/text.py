"""One training step of the text encoder beside a BERT of the same width, heads and layers on the padded whole texts."""

import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from comma_data.protocol import steps
from comma_data.sample import Record
from comma_data.sources import recipes, textbook
from comma_encoders.modalities.text.tokenizer import tokenizer_of
from comma_encoders.modality import get
from torch import Tensor, nn

from benchmarks.suite.crystals import spaced
from benchmarks.suite.measure import Measurement, alternate

PROTOCOLS = 64
PRECISIONS = {"bf16": True, "fp32": False}
"""Name -> whether autocast is on, for both sides."""

Protocol = tuple[str, ...]


def measure(pairs: int = 7, precisions: Sequence[str] = tuple(PRECISIONS)) -> Iterator[Measurement]:
    """Time forward and backward pass; both get the same tokens ready-made."""
    for name, protocols in _collections():
        ours, theirs, sizes = _sides(protocols)
        for precision in precisions:
            autocast = PRECISIONS[precision]
            costs = alternate(partial(_step, *ours, autocast), partial(_step, *theirs, autocast), pairs=pairs)
            yield Measurement(
                name=f"text step, {name}, {precision}",
                peer="transformers BertModel",
                sizes=sizes,
                costs=costs,
                goal="1x",
            )


def _collections() -> Iterator[tuple[str, Sequence[Protocol]]]:
    """Protocols of the textbook set, and text-mined recipes where COMMA_DATA names a folder that holds them."""
    yield "textbook", _told(textbook.read())
    root = os.environ.get("COMMA_DATA")
    if root and Path(root, "synthesis-recipes").is_dir():
        yield "recipes", _told(recipes.read(Path(root, "synthesis-recipes")))
    else:
        print("no synthesis-recipes/ below COMMA_DATA: measured on textbook protocols alone", file=sys.stderr)


def _told(records: Iterator[Any]) -> list[Protocol]:
    texts = [steps(r.value, "precursors") for r in records if isinstance(r, Record) and r.modality == "text"]
    return spaced([text for text in texts if text], PROTOCOLS)


Side = tuple[nn.Module, Callable[[], Tensor]]
"""A model, and what makes its vectors."""


def _sides(protocols: Sequence[Protocol]) -> tuple[Side, Side, str]:
    """Our encoder, BERT, and what they work on."""
    config = get("text").Config()
    encoder, inputs = get("text").Encoder(config), get("text").collate(protocols, config)
    whole = [[token for step in text for token, _ in tokenizer_of(config).encode(step)] for text in protocols]
    ids = nn.utils.rnn.pad_sequence([torch.tensor(tokens) for tokens in whole], batch_first=True)
    bert = _bert(config, ids.shape[1])
    there = (ids > 0).long()
    sizes = (
        f"{len(protocols)} protocols, {int(there.sum())} tokens: {len(inputs['ids'])} places in steps, {ids.numel()} in"
        f" padded texts; {config.width} channels, {config.token_layers + config.step_layers} layers, "
        f"{torch.get_num_threads()} threads"
    )
    return (
        (encoder, lambda: encoder(inputs)),
        (bert, lambda: bert(input_ids=ids, attention_mask=there).last_hidden_state),
        sizes,
    )


def _bert(config: Any, longest: int) -> nn.Module:
    """A BERT with random weights; without dropout of attention weights, which ours has not either."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside the library, at import
        from transformers import BertConfig, BertModel
    settings: Mapping[str, Any] = {
        "vocab_size": len(tokenizer_of(config)),
        "hidden_size": config.width,
        "num_hidden_layers": config.token_layers + config.step_layers,
        "num_attention_heads": config.heads,
        "intermediate_size": 4 * config.width,
        "max_position_embeddings": longest,
        "hidden_dropout_prob": config.dropout,
        "attention_probs_dropout_prob": 0.0,
    }
    model: nn.Module = BertModel(BertConfig(**settings), add_pooling_layer=False)
    return model.train()


def _step(model: nn.Module, vectors: Callable[[], Tensor], autocast: bool) -> None:  # noqa: FBT001 - bound by partial
    model.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        loss = vectors().float().square().mean()
    loss.backward()
