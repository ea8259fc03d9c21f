"""Whether attributions of a pair's similarity find what the similarity rests on."""
