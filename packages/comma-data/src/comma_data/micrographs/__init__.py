"""Micrographs in the formats that microscopes and image programs write."""
