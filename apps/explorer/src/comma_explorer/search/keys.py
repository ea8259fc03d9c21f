"""When two values are one: a short hash of a value's content, the same in every process."""

import hashlib
from typing import Any

from comma_data.codec import encode
from comma_data.sample import Sample

BYTES = 16
"""Of a key: among 10^9 values the chance of one coincidence is 10^-21."""


def key(modality: str, value: Any) -> bytes:
    """A hash of the bytes in which a data set stores the value; provenance and entry play no part.

    Args:
        modality: Its name.
        value: Raw value, as in `Sample.fields`.
    """
    members = encode(Sample(id="", fields={modality: (value,)}, groups={}))
    digest = hashlib.sha256()
    for name in sorted(members):
        digest.update(f"{name}:{len(members[name])}:".encode())
        digest.update(members[name])
    return digest.digest()[:BYTES]
