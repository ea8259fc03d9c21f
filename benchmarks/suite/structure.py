"""One training step of the structure encoder beside SchNet, of the same width and depth, on the same edges."""

import warnings
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from comma_data.sample import RawStructure
from comma_encoders.modality import get
from torch import Tensor, nn

from benchmarks.suite import memory
from benchmarks.suite.crystals import Crystals
from benchmarks.suite.measure import Costs, Measurement, alternate

CRYSTALS = 64
CHANNELS = 128
LAYERS = 6
CUTOFF = 5.0
"""Å."""


def measure(crystals: Crystals, pairs: int = 6) -> Iterator[Measurement]:
    """Time forward and backward pass, and what memory they take; both get their edges ready-made."""
    values = crystals.structures(CRYSTALS)
    modality = get("structure")
    config = modality.Config(width=CHANNELS, layers=LAYERS, cutoff=CUTOFF)
    inputs = modality.collate(values, config)
    ours, schnet = _ours(modality.Encoder(config), inputs), _schnet(values, inputs)
    peer = "PyG SchNet, 50 Gaussians"
    sizes = (
        f"{len(values)} crystals, {len(inputs['numbers'])} atoms, {len(inputs['target'])} edges within {CUTOFF:g} Å, "
        f"{CHANNELS} channels, {LAYERS} layers, {torch.get_num_threads()} threads"
    )

    def line(name: str, metric: str, costs: Costs) -> Measurement:
        return Measurement(name=f"{name}, {crystals.name}", peer=peer, sizes=sizes, metric=metric, costs=costs)

    yield line("step", "seconds", alternate(ours, schnet, pairs=pairs))
    if memory.AVAILABLE:
        # the step has run by now, and its memory hardly varies
        yield line("step memory", "MiB", alternate(ours, schnet, pairs=1, cost=memory.extra_peak, warm=False))


def _ours(encoder: nn.Module, inputs: Mapping[str, Tensor]) -> Callable[[], None]:
    return lambda: _step(encoder, lambda: encoder(inputs))


def _schnet(values: list[RawStructure], inputs: Mapping[str, Tensor]) -> Callable[[], None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside the library, at import
        from torch_geometric.nn.models import SchNet
    edges = torch.stack([inputs["source"], inputs["target"]])
    positions = torch.from_numpy(np.concatenate([value["positions"] for value in values]).astype(np.float32))
    model = SchNet(
        hidden_channels=CHANNELS,
        num_filters=CHANNELS,
        num_interactions=LAYERS,
        cutoff=CUTOFF,
        interaction_graph=lambda _positions, _batch: (edges, inputs["distance"]),
    )
    return lambda: _step(model, lambda: model(inputs["numbers"], positions, inputs["structure"]))


def _step(model: nn.Module, output: Callable[[], Tensor]) -> None:
    model.zero_grad()
    output().square().mean().backward()
