"""Encoders from raw material values to unit vectors."""

__version__ = "0.1.0"
