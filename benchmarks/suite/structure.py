"""One training step of the structure encoder beside its peers, of the same width, on the same crystals."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from comma_data.sample import RawStructure
from comma_encoders.modalities.structure.config import PRESETS
from comma_encoders.modality import get
from torch import Tensor, nn

from benchmarks.structure_accuracy.models import CGCNN, M3GNet
from benchmarks.suite import memory
from benchmarks.suite.crystals import Crystals
from benchmarks.suite.measure import Costs, Measurement, alternate

CRYSTALS = 64
PRESET = "base"

Step = Callable[[], None]


def measure(crystals: Crystals, pairs: int = 6) -> Iterator[Measurement]:
    """Time forward and backward pass, and what memory they take; all get their edges ready-made.

    SchNet gets our edges; CGCNN the twelve nearest neighbours and M3GNet the neighbours within 5 Å and the triplets
    within 4 Å that they are built for.
    """
    values = crystals.structures(CRYSTALS)
    modality, config = get("structure"), PRESETS[PRESET]
    inputs = modality.collate(values, config)
    ours = _step_of(modality.Encoder(config), inputs)
    sizes = (
        f"{len(values)} crystals, {len(inputs['numbers'])} atoms, {len(inputs['source'])} edges within "
        f"{config.cutoff:g} Å, preset {PRESET} ({config.layers} layers), {config.width} channels each, "
        f"{torch.get_num_threads()} threads"
    )

    def line(name: str, peer: str, metric: str, costs: Costs) -> Measurement:
        return Measurement(name=f"{name}, {crystals.name}", peer=peer, sizes=sizes, metric=metric, costs=costs)

    schnet = _schnet(values, inputs, config.width, config.cutoff)
    yield line("step", "PyG SchNet, 6 layers, 50 Gaussians", "seconds", alternate(ours, schnet, pairs=pairs))
    cgcnn = _peer(CGCNN(0, width=config.width), values)
    yield line("step, CGCNN", "CGCNN of PyG's CGConv, 3 layers", "seconds", alternate(ours, cgcnn, pairs=pairs))
    m3gnet = _peer(M3GNet(0, width=config.width), values)
    yield line("step, M3GNet", "matgl's M3GNet, 3 blocks", "seconds", alternate(ours, m3gnet, pairs=max(1, pairs // 2)))
    if memory.AVAILABLE:
        # the step has run by now, and its memory hardly varies
        yield line(
            "step memory", "PyG SchNet", "MiB", alternate(ours, schnet, pairs=1, cost=memory.extra_peak, warm=False)
        )


def _step_of(encoder: nn.Module, inputs: Mapping[str, Tensor]) -> Step:
    return lambda: _step(encoder, lambda: encoder(inputs))


def _peer(model: CGCNN | M3GNet, values: Sequence[RawStructure]) -> Step:
    batch = model.batch([model.prepare(value) for value in values])
    return lambda: _step(model.module, lambda: model.output(batch))


def _schnet(values: Sequence[RawStructure], inputs: Mapping[str, Tensor], width: int, cutoff: float) -> Step:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside the library, at import
        from torch_geometric.nn.models import SchNet
    target = torch.repeat_interleave(torch.arange(len(inputs["numbers"])), inputs["start"].diff())
    edges, distance = torch.stack([inputs["source"], target]), inputs["vector"].norm(dim=1)
    positions = torch.from_numpy(np.concatenate([value["positions"] for value in values]).astype(np.float32))
    model = SchNet(
        hidden_channels=width,
        num_filters=width,
        num_interactions=6,
        cutoff=cutoff,
        interaction_graph=lambda _positions, _batch: (edges, distance),
    )
    return lambda: _step(model, lambda: model(inputs["numbers"], positions, inputs["structure"]))


def _step(model: nn.Module, output: Callable[[], Tensor]) -> None:
    model.zero_grad()
    output().square().mean().backward()
