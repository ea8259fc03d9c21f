"""Where a training stands at the end of an epoch, kept so that it goes on exactly from there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from benchmarks.structure_accuracy import arrays


@dataclass(kw_only=True)
class State:
    """What changes while a model is trained; orders of rows and rates follow from seed and epoch."""

    module: nn.Module
    optimizer: Optimizer
    average: AveragedModel
    epoch: int = 0
    """Epochs that are finished."""
    seconds: list[float] = field(default_factory=list)
    """Of each."""

    def save(self, path: Path, of: str) -> None:
        """Write weights, moments, random numbers and epochs, with what tells this training from others."""
        told = {"of": of, "epoch": self.epoch, "seconds": self.seconds, "random": torch.get_rng_state().numpy()}
        arrays.write(path, told | self._tensors())

    def load(self, path: Path, of: str) -> None:
        """Go on from a file.

        Raises:
            ValueError: the file is of another training.
        """
        found = arrays.read(path)
        if str(found["of"]) != of:
            raise ValueError(f"{path} is the state of {found['of']}, not of {of}: remove it to begin anew")
        self.epoch, self.seconds = int(found["epoch"]), found["seconds"].tolist()
        self.module.load_state_dict(_below(found, "module"))
        self.average.load_state_dict(_below(found, "average"))
        moments: dict[int, dict[str, Tensor]] = {}
        for key, values in _below(found, "optimizer").items():
            number, _, name = key.partition("/")
            moments.setdefault(int(number), {})[name] = values
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})
        torch.set_rng_state(torch.from_numpy(found["random"]))

    def _tensors(self) -> dict[str, np.ndarray]:
        found = {f"module/{name}": values for name, values in self.module.state_dict().items()}
        found |= {f"average/{name}": values for name, values in self.average.state_dict().items()}
        for number, moments in self.optimizer.state_dict()["state"].items():
            found |= {f"optimizer/{number}/{name}": values for name, values in moments.items()}
        return {name: values.numpy() for name, values in found.items()}


def _below(found: Mapping[str, np.ndarray], part: str) -> dict[str, Tensor]:
    """The tensors of one part, by their names within it."""
    names = [name for name in found if name.startswith(f"{part}/")]
    return {name.removeprefix(f"{part}/"): torch.from_numpy(found[name]) for name in names}
