"""The typed description of a build: what is read, what is refused, how it is split, what is simulated."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from comma_data.configfile import FaultAt, Key, find, load
from comma_data.split import SALT
from comma_data.validate import Guard

CONFIGS = Path(__file__).parent / "configs"
"""The named builds."""
SYNONYMS: Mapping[Key, str] = {("micrographs", "labels"): "table"}
"""What people write -> the key that they mean, where another key is spelt more alike."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class Source(_Frozen):
    """What every source has."""

    path: str = "."
    """Below the root: a file, an archive, or a folder that is searched with all folders and archives in it."""
    optional: bool = False
    """Go on without, where the path does not exist."""
    max_refused: float = Field(default=0.05, ge=0, le=1)
    """Refused share of this source's records beyond which nothing is written."""

    @field_validator("path")
    @classmethod
    def _below_the_root(cls, path: str) -> str:
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise ValueError("a path below the root: relative, without ..")
        return path


class Structures(Source):
    """Crystal structures and molecules; `properties.csv` beside them is read too."""

    origin: str = "computed"
    """Where the structures come from: computed, measured, handbook."""
    targets: Mapping[str, str] | None = None
    """Column of `properties.csv` -> name of the target. Not set: every column under its own name."""
    disorder: Literal["refuse", "majority"] = "refuse"
    """Partly occupied sites: refuse the structure, or take each site's majority species where it has more than half."""
    charges: Literal["note", "refuse"] = "note"
    """Charges that a file states and that do not sum to zero: note it in the provenance, or refuse the structure."""


class Recipes(Source):
    """Text-mined recipes in JSON."""

    path: str = "synthesis-recipes"
    max_refused: float = Field(default=0.7, ge=0, le=1)
    """As elsewhere; the targets of about half of the text-mined recipes are no formulas with fixed amounts."""


class Procedures(Source):
    """Full-text procedures, `.txt`, with brat annotation (`.ann`) beside them or not."""

    path: str = "procedures"
    origin: str = "literature"
    """Where the texts come from."""


class Texts(Source):
    """A CSV table of protocols: columns `id` and `text`, and `formula`, `doi`, `entry` where known."""

    path: str = "protocols.csv"
    origin: str = "literature"
    """Where the texts come from: literature, laboratory, ..."""


class Micrographs(Source):
    """Images with their scale, labels, boxes and masks. Paths in here are those inside the folder or archive."""

    path: str = "micrographs"
    origin: str = "measured"
    """measured or simulated."""
    formula: str | None = None
    """Of every image whose name and row state none."""
    pattern: str | None = None
    """Regular expression that is searched in each path without its ending; its groups `label`, `formula`, `frame`,
    `index` and `entry` (key of the structure that is shown) are taken. An image without the pattern is refused."""
    rename: Mapping[str, str] = {}
    """Class or formula as it is found -> what is meant, e.g. `STO = "SrTiO3"`."""
    label_from: Literal["pattern", "folder"] = "pattern"
    """Where an image's class stands, unless in the table: in the pattern's group, or in the name of its folder."""
    target: str = "label"
    """Name of the target that holds the class."""
    table: str | None = None
    """CSV table: `file` or `id` (path, or file name, with ending or without), and `label`, `formula`, `frame`, `index`,
    `entry`, `nm_per_pixel` where known; every other column is a target. It goes before the file's name and tags."""
    boxes: str | None = None
    """Where the box file of an image lies, e.g. `boxes/{name}.txt` or `{folder}/{name}.csv`: `y1 x1 y2 x2` a line, or
    CSV with these columns; pixels."""
    masks: str | None = None
    """Where the mask of an image lies, e.g. `{folder}_annot/{name}.png` or `{folder}/{name}_mask.tif`."""
    mask_classes: tuple[str, ...] = ()
    """Names of the mask's numbers 0, 1, ..."""
    frames: Literal["file", "folder", "prefix", "runs", "overlap"] = "prefix"
    """What stays on one side of a split, where neither pattern nor table states a frame: each file; its folder; its
    path up to the last number of the name, or its folder where the name is a number; a run of numbers; the picture that
    it was cut out of, found by the pixels that images share. `runs` and `overlap` also work within a stated frame."""
    run_length: int = Field(default=20, ge=1)
    """For `runs`: numbers that make a run."""
    run_gap: int = Field(default=4, ge=0)
    """For `runs`: numbers between two runs, whose images are refused."""
    band: int | None = Field(default=None, ge=2)
    """For `overlap`: cut a picture into bands of so many columns, each a frame; an image across two is refused."""
    nm_per_pixel: float | None = Field(default=None, gt=0)
    """Of every image whose file and row state none."""
    crop_border: bool = False
    """Cut off a border of one colour, of images that were drawn as figures."""

    @model_validator(mode="after")
    def _nothing_is_passed_over(self) -> Self:
        if self.band is not None and self.frames != "overlap":
            raise FaultAt(("band",), f"frames = {self.frames!r} has no bands; set frames = 'overlap', or leave it out")
        if self.mask_classes and self.masks is None:
            raise FaultAt(("mask_classes",), "no masks are read; say in masks where they lie, or leave it out")
        return self


