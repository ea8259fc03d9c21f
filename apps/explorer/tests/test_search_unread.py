"""What the model leaves unread of a protocol is said wherever it is asked or explained."""

import re

import pytest
from comma_encoders.modality import get
from comma_explorer.explain.explanation import Given, explain
from comma_explorer.explain.page.render import fragment
from comma_explorer.search.unread import unread

STEPS = ("Mix BaCO3 and TiO2.", *(f"Stir for {hours} h." for hours in range(1, 33)), "Calcine at 1100 °C.")
"""34 of them."""


@pytest.fixture(scope="module")
def config():
    return get("text").Config()


def test_steps_beyond_those_that_are_read_are_told(config):
    assert unread(STEPS[:32], config) == ""
    assert unread(STEPS, config) == "only the first 32 of 34 steps are read; of later ones only the formulas"
    assert unread((*STEPS[:32], "", " "), config) == ""
    alone = get("text").Config(materials=False)
    assert unread(STEPS, alone) == "only the first 32 of 34 steps are read; later ones are not"


def test_a_long_step_counts_as_several(config):
    long = "Stir the solution at 80 °C for 4 h and then " * 20
    assert unread((long, *STEPS[:31]), config).startswith("only the first 2")


def test_what_is_left_out_is_what_the_note_says(config):
    """A change in a step that is said to be read changes the vector, one behind them does not."""
    from comma_encoders.model import AlignedModel

    model = AlignedModel.from_pretrained("comma-small")
    told = int(re.match(r"only the first (\d+)", unread(STEPS, model.configs["text"]))[1])
    changed = [(*STEPS[:place], "Wash with water.", *STEPS[place + 1 :]) for place in (told - 1, told)]
    whole, within, beyond = model.encode("text", [STEPS, *changed])
    assert float(whole @ within) < 0.9999
    assert float(whole @ beyond) > 0.99999


def test_an_explanation_says_it_too():
    from comma_encoders.model import AlignedModel

    model = AlignedModel.create("text", "composition", dim=16).eval()
    recipe = Given(modality="text", value=STEPS, name="long")
    oxide = Given(modality="composition", value={"Ba": 1.0, "Ti": 1.0, "O": 3.0}, name="BaTiO3")
    html = fragment(explain(model, recipe, oxide, method="removal"))
    assert html.count("Note: only the first 32 of 34 steps are read") == 1
