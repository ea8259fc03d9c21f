"""One module per origin: `read(path)` yields what stands there, or why it was left out."""
