"""What the task `defects` is made of."""
