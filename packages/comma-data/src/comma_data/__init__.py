"""Build, check and read aligned materials data."""

__version__ = "0.2.0"
