"""One folder a modality. They do not know of each other."""
