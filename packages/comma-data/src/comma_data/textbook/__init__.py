"""The embedded set of textbook crystals: its tables, the models of a row, and how a row becomes a cell."""
