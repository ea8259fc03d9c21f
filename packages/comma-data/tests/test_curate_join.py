from dataclasses import replace

import numpy as np
import pytest
from comma_data.curate import curate, sample_id
from comma_data.errors import DataError
from comma_data.join import join
from comma_data.manifest import Counts
from comma_data.protocol import Operation, Protocol
from comma_data.sample import Record, Refusal
from comma_data.split import fold
from comma_data.writer import KEY
from hypothesis import given
from hypothesis import strategies as st


def protocol(**changes):
    heat = Operation(kind="heat", word="fired", **changes)
    return Protocol(target="NaCl", precursors=("Na2CO3",), operations=(heat,))


def codes(curated):
    return [refusal.code for refusal in curated.refused]


def test_accounts_balance_over_sources_and_codes(make):
    structure, text = make["structure_record"], make["text_record"]
    close = make["rock_salt"](0.4)
    curated = curate(
        [
            structure("a"),
            structure("b", value=close),
            structure("c", formula="KCl"),
            Refusal(source="structures", key="d", code="disordered", message="m"),
            text("e", "NaCl"),
        ]
    )
    assert curated.counts["structures"].read == 4
    assert curated.counts["structures"].accepted == 1
    assert curated.counts["structures"].refused == {"cell-too-flat": 1, "disordered": 1, "formula-mismatch": 1}
    assert curated.counts["recipes"] == Counts(read=1, accepted=1, refused={})
    assert [record.key for record in curated.accepted] == ["a", "e"]


def test_accounts_that_do_not_balance_are_a_bug():
    with pytest.raises(ValueError, match="read 3"):
        Counts(read=3, accepted=1, refused={"a": 1})


def test_a_structure_gets_its_formula(make):
    (record,) = curate([make["structure_record"]("a", formula=None)]).accepted
    assert record.formula == "NaCl"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (Protocol(target="NaCl", precursors=(), operations=()), "no-precursors"),
        (Protocol(target="NaTaO3", precursors=("Na2Ta2O6",), operations=()), "empty-protocol"),
        (protocol(temperatures=(700.0, 12001600.0)), "impossible-temperature"),
        (protocol(temperatures=(-300.0,)), "impossible-temperature"),
        (protocol(hours=(-1.0,)), "impossible-time"),
        (protocol(hours=(1e6,)), "impossible-time"),
    ],
)
def test_impossible_protocols_are_refused(make, value, code):
    assert codes(curate([make["text_record"]("a", "NaCl", value=value)])) == [code]


def test_a_handbook_may_be_hotter_than_a_text_mined_furnace(make):
    value = protocol(temperatures=(2300.0,))
    assert codes(curate([make["text_record"]("a", "SiC", value=value)])) == ["impossible-temperature"]
    assert codes(curate([make["text_record"]("a", "SiC", value=value, origin="handbook")])) == []


def test_every_planted_duplicate_is_found(make):
    records = [make["structure_record"](f"mp-{i}") for i in range(100)]
    again = [make["structure_record"](f"MP_{i}") for i in range(100)]
    assert codes(curate([*records, *again])) == ["duplicate-id"] * 100
    both = [make["structure_record"]("x"), make["text_record"]("x", "NaCl")]
    assert codes(curate(both)) == []


@given(st.text(max_size=120))
def test_every_key_gives_an_id(key):
    assert KEY.fullmatch(sample_id(key))


def test_long_keys_stay_apart():
    assert sample_id("a" * 100 + "1") != sample_id("a" * 100 + "2")
    assert sample_id("") != sample_id("?")
    assert sample_id("mp-1000") == "mp-1000"


def by_id(joined):
    return {sample.id: sample for sample in joined.samples}


