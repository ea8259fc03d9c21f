"""The tokenizer reads chemistry; the encoder reads steps."""

import hashlib
import textwrap
import time

import pytest
from comma_encoders.errors import InputError, UsageError
from comma_encoders.folder import load, read_manifest, save
from comma_encoders.modalities.text import vocabulary
from comma_encoders.modalities.text.coerce import coerce
from comma_encoders.modalities.text.config import Config
from comma_encoders.modalities.text.formulas import ELEMENTS, parse
from comma_encoders.modalities.text.lexer import lexemes
from comma_encoders.modalities.text.sentences import sentences
from comma_encoders.modalities.text.steps import collate, encoded
from comma_encoders.modalities.text.tokenizer import SHIPPED, Tokenizer
from comma_encoders.modality import examples
from comma_encoders.model import AlignedModel
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Composition, Element

FORMULAS = {
    "LiNi0.8Co0.1Mn0.1O2": [("Li", 1), ("Ni", 0.8), ("Co", 0.1), ("Mn", 0.1), ("O", 2)],
    "Fe(NO3)3·9H2O": [("Fe", 1), ("N", 3), ("O", 9), ("H", 18), ("O", 9)],
    "CuSO4·5H2O": [("Cu", 1), ("S", 1), ("O", 4), ("H", 10), ("O", 5)],
    "CaSO4.2H2O": [("Ca", 1), ("S", 1), ("O", 4), ("H", 4), ("O", 2)],
    "CaSO4.0.5H2O": [("Ca", 1), ("S", 1), ("O", 4), ("H", 1), ("O", 0.5)],
    "CdCl2.2.5H2O": [("Cd", 1), ("Cl", 2), ("H", 5), ("O", 2.5)],
    "FeCl3.6(H2O)": [("Fe", 1), ("Cl", 3), ("H", 12), ("O", 6)],
    "LiOH.H2O": [("Li", 1), ("O", 1), ("H", 1), ("H", 2), ("O", 1)],
    "LiNi0.5Mn1.5O4.2H2O": [("Li", 1), ("Ni", 0.5), ("Mn", 1.5), ("O", 4), ("H", 4), ("O", 2)],
    "Na0.3CoO2·1.3H2O": [("Na", 0.3), ("Co", 1), ("O", 2), ("H", 2.6), ("O", 1.3)],
    "LiNi0.5Mn1.5O4": [("Li", 1), ("Ni", 0.5), ("Mn", 1.5), ("O", 4)],
    "Na0.5H2O": [("Na", 0.5), ("H", 2), ("O", 1)],
    "H2O": [("H", 2), ("O", 1)],
    "(NH4)2HPO4": [("N", 2), ("H", 8), ("H", 1), ("P", 1), ("O", 4)],
    "Li1-xCoO2": [("Li", None), ("Co", 1), ("O", 2)],
    "YBa2Cu3O7-δ": [("Y", 1), ("Ba", 2), ("Cu", 3), ("O", None)],
    "Co": [("Co", 1)],
    "CO": [("C", 1), ("O", 1)],
}
WORDS = ["Calcine", "PVP", "PVA", "ethanol", "XRD", "A", "Mix", "Heat", "PbX", "850", "", "(", "O7..2"]


@pytest.mark.parametrize("formula", FORMULAS)
def test_formulas_are_elements_with_amounts(formula):
    assert list(parse(formula)) == [(e, None if a is None else pytest.approx(a)) for e, a in FORMULAS[formula]]


@pytest.mark.parametrize("word", WORDS)
def test_other_words_are_not_formulas(word):
    assert parse(word) is None


@pytest.mark.parametrize("around", ["{}", "{}.", "({})", "{},"])
def test_a_hydrate_is_the_same_with_a_plain_dot(around):
    plain, centred = (list(lexemes(f"Dissolve {around.format(f)}")) for f in ("FeCl3.6H2O", "FeCl3·6H2O"))
    assert plain == centred
    assert ("O", 6.0) in plain


def test_the_elements_are_those_of_pymatgen():
    assert [Element.from_Z(z).symbol for z in range(1, 119)] == list(ELEMENTS)


