"""Where a trained model of a given name is: in the package, in a folder, or on the Hugging Face hub."""

import re
from pathlib import Path

from comma_encoders.errors import UsageError

SHIPPED = Path(__file__).parent / "pretrained"
"""The trained models inside the package, one folder each."""
DEFAULT = "comma-small"
"""The model that commands use where none is named."""

REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


def shipped() -> tuple[str, ...]:
    """Names of the trained models that this installation holds."""
    return tuple(sorted(path.parent.name for path in SHIPPED.glob("*/config.json")))


def local(name: str | Path) -> Path | None:
    """The folder of a model that is on this machine; None for a name that looks like a repository of the hub.

    A folder of one's own comes before a model of the package, and both before the hub.

    Raises:
        UsageError: neither a folder, nor a model of the package, nor the name of a repository.
    """
    path, text = Path(name), str(name)
    if path.is_dir():
        return path
    if text in shipped():
        return SHIPPED / text
    if isinstance(name, str) and REPOSITORY.fullmatch(name) and not name.startswith("."):
        return None
    have = f"this installation holds {', '.join(shipped())}" if shipped() else "this installation holds none"
    raise UsageError(
        f"there is no model in {name}: no such folder, no model of the package ({have}), and no owner/name on the "
        "Hugging Face hub"
    )
