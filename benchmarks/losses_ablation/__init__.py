"""All objectives on one frozen set of features: what the loss alone is worth."""
