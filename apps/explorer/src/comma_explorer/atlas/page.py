"""A map as one page that needs nothing else: chemiscope's viewer, the data, and what is said of a point."""

import json
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from comma_data.pages.page import environment, visible
from comma_data.sample import RawStructure
from comma_data.storage import complete_file
from jinja2 import Environment
from markupsafe import Markup
from pymatgen.core import Element

from comma_explorer.atlas.collect import Atlas, Point

TEMPLATES = Path(__file__).parent / "templates"
CELL = 1e-9
"""Lengths below which a cell vector is none."""


def write(atlas: Atlas, out: Path) -> int:
    """Write the page; returns its bytes."""
    made = page(atlas).encode()
    with complete_file(out) as file:
        file.write(made)
    return len(made)


def page(atlas: Atlas) -> str:
    """The page."""
    values = {
        "atlas": atlas,
        "viewer": Markup(viewer()),  # noqa: S704 - chemiscope's own program, from its package
        "script": Markup((TEMPLATES / "atlas.js").read_text(encoding="utf-8")),  # noqa: S704 - a file of this package
        "dataset": embedded(dataset(atlas)),
        "beside": embedded(beside(atlas)),
    }
    return _environment().get_template("atlas.html").render(values)


def dataset(atlas: Atlas) -> dict[str, Any]:
    """The map in the form of chemiscope 1 (https://chemiscope.org/docs/manual/input.html)."""
    numbers = {name: values for name, values in atlas.numbers.items() if np.isfinite(values).any()}
    coordinates = {"map 1": atlas.places[:, 0], "map 2": atlas.places[:, 1]}
    properties = {
        name: {"target": "structure", "values": [round(float(v), 5) if np.isfinite(v) else None for v in values]}
        for name, values in {**coordinates, **numbers}.items()
    }
    colour = atlas.colour if atlas.colour in numbers else "elements"
    shown = {
        "map": {
            "x": {"property": "map 1"},
            "y": {"property": "map 2"},
            "color": {"property": colour},
            "size": {"factor": 35},
        },
        "structure": [{"unitCell": True, "bonds": True, "spaceFilling": False}],
    }
    return {
        "meta": {"name": visible(f"Atlas of {atlas.name}")},
        "structures": [structure(point.structure) for point in atlas.points],
        "properties": properties,
        "settings": shown,
    }


def structure(raw: RawStructure) -> dict[str, Any]:
    """One structure in chemiscope's form."""
    positions = np.round(np.asarray(raw["positions"], dtype=float), 4)
    cell = np.asarray(raw["cell"], dtype=float)
    told: dict[str, Any] = {
        "size": len(positions),
        "names": [Element.from_Z(int(z)).symbol for z in raw["numbers"]],
        **{axis: positions[:, k].tolist() for k, axis in enumerate("xyz")},
    }
    if np.all(np.linalg.norm(cell, axis=1) > CELL):  # chemiscope draws whole cells only
        told["cell"] = np.round(cell, 4).ravel().tolist()
    return told


def beside(atlas: Atlas) -> dict[str, Any]:
    """What is said of each point: its protocol and its neighbours; every text stands once."""
    used = sorted({n for point in atlas.points for n in _texts(point)})
    number = {text: place for place, text in enumerate(used)} | {-1: -1}
    return {
        "texts": [[visible(step) for step in atlas.texts[text]] for text in used],
        "points": [
            {
                "id": visible(point.id),
                "formula": visible(point.formula),
                "doi": visible(point.doi),
                "text": number[point.text],
                "protocols": point.protocols,
                "near": {
                    modality: [[n.cosine, visible(n.formula), visible(n.id), number[n.text], n.point] for n in several]
                    for modality, several in point.near.items()
                },
            }
            for point in atlas.points
        ],
    }


def _texts(point: Point) -> set[int]:
    near = {n.text for several in point.near.values() for n in several}
    return {text for text in (point.text, *near) if text >= 0}


def embedded(content: Any) -> Markup:
    """JSON that can stand in a script element: nothing in it can end the element."""
    text = json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704


@lru_cache(maxsize=1)
def viewer() -> str:
    """The program of chemiscope, as it comes with its package.

    Raises:
        FileNotFoundError: the installed chemiscope has it elsewhere.
    """
    text = files("chemiscope").joinpath("sphinx", "static", "chemiscope.min.js").read_text(encoding="utf-8")
    return text.replace("</script", "<\\/script")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return environment(TEMPLATES)
