"""The form of the tables: a prototype, a crystal of that prototype, and the route by which it is made."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


def _tuple(value: Any) -> Any:
    """One value where a list is allowed stands for a list of one."""
    return (value,) if isinstance(value, int | float | str) else value


Numbers = Annotated[tuple[float, ...], BeforeValidator(_tuple)]
Names = Annotated[tuple[str, ...], BeforeValidator(_tuple)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Letter = Annotated[str, Field(pattern=r"^[xyz]$")]
Length = Annotated[float, Field(gt=0.0, lt=1000.0)]


class _Row(BaseModel):
    """Every table refuses what it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class Prototype(_Row):
    """A structure type: symmetry and occupied sites, without sizes and without elements."""

    name: str
    strukturbericht: str | None = None
    pearson: str = Field(pattern=r"^(aP|m[PC]|o[PCIF]|t[PI]|h[PR]|c[PIF])[0-9]+$")
    """Pearson symbol: lattice, and atoms in the conventional cell (of a rhombohedral lattice the hexagonal cell)."""
    space_group: int = Field(ge=1, le=230)
    setting: str
    """Symbol as pymatgen takes it, with origin (`Fd-3m:2`) or axes (`R-3m:H`) where there is a choice."""
    sites: Mapping[str, str] = Field(min_length=1)
    """Label -> Wyckoff position and coordinates, e.g. `32e x x x`: numbers, fractions, or a free letter with an
    optional sign, multiple and offset (`-x`, `2x`, `x+1/2`)."""


class LatticeConstants(_Row):
    """Only the constants that the symmetry leaves free."""

    a: Length
    """Å."""
    b: Length | None = None
    """Å."""
    c: Length | None = None
    """Å."""
    beta: float | None = Field(default=None, gt=0.0, lt=180.0)
    """Degrees."""


class Step(_Row):
    """One operation of a route."""

    kind: Literal["mix", "heat", "dry", "shape", "quench", "start", "other"]
    word: str = Field(min_length=1)
    """What is done, as a past participle: `ground`, `calcined`."""
    celsius: Numbers = ()
    """Temperature or temperatures, °C."""
    hours: Numbers = ()
    atmosphere: Names = ()
    media: Names = ()
    device: str | None = None


class Route(_Row):
    """One usual way in which the crystal is made."""

    method: str = Field(min_length=1)
    precursors: tuple[str, ...] = Field(min_length=1)
    """Formulas, hydrates with a middle dot; media and atmospheres only where an element comes from them."""
    operations: tuple[Step, ...] = Field(min_length=1)
    source: str = Field(min_length=1)
    """Key of the table of sources, or a citation."""


class Crystal(_Row):
    """One crystal: numbers that a handbook gives, and a route."""

    id: Slug
    formula: str = Field(min_length=1)
    prototype: str
    species: Mapping[str, str]
    """Site label -> element."""
    lattice: LatticeConstants
    free: Mapping[str, Mapping[Letter, float]] = {}
    """Site label -> values of its free letters, fractions of the cell's edges."""
    source: str = Field(min_length=1)
    """Key of the table of sources, or a citation."""
    band_gap_measured: float | None = Field(default=None, ge=0.0, le=15.0)
    """eV, near room temperature; absent where textbooks do not agree."""
    band_gap_source: str | None = None
    route: Route

    @model_validator(mode="after")
    def _gap_has_source(self) -> Self:
        if (self.band_gap_measured is None) != (self.band_gap_source is None):
            raise ValueError("band_gap_measured and band_gap_source come together: give both or neither")
        return self
