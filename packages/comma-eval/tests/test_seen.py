import pytest
from comma_data.split import group_hash
from comma_eval.errors import SeenError
from comma_eval.seen import refuse_seen


def test_a_planted_test_formula_is_found():
    seen = [group_hash(formula) for formula in ("MgO", "SrTiO3", "LiFePO4")]
    with pytest.raises(SeenError, match=r"seen 1 of the 2 formulas .*\(SrTiO3\).*Remedy") as caught:
        refuse_seen(["BaTiO3", "SrTiO3"], seen)
    assert caught.value.exit_code == 3


def test_other_formulas_are_no_leak():
    assert refuse_seen(["BaTiO3"], [group_hash("MgO")]) == "1 groups, none of the 1 held-out formulas among them"


def test_a_model_that_does_not_say_is_called_unknown():
    assert refuse_seen(["BaTiO3"], None).startswith("unknown")


def test_an_empty_list_is_an_answer():
    assert not refuse_seen(["BaTiO3"], []).startswith("unknown")
