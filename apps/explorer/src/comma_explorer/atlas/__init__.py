"""The map of an index: every structure a point, opened with its protocol and its nearest neighbours."""
