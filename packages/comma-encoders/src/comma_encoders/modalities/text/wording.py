"""Words of a protocol that can be exchanged or left out without changing what is done.

Nothing in these tables is a material, a gas, a medium, a device, a number or a unit, and nothing says how hot, how
long, how fast or under what gas. Two words stand beside each other only where whoever writes the one could have written
the other. `calcine` and `sinter` are no such pair, since the one decomposes and the other densifies; nor is
`respectively` a filler, since it says which time belongs to which temperature.
"""

from collections.abc import Mapping, Sequence

SYNONYMS: Sequence[Sequence[str]] = tuple(
    tuple(word.replace("_", " ") for word in line.split())
    for line in """
    calcine calcinate
    calcined calcinated
    calcining calcinating
    anneal heat-treat
    annealed heat-treated heat_treated
    mix blend
    mixed blended
    mixing blending
    ground triturated
    grinding trituration
    reground ground_again
    ball-milled ball_milled
    ball-milling ball_milling
    crushed broken_up
    pulverised pulverized comminuted
    homogenised homogenized
    homogenise homogenize
    crystallised crystallized
    synthesised synthesized
    sieved screened
    pelletised pelletized pressed_into_pellets
    pressed compacted
    press compact
    washed rinsed
    wash rinse
    repeated done_again
    repeatedly several_times
    then afterwards subsequently
    starting_materials raw_materials precursors
    reagents reactants
    stoichiometric_amounts stoichiometric_quantities stoichiometric_ratio
    stoichiometric_mixture stoichiometric_blend
    room_temperature ambient_temperature
    approximately roughly
    obtained produced
    transferred moved
    placed put
    """.strip().splitlines()
)
"""Sets of words and phrases, lower case, of one meaning in a protocol."""

FILLERS: Sequence[str] = tuple(
    phrase.replace("_", " ")
    for phrase in """
    thoroughly carefully intimately homogeneously together as_described_elsewhere as_reported_elsewhere
    as_usual in_order in_the_laboratory in_turn finally firstly first_of_all subsequently afterwards
    (Aldrich) (Sigma-Aldrich) (Sigma_Aldrich) (Alfa_Aesar) (Merck) (Acros) (Wako) (Fluka) (Strem) (Fisher)
    """.split()
)
"""Phrases that can be left out: manner without a measure, order that the steps give anyway, suppliers."""

HANDLING: frozenset[str] = frozenset(
    """weigh weighed out up collect collected take taken transfer transferred sieve sieved screened crush crushed broken
    grind ground reground regrind triturated powdered pulverised pulverized comminuted again finely the a and then
    powder powders pellet pellets sample samples product products mixture from into to crucible""".split()
)
"""A step in which no other words stand only moves a solid or makes it finer between two others."""

REPLACEMENTS: Mapping[str, Sequence[str]] = {
    word: tuple(other for other in line if other != word) for line in SYNONYMS for word in line
}
"""Word or phrase -> what can stand in its place."""
