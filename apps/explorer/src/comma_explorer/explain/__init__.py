"""What of a value makes it similar to another: attributions, the checks that tell how far to trust them, a page."""
