"""Powder patterns and micrographs computed from a structure."""