class Diffraction(Source):
    """Powder diffraction patterns."""

    path: str = "xrd"
    origin: str = "measured"
    """measured or simulated."""
    wavelength: float | None = Field(default=None, gt=0)
    """Å, of the files that state none. Not set: such a file is refused."""
    names: Literal["nothing", "precursors"] = "nothing"
    """What the files' names tell: `precursors` reads names such as `Cr2O3-2ZnO_1100C_60min` as protocols."""


class Simulate(_Frozen):
    """Patterns and images that are computed from every structure."""

    patterns: int = Field(default=0, ge=0, le=1)
    """X-ray powder patterns per structure."""
    images: int = Field(default=0, ge=0, le=64)
    """HAADF-STEM images per structure, each under its own conditions."""
    max_sites: int = Field(default=200, ge=1)
    """Structures with more sites get no image."""
    seed: int = Field(default=0, ge=0)
    """Of the imaging conditions; combined with the sample's id and the image's number."""
    image_size: int = Field(default=96, ge=32, le=1024)
    """Pixels per edge of an image."""
    defects: int = Field(default=0, ge=0, le=999)
    """Images of each kind of defect, and of the pristine crystal, per host."""
    hosts: int = Field(default=60, ge=1)
    """Structures that are chosen as hosts of defects."""
    host_sites: int = Field(default=12, ge=1)
    """Structures with more sites are no hosts."""
    sessions: int = Field(default=10, ge=1)
    """Sets of imaging conditions among which the images of defects are spread; a split can hold some of them out."""
    match_levels: bool = True
    """Give each defect image the grey levels of a pristine one, so that brightness alone does not tell the class."""


class SplitBy(_Frozen):
    """What is kept together when the folds are made."""

    by: Literal["formula", "chemical_system", "prototype", "groups"] = "formula"
    """`formula`: reduced formula. `chemical_system`: set of elements. `prototype`: anonymous formula and space group.
    `groups`: a table of the user's."""
    table: str | None = None
    """For `groups`: a CSV file below the root with columns `id` and `group`."""
    salt: str = SALT
    """In front of a group before its hash gives the fold."""

    @model_validator(mode="after")
    def _groups_have_a_table(self) -> Self:
        if (self.by == "groups") != (self.table is not None):
            raise ValueError("by = 'groups' and a table belong together")
        return self


class Build(_Frozen):
    """One data set."""

    name: str = Field(min_length=1, pattern=r"^[a-z0-9][a-z0-9-]*$")
    """Stands in the manifest, and names the folder where none is given."""
    textbook: bool = False
    """Read the crystals and protocols that come with the package."""
    structures: tuple[Structures, ...] = ()
    """Crystal structures below the root. One table, or several: `[[structures]]`."""
    recipes: tuple[Recipes, ...] = ()
    """Text-mined recipes below the root, joined to structures by reduced formula."""
    procedures: tuple[Procedures, ...] = ()
    """Full-text procedures below the root."""
    texts: tuple[Texts, ...] = ()
    """Tables of protocols below the root."""
    micrographs: tuple[Micrographs, ...] = ()
    """Images below the root."""
    diffraction: tuple[Diffraction, ...] = ()
    """Measured powder patterns below the root."""
    pairs: str | None = None
    """A CSV file below the root with columns `structure` and `other`: keys of what belongs together."""
    duplicates: Literal["keep", "match"] = "keep"
    """Structures of one formula that are the same crystal: keep each, or match them and keep the first."""
    split: SplitBy = SplitBy()
    """How the folds are made."""
    simulate: Simulate = Simulate()
    """Diffraction patterns and images from the structures."""
    guard: Guard = Guard()
    """Bounds of a structure that can be computed with."""
    samples_per_shard: int = Field(default=1000, ge=1, le=100_000)
    """Samples in each tar file."""

    @field_validator("structures", "recipes", "procedures", "texts", "micrographs", "diffraction", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        """A single table is a list of one."""
        return [value] if isinstance(value, (Mapping, Source)) else value


def read_build(name: str, *, settings: Sequence[str] = ()) -> Build:
    """A named build, or the one that a TOML file describes, with `a.b=3` put in place.

    Raises:
        ConfigError: No such name or file, or a fault in it.
    """
    return load(Build, find(name, CONFIGS, kind="build"), settings=settings, synonyms=SYNONYMS)
