"""Planted materials whose properties are known, and embedders of them; beside the tests that use them."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import torch
from comma_data.formulas import ATOMIC_NUMBERS
from comma_data.sample import Sample
from comma_data.split import fold
from comma_encoders.types import Embedded

SYMBOLS = tuple(ATOMIC_NUMBERS)


def material(number, *, polymorph=0, noise=0.0):
    """A cubic binary crystal; `amount` follows from its cell and elements, `gap` is zero for about half."""
    a, b = SYMBOLS[2 + number % 34], SYMBOLS[40 + (7 * number + number // 34) % 40]
    length = 3.5 + (number * 37 % 100) / 40 + 0.3 * polymorph
    formula = f"{a}{b}"
    amount = 2 * length + ATOMIC_NUMBERS[a] / 20 + noise
    return Sample(
        id=f"x-{number:04}-{polymorph}",
        fields={
            "structure": (
                {
                    "numbers": np.array([ATOMIC_NUMBERS[a], ATOMIC_NUMBERS[b]]),
                    "positions": np.array([[0.0, 0, 0], [length / 2] * 3]),
                    "cell": length * np.eye(3),
                    "periodic": np.ones(3, bool),
                },
            ),
            "composition": ({a: 1.0, b: 1.0},),
            "text": ((f"Mix {a} with {b}.", f"Heat at {round(100 * length)} °C."),),
        },
        groups={"formula": formula, "material": f"x-{number}", "fold": str(fold(formula))},
        targets={"amount": amount, "gap": max(amount - 10.5, 0.0), "kind": "planted"},
    )


def materials(n, *, seed=0):
    """Formulas with one or two polymorphs."""
    rng = np.random.default_rng(seed)
    return [
        material(number, polymorph=p, noise=0.2 * rng.normal())
        for number in range(n)
        for p in range(1 + (number % 3 == 0))
    ]


@dataclass
class Sees:
    """Embeds what it can see of a sample, linearly, and counts how often it is asked."""

    modalities: tuple = ("structure", "composition", "text")
    asked: Counter = field(default_factory=Counter)

    def embed(self, samples):
        found = {}
        for modality in self.modalities:
            pairs = [(row, value) for row, s in enumerate(samples) for value in s.fields.get(modality, ())]
            if pairs:
                self.asked.update(f"{modality} of {samples[row].id}" for row, _ in pairs)
                z = torch.tensor(np.array([getattr(self, f"_{modality}")(value) for _, value in pairs]))
                found[modality] = Embedded(z=z.float(), rows=torch.tensor([row for row, _ in pairs]))
        return found

    @staticmethod
    def _structure(value):
        length = value["cell"][0, 0]
        return [length, value["numbers"][0] / 20, value["numbers"][1] / 20, 1.0]

    @staticmethod
    def _composition(value):
        return [ATOMIC_NUMBERS[symbol] / 20 for symbol in value]

    @staticmethod
    def _text(value):
        return [float(value[1].split()[2]), float(len(value))]