def test_a_recipe_sits_in_every_polymorph_and_says_how_it_got_there(make):
    structure, text = make["structure_record"], make["text_record"]
    joined = join(
        [structure("b"), structure("a"), text("r1", "NaCl", "10/1"), text("r2", "NaCl", "10/2"), text("r3", "KCl")]
    )
    samples = by_id(joined)
    assert list(samples) == ["a", "b", "r3"]
    for name in "ab":
        assert len(samples[name].fields["text"]) == 2
        assert {p["joined_by"] for p in samples[name].provenance["text"]} == {"formula"}
        assert [p["doi"] for p in samples[name].provenance["text"]] == ["10/1", "10/2"]
        assert [p.target for p in samples[name].annotations["text"]] == ["NaCl", "NaCl"]
        assert samples[name].groups == {"formula": "NaCl", "material": name, "fold": str(fold("NaCl"))}
        assert samples[name].fields["composition"] == ({"Na": 1.0, "Cl": 1.0},)
        assert samples[name].targets == {"band_gap": 5.0}
    assert "structure" not in samples["r3"].fields
    assert samples["r3"].fields["composition"] == ({"K": 1.0, "Cl": 1.0},)
    assert joined.counts == {
        "text joined by formula": 2,
        "formulas joined": 1,
        "structures joined by formula": 2,
        "formulas with polymorphs": 1,
        "most structures of a formula": 2,
        "formulas with several texts": 1,
        "most texts of a formula": 2,
        "text alone": 1,
    }


def test_a_protocol_of_an_entry_belongs_to_that_entry_only(make):
    structure, text = make["structure_record"], make["text_record"]
    joined = join([structure("tb-a"), structure("tb-b"), text("tb-a", "NaCl", entry="tb-a")])
    samples = by_id(joined)
    assert samples["tb-a"].provenance["text"][0]["joined_by"] == "entry"
    assert "text" not in samples["tb-b"].fields
    assert joined.counts["text joined by entry"] == 1


def test_one_protocol_of_one_paragraph_is_kept_once(make):
    same = {"value": protocol()}
    texts = [make["text_record"](f"r{i}", "NaCl", doi, **same) for i, doi in enumerate(["10/1", "10/1", "10/2"])]
    (sample,) = join([make["structure_record"]("a"), *texts]).samples
    assert [p["doi"] for p in sample.provenance["text"]] == ["10/1", "10/2"]


def test_the_order_of_records_does_not_matter(make):
    records: list[Record] = [make["structure_record"](f"s{i}") for i in range(4)]
    records += [make["text_record"](f"r{i}", "NaCl", f"10/{i}") for i in range(4)]
    forth, back = join(records), join(reversed(records))
    assert [s.id for s in forth.samples] == [s.id for s in back.samples]
    assert [s.fields["text"] for s in forth.samples] == [s.fields["text"] for s in back.samples]
    assert forth.counts == back.counts


def test_a_protocol_whose_entry_is_missing_stands_alone_though_its_formula_is_there(make):
    joined = join([make["structure_record"]("tb-a"), make["text_record"]("tb-b", "NaCl", entry="tb-b")])
    assert "text" not in by_id(joined)["tb-a"].fields
    assert joined.counts["text alone"] == 1


def image_record(key, **changes):
    values = {"formula": None, "provenance": {"origin": "measured"}, **changes}
    pixels = {"pixels": np.zeros((2, 2), dtype=np.uint8), "nm_per_pixel": None}
    return Record(source="micrographs", key=key, modality="image", value=pixels, **values)


def test_an_image_is_not_joined_by_formula(make):
    samples = by_id(join([make["structure_record"]("a"), image_record("i", formula="NaCl")]))
    assert "image" not in samples["a"].fields
    assert samples["i"].fields["composition"] == ({"Na": 1.0, "Cl": 1.0},)


def test_pairs_join_what_the_user_says(make):
    records = [make["structure_record"]("a"), make["structure_record"]("b"), image_record("i", annotation={"boxes": 1})]
    joined = join(records, pairs=[("a", "i"), ("b", "i")])
    samples = by_id(joined)
    assert list(samples) == ["a", "b"]
    assert samples["a"].annotations["image"] == ({"boxes": 1},)
    assert samples["a"].provenance["image"][0]["joined_by"] == "pairs"
    assert samples["a"].provenance["image"][0]["candidates"] == "2"
    assert joined.counts["image joined by pairs"] == 1
    with pytest.raises(DataError, match="no accepted record is called 'z'"):
        join(records, pairs=[("a", "z")])
    with pytest.raises(DataError, match="no accepted record is called 'y'"):
        join(records, pairs=[("y", "i")])


