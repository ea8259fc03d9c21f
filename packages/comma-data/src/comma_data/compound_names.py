"""Compounds by their English names: which elements a name tells, and which words name a compound at all."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from pymatgen.core import Element

ELEMENT_WORDS: Mapping[str, str] = {
    **{Element.from_Z(z).long_name.lower(): Element.from_Z(z).symbol for z in range(1, 119)},
    "aluminum": "Al",
    "caesium": "Cs",
    "sulphur": "S",
    "wolfram": "W",
}
"""English name of an element, in lower case -> symbol."""


def _table(text: str) -> dict[str, str]:
    """`word symbols; word symbols` as a mapping."""
    return dict(row.split(maxsplit=1) for row in text.split(";"))


_CATIONS: Mapping[str, str] = dict(ELEMENT_WORDS) | _table(
    """
    ferric Fe; ferrous Fe; cupric Cu; cuprous Cu; stannic Sn; stannous Sn; plumbous Pb; cobaltous Co; manganous Mn;
    nickelous Ni; cerous Ce; ceric Ce; titanyl Ti; zirconyl Zr; vanadyl V; niobyl Nb; uranyl U; bismuthyl Bi
    """
)

_ANIONS: Mapping[str, str] = _table(
    """
    oxide O; hydroxide O H; oxyhydroxide O H; peroxide O; hydride H; nitride N; carbide C; boride B; silicide Si;
    phosphide P; arsenide As; antimonide Sb; sulfide S; sulphide S; selenide Se; telluride Te; oxysulfide O S;
    fluoride F; chloride Cl; bromide Br; iodide I; oxychloride O Cl; oxyfluoride O F; nitrate N O; nitrite N O;
    carbonate C O; bicarbonate C O H; oxalate C O; sulfate S O; sulphate S O; phosphate P O; borate B O; silicate Si
    O; titanate Ti O; zirconate Zr O; hafnate Hf O; niobate Nb O; tantalate Ta O; vanadate V O; molybdate Mo O;
    tungstate W O; chromate Cr O; chromite Cr O; manganate Mn O; manganite Mn O; ferrite Fe O; ferrate Fe O;
    cobaltate Co O; cobaltite Co O; nickelate Ni O; cuprate Cu O; aluminate Al O; gallate Ga O; germanate Ge O;
    stannate Sn O; bismuthate Bi O; plumbate Pb O; zincate Zn O; arsenate As O; antimonate Sb O; iodate I O;
    perchlorate Cl O; aluminosilicate Al Si O; formate C H O; acetate C H O; citrate C H O; acetylacetonate C H O;
    hydrate H O; ethoxide C H O; methoxide C H O; propoxide C H O; isopropoxide C H O; butoxide C H O
    """
)
"""Last word of a systematic name -> symbols of its elements beside the cations'."""

_COUNTS = "(?:mono|di|tri|tetra|penta|pent|hexa|hepta|octa|nona|deca|sesqui|meta|ortho|pyro|poly|per|super|sub|tetr)"
_ANION = re.compile(rf"^{_COUNTS}*(?P<name>{'|'.join(sorted(_ANIONS, key=len, reverse=True))})s?$")
_SALT = re.compile(
    r"(?:oxide|oxo|hydride|nitride|carbide|boride|silicide|phosphide|arsenide|sulfide|sulphide|selenide|telluride"
    r"|fluoride|chloride|bromide|iodide|nitrate|nitrite|carbonate|oxalate|sulfate|sulphate|phosphate|borate|silicate"
    r"|titanate|zirconate|niobate|tantalate|vanadate|molybdate|tungstate|chromate|chromite|manganate|manganite|ferrite"
    r"|cobaltite|cobaltate|nickelate|cuprate|aluminate|stannate|formate|acetate|citrate|acetonate|stearate|oleate"
    r"|hydrate|amide|imide|cyanide|thiourea|urea|ammonium)s?$"
)
_CARBON = re.compile(
    r"^(?:m?eth|(?:iso)?prop|but|pent|hex|oct|benz|phen|tolu|xyl|glyc|acet|cyclo|poly|dimethyl|diethyl|trieth|ethyl)\w*"
    r"(?:an|en|yn|anol|enol|ene|one|ine|ol|ane|ic|yl|ether|ide|aldehyde|amine)$"
)
_OTHERS = frozenset(
    """alumina silica titania zirconia ceria magnesia yttria hafnia vanadia baria lime quartz corundum graphite graphene
    diamond rutile anatase brookite hematite magnetite perovskite spinel zeolite kaolin mullite cordierite ethanol
    methanol propanol isopropanol butanol acetone toluene hexane heptane glycol glycerol dmf dmso nmp thf ctab pvp pva
    pvdf peg edta ammonia water methane acetylene glucose sucrose starch chitosan cellulose melamine steel brass bronze
    hydrochloric nitric sulfuric phosphoric citric oxalic acetic""".split()
)
"""Trivial names of materials and usual names and abbreviations of solvents and additives."""


@lru_cache(maxsize=65536)
def names_cation(word: str) -> bool:
    """Whether a word, in any case, may begin a systematic name: `barium`, `Tin(IV)`."""
    return any(part in _CATIONS for part in re.split(r"[^a-z]+", word.casefold()))


@lru_cache(maxsize=65536)
def names_anion(word: str) -> bool:
    """Whether a word, in any case, may end a systematic name: `oxide`, `Titanates`."""
    return _ANION.match(word.casefold()) is not None


def named_elements(words: Sequence[str]) -> frozenset[str]:
    """Elements that a systematic name tells: `barium titanate` Ba, Ti, O; empty where the words are no such name.

    Args:
        words: Two or more, in lower case, without numerals such as `(IV)`; the last one names the anion.
    """
    if len(words) < 2 or (anion := _ANION.match(words[-1])) is None:
        return frozenset()
    cations = [_CATIONS.get(word, "") for word in words[:-1]]
    return frozenset(cations).union(_ANIONS[anion["name"]].split()) if all(cations) else frozenset()


def names_compound(word: str) -> bool:
    """Whether a single English word names an element, a salt, or a usual solvent or additive."""
    word = word.casefold()
    return (
        word in _CATIONS
        or word.removesuffix("s") in ELEMENT_WORDS
        or word in _OTHERS
        or _SALT.search(word) is not None
        or _CARBON.match(word) is not None
    )
