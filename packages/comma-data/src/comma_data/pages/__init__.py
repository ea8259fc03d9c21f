"""Self-contained pages about a data set and about one sample: no script, no network."""
