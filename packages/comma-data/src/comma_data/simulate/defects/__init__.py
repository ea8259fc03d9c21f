"""Crystal defects in the specimen that a micrograph shows, one file for a kind or family."""
