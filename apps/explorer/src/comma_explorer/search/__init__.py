"""Search across modalities: an index on disk, the question that it is asked, and what it answers."""