@given(
    st.dictionaries(
        st.sampled_from([e for e in ELEMENTS[:94] if not Element(e).is_noble_gas]),
        st.integers(1, 20),
        min_size=2,
        max_size=5,
    )
)
def test_formulas_that_pymatgen_writes_are_read_alike(amounts):
    composition = Composition(amounts)
    read: dict[str, float] = {}
    for element, amount in parse(composition.formula.replace(" ", "")) or ():
        read[element] = read.get(element, 0) + amount
    assert read == pytest.approx(composition.get_el_amt_dict())


def test_a_step_keeps_numbers_units_and_words():
    expected = [
        ("calcine", None),
        ("at", None),
        ("[NUMBER]", 1100.0),
        ("[°C]", None),
        ("for", None),
        ("[NUMBER]", 6.0),
        ("[h]", None),
        ("in", None),
        ("flowing", None),
        ("[FORMULA]", None),
        ("O", 2.0),
    ]
    assert list(lexemes("Calcine at 1,100 °C for 6h in flowing O₂.")) == expected


@pytest.mark.parametrize(
    ("step", "symbols"),
    [
        ("In air", ["in", "air"]),
        ("Add In", ["add", "[FORMULA]", "In"]),
        ("at 300 K", ["at", "[NUMBER]", "[K]"]),
        ("add K", ["add", "[FORMULA]", "K"]),
        ("N2/H2", ["[FORMULA]", "N", "/", "[FORMULA]", "H"]),
        ("10-20 min", ["[NUMBER]", "-", "[NUMBER]", "[min]"]),
        ("850°C", ["[NUMBER]", "[°C]"]),
        ("(TiO2)", ["[FORMULA]", "Ti", "O"]),
    ],
)
def test_context_decides(step, symbols):
    assert [symbol for symbol, _ in lexemes(step)] == symbols


@given(st.text(max_size=200))
def test_any_text_is_read(text):
    tokenizer = Tokenizer.load(SHIPPED)
    assert all(0 <= token < len(tokenizer) for token, _ in tokenizer.encode(text))


@pytest.mark.parametrize("text", ["(" * 20_000 + ")" * 20_000, "H2O" * 8_000, "9" * 400, "1," * 8_000, "a" * 100_000])
def test_hostile_texts_cost_time_in_proportion_to_their_length(text):
    start = time.process_time()
    collate([("Mix them.", text)], Config())
    assert time.process_time() - start < 20


def test_plain_words_never_become_unknown():
    tokenizer = Tokenizer.load(SHIPPED)
    unknown = tokenizer.ids["[UNK]"]
    assert unknown not in [token for token, _ in tokenizer.encode("Thoroughly homogenised zirconiferous slurry")]


def test_a_vocabulary_is_reproducible_and_bounded():
    texts = ["Anneal the boule slowly.", "Anneal quartzite boules.", "Slowly anneal the boule."]
    assert vocabulary.learn(texts) == vocabulary.learn(texts[::-1])
    assert "boule" in vocabulary.learn(texts)
    assert len(vocabulary.learn(texts, size=len(vocabulary.base()) + 1)) == len(vocabulary.base()) + 1


def test_what_not_all_sets_teach_is_left_out():
    one, other = ["Anneal the boule.", "Slice the boule."], ["Anneal the quartzite.", "Slice the quartzite."]
    both = [*one, *other]
    assert "boule" in vocabulary.learn(both)
    assert "boule" in vocabulary.learn_in_all([one, both])
    assert vocabulary.learn_in_all([one, other]) == vocabulary.base()


def test_placeholders_are_one_symbol():
    assert [symbol for symbol, _ in lexemes("Mix [compound], ([target]).")] == [
        *("mix", "[compound]", ",", "(", "[target]", ")", "."),
    ]


def test_the_folder_of_a_model_holds_the_hash_of_its_vocabulary(tmp_path):
    own = tmp_path / "own.txt"
    Tokenizer([*vocabulary.base(), "boule"]).save(own)
    save(AlignedModel({"text": Config(vocabulary=str(own), width=8, heads=2)}, dim=4), tmp_path / "model")
    expected = hashlib.sha256(own.read_bytes()).hexdigest()
    assert read_manifest(tmp_path / "model")["sha256"]["text-vocabulary.txt"] == expected
    own.unlink()
    assert load(tmp_path / "model").encode("text", ["Anneal the boule."]).shape == (1, 4)


