"""A paragraph is cut into the same steps where it is stored and where it is embedded."""

import textwrap
from pathlib import Path

from comma_data import sentences as stored
from comma_encoders.modalities.text import sentences as embedded
from hypothesis import given, settings
from hypothesis import strategies as st

pieces = st.sampled_from(
    ["Mixed", "the oxides", "e.g.", "approx.", "at 850.5 °C", "0.5 g", "Fig. 2", "LiNi0.8Co0.2O2", "i.e.", "and"]
)
stops = st.sampled_from([" ", ". ", "! ", "? ", "; ", "\n", "\n\n", ".", ", "])


@settings(max_examples=300)
@given(st.lists(st.tuples(pieces, stops), min_size=1, max_size=12), st.integers(10, 80))
def test_both_packages_agree(parts, width):
    text = "".join(piece + stop for piece, stop in parts)
    for given_ in (text, textwrap.fill(text, width)):
        assert embedded.sentences(given_) == stored.sentences(given_)


def test_their_code_is_the_same():
    """Neither package needs the other, so that each has it; a change to one is a change to both."""
    one, other = (Path(module.__file__).read_text().split("import re", 1)[1] for module in (stored, embedded))
    assert one == other
