"""Faults and threats, tried in numbers."""
