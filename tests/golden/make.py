"""Make the golden shard and model folder: `python tests/golden/make.py`, once for each format, never over an old one.

They stand for what earlier releases wrote; a later release has to read them and give the same numbers.
"""

import json
from pathlib import Path

import comma_data
from comma_data.build import prepare
from comma_data.config import read_build
from comma_data.simulated import simulator
from comma_data.writer import Description, write
from comma_encoders.folder import save
from comma_encoders.modality import get
from comma_encoders.model import AlignedModel

HERE = Path(__file__).parent / f"v{comma_data.__version__}"
CHOSEN = ("tb-nacl", "tb-tio2-rutile", "tb-srtio3")
SMALL = {
    "structure": {"width": 8, "layers": 1, "splines": 8, "moments": (4, 2, 2)},
    "text": {"width": 8, "heads": 2, "token_layers": 1},
    "composition": {"width": 8, "layers": 1},
}


def main() -> None:
    """Write three crystals, a small model with random weights, and the vectors that it gives them."""
    plan = read_build("textbook")
    samples = [s for s in prepare(plan, root=None).joined.samples if s.id in CHOSEN]
    (first,) = simulator(plan.simulate, samples)(samples[0]).samples
    description = Description(name="golden", build={}, inputs={}, counts={}, joined={})
    write([first, *samples[1:]], HERE / "data", description)
    model = AlignedModel({name: get(name).Config(**settings) for name, settings in SMALL.items()}, dim=8)
    save(model.eval(), HERE / "model", {"run": "golden"})
    vectors = {name: embedded.z.tolist() for name, embedded in model.embed(samples).items()}
    (HERE / "vectors.json").write_text(json.dumps({"ids": [s.id for s in samples], "vectors": vectors}))


if __name__ == "__main__":
    main()
