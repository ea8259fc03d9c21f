from dataclasses import replace

from comma_data.protocol import VIEWS, with_view
from comma_data.sample import Sample
from comma_eval.tasks.pool import pools


def test_one_protocol_a_formula_and_every_structure(perovskites):
    pool = pools(perovskites)
    assert len(pool.structures.samples) == 128
    assert len(pool.protocols.samples) == 128
    assert len(pool.gallery.samples) == 64
    assert len(set(pool.gallery.groups)) == 64


def test_the_order_of_the_samples_does_not_matter(perovskites):
    assert repr(pools(perovskites)) == repr(pools(perovskites[::-1]))


def test_the_scorer_gets_the_value_and_nothing_else(perovskites):
    pool = pools(perovskites)
    for side in (pool.structures, pool.protocols, pool.gallery):
        for sample, formula in zip(side.samples, side.groups, strict=True):
            assert len(sample.fields) == 1
            assert not any((sample.groups, sample.annotations, sample.provenance, sample.targets))
            assert formula.lower() not in sample.id


def test_every_view_has_the_same_recipe_in_the_gallery(make_perovskite):
    sample = make_perovskite("Ba", "Ti", recipes=9)
    recipes = {view: dict(zip(with_view(sample, view).fields["text"], range(9), strict=True)) for view in VIEWS}
    chosen = {view: pools([with_view(sample, view)]).gallery.samples[0].fields["text"][0] for view in VIEWS}
    assert len({recipes[view][chosen[view]] for view in VIEWS}) == 1


def test_a_formula_that_lacks_a_side_is_left_out(make_perovskite):
    whole = make_perovskite("Ba", "Ti")
    no_text = Sample(id="a", fields={"structure": whole.fields["structure"]}, groups={"formula": "A"})
    no_structure = Sample(id="b", fields={"text": whole.fields["text"]}, groups={"formula": "B"})
    empty = Sample(id="c", fields={**whole.fields, "text": ((),)}, groups={"formula": "C"})
    pool = pools([whole, no_text, no_structure, empty])
    assert set(pool.structures.groups) == set(pool.protocols.groups) == set(pool.gallery.groups) == {"BaTiO3"}


def test_a_text_without_a_record_stands_for_itself():
    sample = Sample(id="a", fields={"structure": (1,), "text": (("Mix.",), ("Heat.",))}, groups={"formula": "A"})
    assert len(pools([sample]).protocols.samples) == 2


def test_texts_without_records_are_told_apart():
    samples = [
        Sample(
            id="a",
            fields={"structure": (1,), "text": (("Mix.",), ("Heat.",))},
            groups={"formula": "A"},
            annotations={"text": (None, None)},
        )
    ]
    assert len(set(pools(samples).protocols.names)) == 2


def test_a_protocol_with_operations_stands_for_its_formula(make_perovskite):
    sample = make_perovskite("Ba", "Ti", recipes=9)
    with_one = {
        **sample.annotations,
        "text": tuple(
            replace(record, operations=record.operations if number == 4 else ())
            for number, record in enumerate(sample.annotations["text"])
        ),
    }
    for view in VIEWS:
        told = with_view(replace(sample, annotations=with_one), view)
        pool = pools([told])
        assert pool.gallery_operated.tolist() == [True]
        assert pool.operated.sum() == 1
        assert any("1100 °C" in step for step in pool.gallery.samples[0].fields["text"][0])


def test_one_structure_stands_for_its_formula(perovskites):
    pool = pools(perovskites)
    assert pool.stands.sum() == 64
    assert len({group for group, stands in zip(pool.structures.groups, pool.stands, strict=True) if stands}) == 64
