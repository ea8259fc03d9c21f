"""The hard pools on planted oxides: ABO3 and A2BO4 of the same elements, each made at a temperature of its own."""

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from comma_data.protocol import Operation, Protocol, with_view
from comma_data.sample import Sample
from comma_encoders.types import Embedded
from comma_eval.errors import EmptyTaskError, UsageError
from comma_eval.tasks.pool import pools
from comma_eval.tasks.synthesis import Synthesis
from comma_eval.tasks.synthesis_pools import POOLS, directions

HARD = [pool for pool in POOLS if pool != "open"]
PAIRS = [(a, b) for a in ("Ca", "Sr", "Ba", "Pb") for b in ("Ti", "Zr", "Hf")]


class Truth:
    """Knows the planted secret: the cell's edge in Å is the temperature over 100."""

    def score(self, queries, gallery):
        a, b = (np.array([self.secret(sample) for sample in side]) for side in (queries, gallery))
        return -np.abs(a[:, None] - b[None, :]).astype(float)

    @staticmethod
    def secret(sample):
        if "structure" in sample.fields:
            return round(float(sample.fields["structure"][0]["cell"][0, 0]) * 100)
        return int(re.search(r"at (\d+) °C", " ".join(sample.fields["text"][0]))[1])


class CountingEmbedder:
    """Counts how often each value is embedded."""

    def __init__(self):
        self.seen = Counter()

    def embed(self, samples):
        (modality,) = {name for sample in samples for name in sample.fields}
        self.seen.update(id(sample.fields[modality][0]) for sample in samples)
        z = torch.nn.functional.normalize(torch.randn(len(samples), 4), dim=1)
        return {modality: Embedded(z=z, rows=torch.arange(len(samples)))}


@pytest.fixture
def oxides(make_structure):
    """24 formulas of 12 element sets, two polymorphs each; CaHfO3 has nothing but precursors."""

    def entry(formula, symbols, celsius, polymorph):
        heat = (Operation(kind="heat", word="heated", temperatures=(float(celsius),)),)
        protocol = Protocol(
            target=formula,
            precursors=(f"{symbols[0]}CO3", f"{symbols[1]}O2"),
            operations=() if formula == "CaHfO3" else heat,
        )
        return Sample(
            id=f"{formula.lower()}-{polymorph}",
            fields={"structure": (make_structure(*symbols, length=celsius / 100),), "text": (("?",),)},
            groups={"formula": formula},
            annotations={"text": (protocol,)},
        )

    made = []
    for number, (a, b) in enumerate(PAIRS):
        for kind, (formula, symbols) in enumerate(
            ((f"{a}{b}O3", (a, b, "O", "O", "O")), (f"{a}2{b}O4", (a, b, a, "O", "O", "O", "O")))
        ):
            made += [entry(formula, symbols, 700 + 20 * number + 10 * kind, polymorph) for polymorph in (0, 1)]
    return made


def searches(samples, view="precursors"):
    told = pools([with_view(sample, view) for sample in samples])
    return {
        (direction.labels["direction"], pool): direction.within(pool)
        for direction in directions(told, view)
        for pool in POOLS
    }


def pick(report, **wanted):
    rows = [r for r in report.rows if set(r.labels) == {"view", *wanted} and wanted.items() <= r.labels.items()]
    return {row.metric: row for row in rows}


def test_every_gallery_holds_an_answer_and_in_hard_pools_no_formula_twice(oxides):
    for (_, pool), search in searches(oxides).items():
        assert search.asked.any()
        for searched, relevant in zip(search.searched[search.asked], search.relevant[search.asked], strict=True):
            formulas = np.array(search.gallery.groups)[searched]
            assert (searched & relevant).any()
            assert pool == "open" or len(set(formulas)) == len(formulas)


@pytest.mark.parametrize(
    ("pool", "sizes"), [("open", {24, 48}), ("elements", {2}), ("cations", {2}), ("nearest", {20})]
)
def test_sizes(oxides, pool, sizes):
    found = {int(n) for (_, name), s in searches(oxides).items() if name == pool for n in s.searched.sum(axis=1)}
    assert found == sizes


def test_the_samples_may_come_in_any_order(oxides):
    def told(samples):
        return {
            key: {
                (search.queries.names[q], search.gallery.names[g])
                for q, g in zip(*np.nonzero(search.searched), strict=True)
            }
            for key, search in searches(samples).items()
        }

    assert told(oxides) == told(oxides[::-1])


