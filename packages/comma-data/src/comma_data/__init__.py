"""Build, check and read aligned materials data."""

__version__ = "0.1.0"
