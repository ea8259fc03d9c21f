import json
import re
from dataclasses import replace

import pytest
from comma_data.errors import ConfigError
from comma_data.formulas import ATOMIC_NUMBERS, classify
from comma_data.names import names_target
from comma_data.protocol import PLACEHOLDER, VIEWS, Operation, Protocol, plain_steps, steps, told_places, with_view
from comma_data.protocol_json import protocol_from_json, protocol_to_json
from hypothesis import given
from hypothesis import strategies as st

FORMULAS = ("BaTiO3", "BaCO3", "TiO2", "SiO2", "LiMn2O4", "Fe2O3", "Ba2Ti2O6", "Ag")
names = st.sampled_from([*FORMULAS, "ethanol", "BaTiO3 powder", "alumina", "water", "air", "LiMn2O4-coated"])
operations = st.builds(
    Operation,
    kind=st.sampled_from(["mix", "heat", "start", "other"]),
    word=st.sampled_from(["mixed", "Calcine", "BaTiO3", "sintering"]),
    temperatures=st.lists(st.floats(-50, 2000), max_size=2).map(tuple),
    hours=st.lists(st.floats(0, 100), max_size=2).map(tuple),
    atmospheres=st.lists(names, max_size=2).map(tuple),
    media=st.lists(names, max_size=3).map(tuple),
    device=st.none() | names,
)
protocols = st.builds(
    Protocol,
    target=st.sampled_from(FORMULAS),
    precursors=st.lists(names, max_size=4).map(tuple),
    operations=st.lists(operations, max_size=4).map(tuple),
    amounts=st.lists(st.tuples(names, st.floats(0.1, 10)), max_size=3).map(tuple),
)


def words(text):
    return re.findall(r"[A-Za-z0-9\[\]]+", text)


def test_the_views_of_one_protocol(make):
    protocol = make["barium_titanate"]()
    mixed = "Milled BaCO3 and TiO2 in ethanol using zirconia for 12 h."
    heated = "Calcine at 1000 and 1100 °C for 6 h in air."
    assert steps(protocol, "precursors") == (mixed, heated, "Sintered at 1350 °C in O2 and PbO.")
    assert steps(protocol, "amounts") == (
        *steps(protocol, "precursors"),
        "Balanced amounts, derived from the target: 1 mol BaCO3, 1 mol TiO2.",
    )
    assert steps(protocol, "masked") == (
        f"Milled {PLACEHOLDER} and {PLACEHOLDER} in {PLACEHOLDER} using {PLACEHOLDER} for 12 h.",
        heated,
        f"Sintered at 1350 °C in {PLACEHOLDER} and {PLACEHOLDER}.",
    )
    assert steps(protocol, "operations") == ("Milled for 12 h.", heated, "Sintered at 1350 °C in O2.")


@pytest.mark.parametrize("view", VIEWS)
@given(protocol=protocols)
def test_no_view_tells_the_target_in_any_spelling(view, protocol):
    for step in steps(protocol, view):
        assert not any(names_target(word, protocol.target) for word in words(step)), step


@given(protocol=protocols)
def test_masked_names_no_formula_and_operations_no_material(protocol):
    formulas = {w for step in steps(protocol, "masked") for w in words(step) if any(c.isdigit() for c in w)}
    assert not any(classify(word).amounts for word in formulas)
    told = " ".join(steps(protocol, "operations"))
    assert not any(word in ATOMIC_NUMBERS or classify(word).amounts for word in words(told) if len(word) > 2)
    assert not any(name in told for name in ("ethanol", "alumina", "water", "powder"))


def test_amounts_are_told_in_their_own_view_only(make):
    for view in ("precursors", "masked", "operations"):
        assert "mol" not in " ".join(steps(make["barium_titanate"](), view))


def test_an_elemental_target_does_not_take_its_compounds_away():
    protocol = Protocol(target="Si", precursors=("SiHCl3", "H2", "Si"), operations=())
    assert steps(protocol, "precursors") == ("Start from SiHCl3 and H2.",)


def test_a_target_is_known_by_its_trivial_name():
    heat = Operation(kind="heat", word="heated", device="alumina")
    assert steps(Protocol(target="Al2O3", precursors=("AlOOH",), operations=(heat,)), "precursors") == (
        "Start from AlOOH.",
        "Heated.",
    )


def test_unknown_view_names_the_views(make):
    with pytest.raises(ConfigError, match="precursors, amounts, masked, operations"):
        steps(make["barium_titanate"](), "title")


def test_with_view_retells_texts_and_drops_what_has_nothing_to_tell(make):
    silent = Protocol(target="NaCl", precursors=("NaOH",), operations=())
    sample = make["sample"](
        "a",
        fields={"text": (("x",), ("y",), ("kept",))},
        annotations={"text": (make["barium_titanate"](), silent, None)},
        provenance={"text": ({"doi": "1"}, {"doi": "2"}, {"doi": "3"})},
    )
    told = with_view(sample, "operations")
    assert told.fields["text"] == (steps(make["barium_titanate"](), "operations"),)
    assert [p["doi"] for p in told.provenance["text"]] == ["1"]
    assert told.annotations["text"] == (make["barium_titanate"](),)
    assert len(with_view(sample, "masked").fields["text"]) == 3


@pytest.mark.parametrize(("group", "expected"), [("NaCl", "[target] from NaOH."), ("?x-1", "NaCl from NaOH.")])
def test_with_view_hides_the_target_of_a_text_as_it_was_written(make, group, expected):
    sample = make["sample"](
        "a",
        fields={"text": (("NaCl from NaOH.",),)},
        annotations={},
        groups={"formula": group, "material": "a"},
        provenance={"text": ({"doi": "1"},)},
    )
    assert with_view(sample, "precursors").fields["text"] == ((expected,),)
    assert "text" not in with_view(sample, "operations").fields
    with pytest.raises(ConfigError, match="title"):
        with_view(sample, "title")
    with pytest.raises(ConfigError, match="title"):
        plain_steps(("NaCl",), "NaCl", "title")


def test_amounts_that_were_weighed_in_say_so(make):
    protocol = replace(make["barium_titanate"](), weighed=True)
    assert steps(protocol, "amounts")[-1] == "Amounts weighed in: 1 mol BaCO3, 1 mol TiO2."
    assert steps(replace(protocol, target=""), "precursors")[0].startswith("Milled BaCO3, TiO2 and BaTiO3")


@pytest.mark.parametrize("view", VIEWS)
@given(told=st.lists(protocols, min_size=1, max_size=4))
def test_places_that_are_told_are_those_with_words(make, view, told):
    """Where something is told is decided without telling it."""
    texts = tuple(("x",) for _ in told)
    sample = make["sample"]("a", fields={"text": texts}, annotations={"text": tuple(told)}, provenance={})
    assert told_places(sample, view) == [i for i, protocol in enumerate(told) if steps(protocol, view)]
    kept = with_view(sample, view).fields.get("text", ())
    assert kept == tuple(filter(None, (steps(protocol, view) for protocol in told)))


def test_with_view_leaves_no_empty_modality(make):
    silent = Protocol(target="NaCl", precursors=("NaOH",), operations=())
    sample = make["sample"]("a", fields={"text": (("x",),)}, annotations={"text": (silent,)})
    told = with_view(sample, "operations")
    assert "text" not in told.fields
    assert "text" not in told.provenance


@given(protocol=protocols)
def test_json_keeps_a_protocol(protocol):
    assert protocol_from_json(json.loads(json.dumps(protocol_to_json(protocol)))) == protocol
