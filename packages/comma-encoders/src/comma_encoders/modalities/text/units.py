"""Units of measurement: how they are written, what they measure, and their value in one base unit for each."""

from collections.abc import Mapping
from dataclasses import dataclass

KINDS = (
    "number",
    "amount",
    "temperature",
    "rate",
    "time",
    "mass",
    "volume",
    "substance",
    "concentration",
    "length",
    "pressure",
    "rotation",
    "power",
    "voltage",
    "current",
    "share",
)
"""What a value measures: a bare number, the amount of an element in a formula, a temperature (base unit K), a heating
rate (K/h), a time (h), mass (g), volume (mL), amount of substance (mol), concentration (mol/L), length (µm), pressure
(MPa), rotation (1/min), power (W), voltage (V), current (A), or a share (%)."""


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A unit: its value in the base unit is `factor * value + offset`."""

    symbol: str
    """Its token, e.g. `[°C]`."""
    kind: str
    factor: float = 1.0
    offset: float = 0.0


_KELVIN, _FAHRENHEIT = 273.15, 5 / 9

_UNITS: Mapping[str, Mapping[str, float | tuple[float, float]]] = {
    "temperature": {"K": (1.0, 0.0), "°C": (1.0, _KELVIN), "°F": (_FAHRENHEIT, _KELVIN - 32 * _FAHRENHEIT)},
    "time": {"s": 1 / 3600, "min": 1 / 60, "h": 1.0, "d": 24.0, "week": 168.0},
    "mass": {"mg": 1e-3, "g": 1.0, "kg": 1e3},
    "volume": {"µL": 1e-3, "mL": 1.0, "L": 1e3},
    "substance": {"mmol": 1e-3, "mol": 1.0},
    "concentration": {"mM": 1e-3, "M": 1.0},
    "length": {"Å": 1e-4, "nm": 1e-3, "µm": 1.0, "mm": 1e3, "cm": 1e4},
    "pressure": {
        "Pa": 1e-6,
        "mbar": 1e-4,
        "Torr": 133.322e-6,
        "kPa": 1e-3,
        "bar": 0.1,
        "atm": 0.101325,
        "MPa": 1.0,
        "kbar": 100.0,
        "GPa": 1e3,
        "psi": 6894.757e-6,
    },
    "rotation": {"rpm": 1.0},
    "power": {"W": 1.0, "kW": 1e3},
    "voltage": {"V": 1.0, "kV": 1e3},
    "current": {"mA": 1e-3, "A": 1.0},
    "share": {"%": 1.0, "wt%": 1.0, "mol%": 1.0, "at%": 1.0, "ppm": 1e-4},
}
"""Kind -> unit -> factor, or factor and offset. Conversions are those of the SI brochure (2019) and of NIST SP 811."""

_SPELLINGS = {
    "°C": "degC ℃",
    "h": "hr hrs hour hours",
    "min": "mins minute minutes",
    "s": "sec secs second seconds",
    "d": "day days",
    "week": "weeks wk",
    "mL": "ml cc cm3",
    "µL": "ul µl",
    "L": "l liter liters litre litres",
    "g": "gram grams",
    "Torr": "torr",
    "atm": "atmospheres",
}


def _made() -> dict[str, Unit]:
    units: dict[str, Unit] = {}
    for kind, of_kind in _UNITS.items():
        for name, values in of_kind.items():
            factor, offset = values if isinstance(values, tuple) else (values, 0.0)
            unit = Unit(symbol=f"[{name}]", kind=kind, factor=factor, offset=offset)
            units |= dict.fromkeys((name, *_SPELLINGS.get(name, "").split()), unit)
    return units


UNITS: Mapping[str, Unit] = _made()
"""Spelling -> unit; read as a unit only behind a number, since K and V are elements elsewhere."""
BY_SYMBOL: Mapping[str, Unit] = {unit.symbol: unit for unit in UNITS.values()}
"""Token -> unit."""