@pytest.mark.parametrize("name", ["sem/i_0", "sem-i-0", "sem/i_0.png", "i_0.png", "i_0"])
def test_pairs_may_call_a_record_by_its_file(make, name):
    structure = replace(make["structure_record"]("NaCl"), provenance={"origin": "computed", "file": "cifs/NaCl.cif"})
    image = image_record("sem/i_0", provenance={"origin": "measured", "file": "sem/i_0.png"})
    (sample,) = join([structure, image], pairs=[("NaCl.cif", name)]).samples
    assert set(sample.fields) == {"composition", "structure", "image"}


def test_a_name_of_several_records_is_no_name(make):
    images = [image_record(f"{d}/i_0", provenance={"origin": "measured", "file": f"{d}/i_0.png"}) for d in "ab"]
    with pytest.raises(DataError, match=r"'i_0.png' is the name of 2 records \(a/i_0, b/i_0"):
        join([make["structure_record"]("s"), *images], pairs=[("s", "i_0.png")])


def test_a_wrong_name_in_pairs_has_the_nearest(make):
    records = [make["structure_record"]("sodium-chloride"), image_record("sem/rods")]
    with pytest.raises(DataError, match="did you mean 'sem/rods'"):
        join(records, pairs=[("sodium-chloride", "sem/rod")])
    with pytest.raises(DataError, match="did you mean 'sodium-chloride'"):
        join(records, pairs=[("sodium-chlorid", "sem/rods")])


def test_a_pair_of_one_key_says_what_is_known(make):
    text = replace(make["text_record"]("NaCl", "NaCl"), provenance={"origin": "laboratory"})
    records = [make["structure_record"]("NaCl"), make["structure_record"]("b"), text]
    joined = join(records, pairs=[("NaCl", "nacl")])
    assert joined.counts["text joined by entry"] == 1
    with pytest.raises(DataError, match="a structure of its own"):
        join(records, pairs=[("b", "NaCl")])


def test_an_image_with_a_class_of_its_own_gets_the_structure_and_keeps_its_sample(make):
    records = [make["structure_record"]("a"), image_record("i", targets={"defect": "twin"})]
    samples = by_id(join(records, pairs=[("a", "i")]))
    assert samples["i"].targets == {"defect": "twin"}
    assert samples["i"].provenance["structure"][0]["joined_by"] == "pairs"
    assert samples["i"].groups["formula"] == "NaCl"
    assert samples["i"].groups["material"] == "a"
    assert "image" not in samples["a"].fields
    assert samples["a"].targets == {"band_gap": 5.0}


def test_a_text_of_the_same_doi_belongs_to_that_structure_unless_its_formula_says_otherwise(make):
    structure = make["structure_record"]("a")
    from_paper = replace(make["structure_record"]("b"), provenance={"origin": "measured", "doi": "10/1"})
    texts = [make["text_record"]("t", "NaCl", "10/1"), make["text_record"]("u", "KCl", "10/1")]
    samples = by_id(join([structure, from_paper, *texts]))
    assert "text" not in samples["a"].fields
    assert samples["b"].provenance["text"][0]["joined_by"] == "doi"
    assert "u" in samples


def test_records_of_one_key_are_one_entry(make):
    text = replace(make["text_record"]("E 1", "NaCl"), formula=None)
    (sample,) = join([text, image_record("e_1", groups={"image_frame": "f"})]).samples
    assert sample.id == "e-1"
    assert set(sample.fields) == {"text", "image"}
    assert sample.groups["formula"] == "?e-1"
    assert sample.groups["image_frame"] == "f"
    assert int(sample.groups["fold"]) == fold("f")


