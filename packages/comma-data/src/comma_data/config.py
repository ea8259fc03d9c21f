"""The typed description of a build: what is read, what is refused, what is simulated."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from comma_data.configfile import find, load
from comma_data.split import SALT
from comma_data.validate import Guard

CONFIGS = Path(__file__).parent / "configs"
"""The named builds."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class Structures(_Frozen):
    """A folder or archive of CIF files."""

    path: str = "."
    """Below the root; searched with all folders and archives in it. `properties.csv` in it is read too."""
    origin: str = "computed"
    """Where the structures come from: computed, measured, handbook."""
    targets: Mapping[str, str] | None = None
    """Column of `properties.csv` -> name of the target. Not set: every column under its own name."""


class Recipes(_Frozen):
    """Text-mined recipes in JSON."""

    path: str = "synthesis-recipes"
    """Below the root: a `.json` or `.json.xz` file, or a folder of them."""
    optional: bool = False
    """Go on without, where the path does not exist."""


class Simulate(_Frozen):
    """Patterns and images that are computed from every structure."""

    patterns: int = Field(default=0, ge=0, le=1)
    """X-ray powder patterns per structure."""
    images: int = Field(default=0, ge=0, le=64)
    """HAADF-STEM images per structure, each under its own conditions."""
    seed: int = Field(default=0, ge=0)
    """Of the imaging conditions; combined with the sample's id and the image's number."""


class Build(_Frozen):
    """One data set."""

    name: str = Field(min_length=1, pattern=r"^[a-z0-9][a-z0-9-]*$")
    """Stands in the manifest, and names the folder where none is given."""
    textbook: bool = False
    """Read the crystals and protocols that come with the package."""
    structures: Structures | None = None
    """Crystal structures below the root."""
    recipes: Recipes | None = None
    """Protocols below the root, joined to structures by reduced formula."""
    simulate: Simulate = Simulate()
    """Diffraction patterns and images from the structures."""
    guard: Guard = Guard()
    """Bounds of a structure that can be computed with."""
    max_refused: float = Field(default=0.05, ge=0, le=1)
    """Refused share of the structures beyond which nothing is written."""
    max_refused_recipes: float = Field(default=0.7, ge=0, le=1)
    """Refused share of the recipes beyond which nothing is written; the targets of about half of the text-mined ones
    are no formulas with fixed amounts."""
    salt: str = SALT
    """In front of a formula before its hash gives the fold."""
    samples_per_shard: int = Field(default=1000, ge=1, le=100_000)
    """Samples in each tar file."""


def read_build(name: str, *, settings: Sequence[str] = ()) -> Build:
    """A named build, or the one that a TOML file describes, with `a.b=3` put in place.

    Raises:
        ConfigError: No such name or file, or a fault in it.
    """
    return load(Build, find(name, CONFIGS, kind="build"), settings=settings)
