"""Tasks, baselines and metrics."""

__version__ = "0.1.0"
