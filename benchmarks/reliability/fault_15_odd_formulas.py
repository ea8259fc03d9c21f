"""Fault 15: formulas that are none, leave an amount open, or name several things."""

import json
import lzma
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from comma_data.formulas import classify, reduced

from benchmarks.reliability.outcome import Outcome

FAULT = 15
WHAT = "odd and non-stoichiometric formulas: every one classified, none guessed, hydrates with their water"

KNOWN: Mapping[str, str] = {
    "BaTiO3": "plain",
    "La0.8Sr0.2CoO3": "plain",
    "Bi2(Zn1/3Nb2/3)2O7": "plain",
    "α-Fe2O3": "plain",
    "K4[Fe(CN)6]": "plain",
    "BaTiO₃": "plain",
    "CuSO4.5H2O": "hydrate",
    "CuSO4·5H2O": "hydrate",
    "CuSO4⋅5H2O": "hydrate",
    "CuSO4*5H2O": "hydrate",
    "Na8Ta6O19·24.5H2O": "hydrate",
    "YBa2Cu3O7-δ": "variable",
    "BaxSr1-xTiO3": "variable",
    "LnCl3·6H2O": "variable",
    "FePO4·xH2O": "variable",
    "MnOx": "variable",
    "LiFePO4/C": "composite",
    "CuO-CeO2": "composite",
    "MgZnO:Al": "composite",
    "Cu(II)": "unparsable",
    "Fe(III)": "unparsable",
    "barium titanate": "unparsable",
    "DyTO4": "variable",
    "Xx2O3": "unparsable",
    "LiFePO4((": "unparsable",
    "Ba0TiO3": "unparsable",
    "": "unparsable",
    " ": "unparsable",
    "(" * 200: "unparsable",
    "A" * 10_000: "unparsable",
    "\ud800": "unparsable",
    "Fe\u202e2O3": "unparsable",
    "Fe2O3\x00": "unparsable",
}
"""Formula -> kind."""

RECIPES: Mapping[str, int] = {"plain": 13167, "variable": 7334, "unparsable": 2807, "composite": 1996, "hydrate": 9}
"""Kind -> targets of that kind in the public release of the recipes; a change of the reader has to explain itself."""


def run(*, full: bool, folder: Path) -> Outcome:  # noqa: ARG001 - nothing is written
    """Classify the known formulas and, in full and where COMMA_DATA names the data, the target of every recipe."""
    lost = [text for text, kind in KNOWN.items() if not (_sound(text) and classify(text).kind == kind)]
    targets = list(_targets()) if full else []
    lost += [text for text in targets if not _sound(text)]
    counts = Counter(str(classify(text).kind) for text in targets)
    strayed = sum((counts - Counter(RECIPES)).values()) if targets else 0
    for text in lost[:20]:
        print(f"{text[:80]!r}: {classify(text).kind}")
    tried = len(KNOWN) + len(targets)
    note = ", ".join(f"{kind} {number}" for kind, number in counts.most_common()) or "no recipes: COMMA_DATA is not set"
    bad = len(lost) + strayed
    return Outcome(tried=tried, survived=tried - bad, lost=bad, note=note if full else "known formulas only")


def _targets() -> Iterator[str]:
    root = os.environ.get("COMMA_DATA")
    for path in sorted(Path(root, "synthesis-recipes").glob("*.json.xz")) if root else ():
        with lzma.open(path) as stream:
            yield from (recipe["target"]["material_string"] for recipe in json.load(stream)["reactions"])


def _sound(text: str) -> bool:
    """Whether the answer is one: amounts if and only if they are fixed, water if and only if a hydrate."""
    try:
        formula = classify.__wrapped__(text)
        if formula != classify(text):
            return False
        fixed = formula.kind in {"plain", "hydrate"}
        whole = not fixed or (bool(reduced(formula.amounts)) and all(n > 0 for n in formula.amounts.values()))
    except Exception as error:  # noqa: BLE001 - any exception is a loss
        print(f"{text[:80]!r}: {error!r}")
        return False
    return whole and fixed == bool(formula.amounts) and (formula.kind == "hydrate") == (formula.water > 0)
