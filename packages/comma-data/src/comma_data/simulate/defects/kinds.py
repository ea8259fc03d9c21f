"""The kinds of defects by name."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from comma_data.simulate.defects.defect import Defect, Specimen
from comma_data.simulate.defects.dislocations import edge_dislocation, screw_dislocation
from comma_data.simulate.defects.grain_boundary import grain_boundary
from comma_data.simulate.defects.points import antisite, interstitial, substitution, vacancy
from comma_data.simulate.defects.stacking_fault import stacking_fault
from comma_data.simulate.defects.twin import twin

Maker = Callable[[Specimen, np.random.Generator], Defect]
"""Puts a defect into a specimen; raises `StructureError` where the host does not allow it."""

KINDS: Mapping[str, Maker] = MappingProxyType(
    {
        "vacancy": vacancy,
        "interstitial": interstitial,
        "substitution": substitution,
        "antisite": antisite,
        "edge-dislocation": edge_dislocation,
        "screw-dislocation": screw_dislocation,
        "stacking-fault": stacking_fault,
        "twin": twin,
        "grain-boundary": grain_boundary,
    }
)

PRISTINE = "pristine"
"""The class of images without a defect."""