def test_the_shipped_vocabulary_begins_with_the_base():
    assert list(Tokenizer.load(SHIPPED).ids)[: len(vocabulary.base())] == vocabulary.base()


def test_a_file_that_is_no_vocabulary_is_named(tmp_path):
    (tmp_path / "v.txt").write_text("hello\n")
    with pytest.raises(UsageError, match=r"v\.txt is no vocabulary"):
        Tokenizer.load(tmp_path / "v.txt")


def test_a_paragraph_becomes_sentences():
    text = "Powders (e.g. BaCO3, 99.9%) were mixed. They were fired at 1100 °C for 2.5 h. Grind again!"
    assert len(sentences(text)) == 3
    assert sentences(text)[0].endswith("mixed.")


def test_long_steps_are_cut_and_not_lost():
    config = Config(max_tokens=8)
    steps = encoded(("mix " * 50,), config)
    assert sum(map(len, steps)) == 50
    assert max(map(len, steps)) == 8


def test_equal_steps_are_encoded_once():
    inputs = collate([("Grind.", "Heat slowly.", "Grind."), ("Grind.",)], Config())
    assert inputs["lengths"].tolist() == [2, 3]
    assert [r[:n] for r, n in zip(rows_of(inputs), [3, 1], strict=True)] == [[0, 1, 0], [0]]


def rows_of(inputs):
    """The steps of each protocol in the order of the values, padding included."""
    rows, start = [], 0
    for count, width, _ in inputs["row_blocks"].tolist():
        for _ in range(count):
            rows.append(inputs["rows"][start : start + width].tolist())
            start += width
    return [rows[i] for i in inputs["order"]]


def test_the_order_of_steps_is_seen():
    z = AlignedModel.create("text").encode("text", [("Heat.", "Grind."), ("Grind.", "Heat.")])
    assert (z[0] - z[1]).norm() > 1e-3


@pytest.mark.parametrize("bad", ["", "   ", (), ("", " "), 5, [1, 2]])
def test_what_is_no_protocol_is_refused(bad):
    with pytest.raises(InputError):
        collate([coerce(bad)], Config())


def test_a_bad_value_is_named_by_its_place():
    with pytest.raises(InputError, match="text 1 of 2"):
        collate([examples("text", 1)[0], ("",)], Config())


PARAGRAPH = (
    "Stoichiometric amounts of BaCO3 and TiO2 were ball-milled in ethanol for 12 h, dried at 80 °C and pressed into "
    "pellets at 200 MPa and sintered at 1350 °C for 4 h in air. The phase was checked by X-ray diffraction. Pellets "
    "were then polished to 1 mm."
)


@pytest.mark.parametrize("width", [40, 60, 72, 80, 100, 160])
def test_where_a_paragraph_is_wrapped_does_not_matter(width):
    assert sentences(textwrap.fill(PARAGRAPH, width)) == sentences(PARAGRAPH)
    two = textwrap.fill(PARAGRAPH, width) + "\n\n" + textwrap.fill(PARAGRAPH, width)
    assert sentences(two) == 2 * sentences(PARAGRAPH)


@pytest.mark.parametrize(
    "lines",
    [
        ["Mix BaCO3 and TiO2", "Calcine at 900 °C", "Sinter"],
        ["Ball-mill Li2CO3 and Fe2O3 in ethanol for 24 h in air", "Calcine at 900 °C"],
        ["1. Ball-mill Li2CO3 and Fe2O3 in ethanol for 24 hours", "2. Calcine the dried powder at 900 °C for 12 hours"],
        [
            "- dissolve the nitrates in water and stir for ten minutes",
            "- evaporate the water on a hot plate at 90 °C",
        ],
        ["Weigh the powders", "then mix them in a planetary mill for a whole day with ethanol", "and dry"],
    ],
)
def test_lines_that_nobody_wrapped_are_steps(lines):
    assert sentences("\n".join(lines)) == tuple(lines)


@pytest.mark.parametrize("unread", ["将粉末在高温下烧结。", "Смешать порошки.", "漢字, 漢字!"])
def test_what_no_word_of_can_be_read_is_refused(unread):
    model = AlignedModel.create("text", dim=8)
    with pytest.raises(InputError, match="no word can be read"):
        model.encode("text", [unread])
    assert model.encode("text", [f"{unread} 900 °C", "..."]).shape == (2, 8)
