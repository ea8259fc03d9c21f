"""A run that takes a second."""

from comma_align.config import Run


def settings(data, **changes):
    given = {
        "name": "tiny",
        "data": str(data),
        "modalities": ("structure", "text", "composition"),
        "encoders": {
            "structure": {"width": 16, "layers": 1},
            "text": {"width": 16, "heads": 2},
            "composition": {"width": 16},
        },
        "dim": 16,
        "epochs": 6,
        "batch_size": 8,
        "validate_every": 3,
        "checkpoint_every": 2,
        "augmentation": {"structure": 1.0, "text": 1.0},
    }
    return Run(**(given | changes))
