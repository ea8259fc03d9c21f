"""Structures and their properties from the web, into a folder that the source `structures` reads."""