def test_plain_texts_stay_as_they_were_written(make):
    text = replace(make["text_record"]("t", "NaCl"), value=("One.", "Two."))
    (sample,) = join([make["structure_record"]("a"), text]).samples
    assert sample.fields["text"] == (("One.", "Two."),)
    assert "text" not in sample.annotations


def test_a_name_shared_by_chance_joins_nothing(make):
    structure = make["structure_record"]("1")
    ours = make["text_record"]("1", "BaTiO3")
    samples = {s.id: s for s in join(curate([structure, ours]).accepted).samples}
    assert set(samples) == {"1", "1-batio3"}
    assert "text" not in samples["1"].fields
    assert samples["1-batio3"].groups["formula"] == "BaTiO3"
    same = replace(ours, formula="NaCl", value=protocol())
    (joined,) = join(curate([structure, same]).accepted).samples
    assert set(joined.fields) >= {"structure", "text"}
    stated = replace(ours, key="2", provenance={**ours.provenance, "entry": "1"})
    (joined,) = join(curate([structure, stated]).accepted).samples
    assert set(joined.fields) >= {"structure", "text"}


def cobalt(make, key="Co", formula="Co"):
    return replace(make["structure_record"](key), formula=formula)


@pytest.mark.parametrize("stated", [{}, {"entry": "CO"}])
def test_a_name_that_case_makes_another_formula_joins_nothing(make, stated):
    text = replace(make["text_record"]("CO" if not stated else "t", "CO", **stated), formula=None)
    samples = by_id(join([cobalt(make), text, image_record("CO")]))
    assert set(samples) == {"co", "co-co", *(["t"] if stated else [])}
    assert set(samples["co"].fields) == {"structure", "composition"}
    assert set(samples["co-co"].fields) == ({"text", "image"} if not stated else {"image"})


@pytest.mark.parametrize(
    ("key", "formula", "name", "known"),
    [
        ("NaCl", "NaCl", "nacl", None),
        ("nacl", "NaCl", "NaCl", None),
        ("MP-1", "NaCl", "mp-1", None),
        ("CO", "Co", "Co", None),  # a file in capitals, whose atoms are cobalt
        ("Co", "Co", "CO", "Co"),  # and a text that states its formula
        ("Sample-A 1", "NaCl", "sample-a_1", None),
    ],
)
def test_case_does_not_count_in_other_names(make, key, formula, name, known):
    text = replace(make["text_record"](name, formula), formula=known)
    (sample,) = join([cobalt(make, key, formula), text]).samples
    assert set(sample.fields) >= {"structure", "text"}
    (sample,) = join([cobalt(make, key, formula), replace(text, key="t", provenance={"entry": name})]).samples
    assert set(sample.fields) >= {"structure", "text"}


def test_names_without_a_structure_are_told_apart_too(make):
    texts = [replace(make["text_record"](key, key), formula=None) for key in ("No-1",)]
    samples = by_id(join([*texts, image_record("NO-1"), image_record("x_CO"), image_record("X-Co 2")]))
    assert set(samples) == {"no-1", "no-1-no", "x-co", "x-co-2"}


@given(keys=st.permutations(["Co", "CO", "co"]), order=st.permutations(range(3)))
def test_the_order_of_names_does_not_matter(make, keys, order):
    records = [image_record(keys[0]), replace(make["text_record"](keys[1], "x"), formula=None), cobalt(make, keys[2])]
    (first, second) = (join([records[i] for i in o]) for o in (range(3), order))
    assert [s.id for s in first.samples] == [s.id for s in second.samples]


def test_letters_beyond_ascii_tell_ids_apart():
    keys = ["\u03b1-Fe2O3", "\u03b3-Fe2O3", "Fe2O3", "\u6837\u54c11", "\u8bd5\u68371", "1"]
    assert len({sample_id(key) for key in keys}) == len(keys)
    assert all(KEY.fullmatch(sample_id(key)) for key in keys)
    assert sample_id("Fe2O3") == "fe2o3"
    assert sample_id("gr\u00fcn") == sample_id("gru\u0308n")
