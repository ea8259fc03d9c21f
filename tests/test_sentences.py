"""A paragraph is cut into the same steps where it is stored and where it is embedded."""

from comma_data.sentences import sentences
from comma_encoders.modalities.text import coerce
from hypothesis import given, settings
from hypothesis import strategies as st

pieces = st.sampled_from(
    ["Mixed", "the oxides", "e.g.", "approx.", "at 850.5 °C", "0.5 g", "Fig. 2", "LiNi0.8Co0.2O2", "i.e.", "and"]
)
stops = st.sampled_from([" ", ". ", "! ", "? ", "; ", "\n", "\n\n", ".", ", "])


@settings(max_examples=300)
@given(st.lists(st.tuples(pieces, stops), min_size=1, max_size=12))
def test_both_packages_agree(parts):
    text = "".join(piece + stop for piece, stop in parts)
    assert tuple(coerce.sentences(text)) == tuple(sentences(text))
