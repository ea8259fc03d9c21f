"""`comma study`: a table of models x folds x tasks that was written down before any figure was known."""
