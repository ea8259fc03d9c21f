"""Foreign structure formats, one file each: bytes -> what the file says of its sites."""
