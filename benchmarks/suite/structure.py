"""The structure encoder beside its peers, of the same width, on the same crystals: training steps and inference."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from comma_data.sample import RawStructure
from comma_encoders.modalities.structure.config import PRESETS, Config
from comma_encoders.modality import get
from torch import Tensor, nn

from benchmarks.structure_accuracy.models import CGCNN, M3GNet, MEGNet
from benchmarks.suite import memory
from benchmarks.suite.crystals import Crystals
from benchmarks.suite.measure import Costs, Measurement, alternate

CRYSTALS = 64
PRESET = "base"
STEP, INFERENCE, MEMORY = "step", "inference", "step memory"

Inputs = Mapping[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Side:
    """A model, and what it says of the crystals."""

    module: nn.Module
    output: Callable[[], Tensor]

    def step(self) -> None:
        """Forward and backward pass."""
        self.module.train()
        self.module.zero_grad()
        self.output().square().mean().backward()

    def infer(self) -> None:
        """Forward pass alone."""
        self.module.eval()
        with torch.no_grad():
            self.output()


@dataclass(frozen=True, kw_only=True)
class Peer:
    """Another model."""

    name: str
    """Behind the name of a row."""
    told: str
    make: Callable[[Sequence[RawStructure], Inputs, Config], Side]
    slow: bool = False
    """Measured half as often."""


def measure(
    crystals: Crystals, pairs: int = 6, chosen: Mapping[str, Sequence[str]] | None = None
) -> Iterator[Measurement]:
    """Time passes, and what memory they take; all get their edges ready-made.

    SchNet gets our edges; CGCNN the twelve nearest neighbours, MEGNet and M3GNet the neighbours within 5 Å, M3GNet the
    triplets within 4 Å too, that they are built for.

    Args:
        crystals: the collection.
        pairs: runs of each side.
        chosen: peer -> what is measured beside it; SMOKE without.
    """
    values = crystals.structures(CRYSTALS)
    modality, config = get("structure"), PRESETS[PRESET]
    inputs = modality.collate(values, config)
    encoder = modality.Encoder(config)
    ours = Side(module=encoder, output=lambda: encoder(inputs))
    sizes = (
        f"{len(values)} crystals, {len(inputs['numbers'])} atoms, {len(inputs['source'])} edges within "
        f"{config.cutoff:g} Å, preset {PRESET} ({config.layers} layers), {config.width} channels each, "
        f"{torch.get_num_threads()} threads"
    )
    for name, wanted in (SMOKE if chosen is None else chosen).items():
        peer = PEERS[name]
        theirs = peer.make(values, inputs, config)
        for what in wanted:
            if what == MEMORY and not memory.AVAILABLE:
                continue
            yield Measurement(
                name=f"{what}{peer.name}, {crystals.name}",
                peer=peer.told,
                sizes=sizes,
                metric="MiB" if what == MEMORY else "seconds",
                costs=_costs(what, ours, theirs, max(1, pairs // 2) if peer.slow else pairs),
            )


def _costs(what: str, ours: Side, theirs: Side, pairs: int) -> Costs:
    if what == MEMORY:  # hardly varies, and the step has run by now
        return alternate(ours.step, theirs.step, pairs=max(1, pairs // 5), cost=memory.extra_peak, warm=False)
    if what == INFERENCE:
        return alternate(ours.infer, theirs.infer, pairs=pairs)
    return alternate(ours.step, theirs.step, pairs=pairs)


def _side(model: CGCNN | MEGNet | M3GNet, values: Sequence[RawStructure]) -> Side:
    batch = model.batch([model.prepare(value) for value in values])
    return Side(module=model.module, output=lambda: model.output(batch))


def _cgcnn(values: Sequence[RawStructure], _: Inputs, config: Config) -> Side:
    return _side(CGCNN(0, width=config.width), values)


def _megnet(values: Sequence[RawStructure], _: Inputs, config: Config) -> Side:
    width = config.width
    sizes = {"hidden_layer_sizes_input": (width, width), "hidden_layer_sizes_conv": (width, width, width)}
    return _side(MEGNet(0, dim_node_embedding=width, **sizes), values)


def _m3gnet(values: Sequence[RawStructure], _: Inputs, config: Config) -> Side:
    return _side(M3GNet(0, width=config.width), values)


def _schnet(values: Sequence[RawStructure], inputs: Inputs, config: Config) -> Side:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside the library, at import
        from torch_geometric.nn.models import SchNet
    target = torch.repeat_interleave(torch.arange(len(inputs["numbers"])), inputs["start"].diff())
    edges, distance = torch.stack([inputs["source"], target]), inputs["vector"].norm(dim=1)
    positions = torch.from_numpy(np.concatenate([value["positions"] for value in values]).astype(np.float32))
    model = SchNet(
        hidden_channels=config.width,
        num_filters=config.width,
        num_interactions=6,
        cutoff=config.cutoff,
        interaction_graph=lambda _positions, _batch: (edges, distance),
    )
    return Side(module=model, output=lambda: model(inputs["numbers"], positions, inputs["structure"]))


PEERS: Mapping[str, Peer] = {
    "SchNet": Peer(name="", told="PyG SchNet, 6 layers, 50 Gaussians", make=_schnet),
    "CGCNN": Peer(name=", CGCNN", told="CGCNN of PyG's CGConv, 3 layers", make=_cgcnn),
    "MEGNet": Peer(name=", MEGNet", told="matgl's MEGNet, 3 blocks", make=_megnet),
    "M3GNet": Peer(name=", M3GNet", told="matgl's M3GNet, 3 blocks", make=_m3gnet, slow=True),
}
SMOKE: Mapping[str, Sequence[str]] = {"SchNet": (STEP, MEMORY), "CGCNN": (STEP,), "M3GNet": (STEP,)}
"""What the bench measures beside each peer."""
