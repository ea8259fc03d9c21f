"""Water behind a plain dot, which what reads decimals takes for an amount: CaSO4.2H2O is not Ca S O5.2 H2."""

import re

WATER = re.compile(
    r"(?<![A-Za-z)\]}][01])"  # no amount is written as 1, and none is 0: Na0.5H2O and FeO1.5H2O are decimals
    r"\.(?=(?P<count>[1-9]\d*(?:\.\d+)?|0\.\d+)?(?:H2O|\(H2O\))[)\]}]*(?:$|\.))",
    re.ASCII,
)
"""The dot; the first that is found is the one, since the count may hold another, as in CdCl2.2.5H2O."""