@pytest.mark.parametrize("pool", POOLS)
def test_who_knows_the_truth_is_always_right(oxides, quick_fit, pool):
    samples = [s for s in oxides if s.groups["formula"] != "CaHfO3"]
    report = Synthesis(pool=pool).run({"truth": Truth()}, samples, samples)
    for direction in ("structure -> protocol", "protocol -> structure"):
        rows = pick(report, direction=direction, pool=pool, model="truth")
        assert rows["R@1"].value == rows["MRR"].value == 1.0


def test_who_knows_the_elements_alone_is_at_chance_among_the_same_elements(oxides, quick_fit):
    report = Synthesis(pool="elements").run({}, oxides, oxides)
    for direction in ("structure -> protocol", "protocol -> structure"):
        overlap, chance = (
            pick(report, direction=direction, pool="elements", model=m) for m in ("element overlap", "chance")
        )
        assert overlap["R@1"].value == chance["R@1"].value == 0.5
        assert overlap["tied"].value == overlap["R@1"].n * (2 if direction[0] == "s" else 1)


def test_chance_is_the_expectation_over_galleries_of_different_sizes(oxides, quick_fit):
    grown = [
        *oxides,
        Sample(
            id="ca3ti2o7",
            fields=oxides[0].fields,
            groups={"formula": "Ca3Ti2O7"},
            annotations={"text": (Protocol(target="Ca3Ti2O7", precursors=("CaO",), operations=()),)},
        ),
    ]
    report = Synthesis(pool="elements").run({}, grown, grown)
    rows = pick(report, direction="structure -> protocol", pool="elements", model="chance")
    assert rows["R@1"].value == pytest.approx((22 * 1 / 2 + 3 * 1 / 3) / 25)
    sizes = pick(report, direction="structure -> protocol", pool="elements")
    assert (sizes["smallest pool"].value, sizes["largest pool"].value) == (2, 3)


@pytest.mark.parametrize("view", ["masked", "operations"])
@pytest.mark.parametrize("pool", HARD)
def test_without_operations_a_protocol_takes_no_part_where_they_decide(oxides, view, pool):
    for (_, name), search in searches(oxides, view).items():
        if name == pool:
            asked = {g for g, is_asked in zip(search.queries.groups, search.asked, strict=True) if is_asked}
            searched = set(np.array(search.gallery.groups)[search.searched.any(axis=0)])
            assert "CaHfO3" not in asked | searched
            assert "BaTiO3" in asked & searched


def test_it_takes_part_in_the_other_views(oxides):
    assert "CaHfO3" in searches(oxides)["structure -> protocol", "nearest"].queries.groups


def test_nothing_is_embedded_twice(oxides, quick_fit):
    embedder = CountingEmbedder()
    task = Synthesis(pool="all")
    report = task.run({"mine": task.model_of(embedder)}, oxides, oxides)
    assert {row.labels["pool"] for row in report.rows} == set(POOLS)
    structures = {id(sample.fields["structure"][0]) for sample in oxides}
    assert {embedder.seen[value] for value in structures} == {1}


def test_items_are_named_by_what_they_are(oxides, quick_fit):
    names = [
        {item.item for item in Synthesis().run({}, part, part).items if item.labels["direction"][0] == "s"}
        for part in (oxides, oxides[8:])
    ]
    assert names[1] < names[0]
    assert names[0] == {sample.id for sample in oxides}


def test_a_pool_without_rivals_is_said(make_perovskite, quick_fit):
    samples = [make_perovskite("Ba", "Ti"), make_perovskite("Sr", "Zr")]
    with pytest.raises(EmptyTaskError, match="no formula of the 2 has a rival in the pool 'elements'"):
        Synthesis(pool="elements").run({}, samples, samples)


def test_an_unknown_pool_is_named():
    with pytest.raises(UsageError, match="unknown pool 'element'; known: open, elements, cations, nearest, all"):
        Synthesis(pool="element")


def test_a_broken_score_is_named(oxides, quick_fit):
    class Broken:
        def score(self, queries, gallery):
            return np.full((len(queries), len(gallery)), -np.inf)

    with pytest.raises(UsageError, match=r"the scores of query .* hold NaN or infinity"):
        Synthesis().run({"broken": Broken()}, oxides, oxides)


def test_a_query_without_operations_is_not_asked_where_they_decide(oxides):
    """Its formula has another protocol, which is."""
    mixed = [
        replace(s, annotations={"text": (*s.annotations["text"], replace(s.annotations["text"][0], operations=()))},
                fields={**s.fields, "text": (("?",), ("?",))})
        if s.groups["formula"] == "BaTiO3"
        else s
        for s in oxides
    ]  # fmt: skip
    search = searches(mixed, "masked")["protocol -> structure", "nearest"]
    of_formula = [asked for g, asked in zip(search.queries.groups, search.asked, strict=True) if g == "BaTiO3"]
    assert sorted(of_formula) == [False, True]
