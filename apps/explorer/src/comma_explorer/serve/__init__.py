"""A web app over search, explanations and the atlas, for one person on one machine."""
