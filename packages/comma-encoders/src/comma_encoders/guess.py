"""Which modality a file is, by its ending."""

from pathlib import Path

from comma_encoders.errors import UsageError
from comma_encoders.modality import names

ENDINGS = {
    "structure": (".cif", ".vasp", ".poscar", ".xsf", ".cssr", ".mcif"),
    "text": (".txt", ".md"),
    "image": (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp"),
    "xrd": (".xy", ".xye", ".dat", ".csv"),
}
"""Modality -> endings of its files; what is none of these has to be named."""
NAMES = {"POSCAR": "structure", "CONTCAR": "structure"}
"""Files that go by their name."""


def modality_of(path: str) -> str:
    """The modality of a file.

    Raises:
        UsageError: its ending says nothing.
    """
    name, ending = Path(path).name, Path(path).suffix.lower()
    if name in NAMES:
        return NAMES[name]
    for modality, endings in ENDINGS.items():
        if ending in endings:
            return modality
    if path in names():
        raise UsageError(f"{path!r} is taken for a file; to say what the values are, write --modality {path}")
    if Path(path).is_dir():
        raise UsageError(f"{path} is a folder; give the files in it, e.g. {path.rstrip('/')}/*.cif")
    known = ", ".join(ending for endings in ENDINGS.values() for ending in endings)
    raise UsageError(
        f"cannot tell from its name what {path} is; say it with --modality {'|'.join(names())}. Known endings: {known}"
    )
