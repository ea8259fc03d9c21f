"""Search across modalities, and what an answer rests on."""

__version__ = "0.1.0"
