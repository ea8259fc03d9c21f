from dataclasses import replace

import numpy as np
import pytest
import torch
from comma_data.file_names import protocol_in
from comma_data.protocol import with_view
from comma_data.sample import Sample
from comma_encoders.types import Embedded
from comma_eval.baselines.pattern_features import pattern_features
from comma_eval.errors import EmptyTaskError
from comma_eval.tasks.measured import Measured, chemistry, left_out, told_apart
from comma_eval.tasks.pool import bare
from comma_eval.tasks.search import Search

NAMES = [
    f"{a}-{n}{b}_{900 + 100 * n}C_60min"
    for a, b in (("Cr2O3", "ZnO"), ("Fe2O3", "NiO"), ("Co3O4", "MgO"), ("Mn2O3", "CaO"), ("V2O5", "CuO"))
    for n in (1, 2)
]
PATTERN = {"two_theta": np.linspace(10, 90, 4001), "intensity": np.ones(4001), "wavelength": 1.5406}


def entry(name, number, origin="measured"):
    record = protocol_in(name)
    return Sample(
        id=name.lower(),
        fields={"xrd": ({**PATTERN, "intensity": np.full(4001, number + 1.0)},), "text": (("?",),)},
        groups={"formula": f"?{name}", "specimen": name},
        annotations={"text": (record,)},
        provenance={"xrd": ({"origin": origin},), "text": ({"origin": "file-name"},)},
    )


ENTRIES = [entry(name, number) for number, name in enumerate(NAMES)]
TEXTS = {}


class Turned:
    """Patterns and texts of one entry lie apart by one fixed rotation: a head finds it, the cosine does not."""

    turn = torch.linalg.qr(torch.randn(8, 8, generator=torch.Generator().manual_seed(0)))[0]
    places = torch.nn.functional.normalize(torch.randn(10, 8, generator=torch.Generator().manual_seed(1)), dim=1)

    def embed(self, samples):
        if "xrd" in samples[0].fields:
            numbers = [int(s.fields["xrd"][0]["intensity"][0]) - 1 for s in samples]
            return {"xrd": Embedded(z=self.places[numbers], rows=torch.arange(len(samples)))}
        told = [" ".join(s.fields["text"][0]) for s in samples]
        numbers = [next(i for i, name in enumerate(NAMES) if self.fits(name, text)) for text in told]
        return {"text": Embedded(z=self.places[numbers] @ self.turn, rows=torch.arange(len(samples)))}

    @staticmethod
    def fits(name, text):
        a, b = protocol_in(name).precursors
        return f"{a} and {b}" in text and f"at {name.split('_')[1][:-1]} °C" in text


def run(entries=ENTRIES):
    task = Measured()
    return task.run({"turned": task.model_of(Turned())}, [], entries)


def value(report, model, direction="measured xrd -> text", metric="R@1"):
    (row,) = (
        r for r in report.rows
        if r.labels.get("model") == model and "against" not in r.labels
        if (r.labels["direction"], r.metric) == (direction, metric)
    )  # fmt: skip
    return row


def test_chance_and_groups_are_those_of_chemistries():
    row = value(run(), "chance")
    assert (row.value, row.n) == (pytest.approx(0.1), 5)
    assert {r.metric for r in run().rows if "model" not in r.labels} == {"queries", "chemistries", "pool"}


def test_a_head_helps_where_a_rotation_is_missing():
    report = run()
    for direction in ("measured xrd -> text", "measured text -> xrd"):
        assert value(report, "turned + ridge", direction, "MRR").value > value(report, "turned", direction, "MRR").value


def test_the_head_has_not_seen_the_chemistry_that_it_is_asked():
    """Partners that are pure noise can be found by a head only if it was fitted on them."""
    rng = np.random.default_rng(0)
    groups = [str(i // 3) for i in range(90)]
    side = bare("xrd", ((group, str(i), i) for i, group in enumerate(groups)))
    eye = np.eye(90, dtype=bool)
    search = Search(labels={}, queries=side, gallery=side, relevant=eye, searched=np.ones_like(eye))
    a, b = rng.normal(size=(90, 60)), rng.normal(size=(90, 60))
    right = left_out(search, a, b).argmax(axis=1) == np.arange(90)
    assert right.mean() < 0.1


def test_what_is_linear_is_found():
    rng = np.random.default_rng(0)
    side = bare("xrd", ((str(i // 3), str(i), i) for i in range(90)))
    eye = np.eye(90, dtype=bool)
    search = Search(labels={}, queries=side, gallery=side, relevant=eye, searched=np.ones_like(eye))
    a = rng.normal(size=(90, 10))
    assert (left_out(search, a, a @ rng.normal(size=(10, 12))).argmax(axis=1) == np.arange(90)).mean() > 0.95


def test_simulated_patterns_are_not_asked():
    with_simulated = [*ENTRIES, entry("Al2O3-TiO2_1000C_60min", 3, origin="simulated")]
    assert run(with_simulated).facts == run().facts


def test_entries_with_simulated_patterns_are_not_even_read():
    """A model that was aligned with them would count as one that has seen what it is asked about."""
    keep = Measured().needs.keep
    assert keep(ENTRIES[0])
    assert not keep(entry("Al2O3-TiO2_1000C_60min", 3, origin="simulated"))
    assert not keep(replace(ENTRIES[0], provenance={}))


def test_two_scans_of_one_mixture_are_equally_right():
    names = ["NiO_0p2030-TiO2_0p7970--2min", "NiO_0p2030-TiO2_0p7970--8min"]
    report = Measured().run({}, [], [*ENTRIES, *(entry(name, i) for i, name in enumerate(names))])
    assert (report.facts["values of xrd"], report.facts["values of text"]) == (12, 11)


def test_chemistry_is_the_cations_of_the_precursors():
    assert chemistry(ENTRIES[0]) == "Cr-Zn"
    assert chemistry(entry("CaCO3-NH4H2PO4_200C_60min", 0)) == "Ca-P"


def test_one_chemistry_cannot_be_left_out():
    with pytest.raises(EmptyTaskError, match=r"tells 1 chemistries apart .* and 2 are needed"):
        Measured().run({}, [], ENTRIES[:2])


def test_chemistries_that_are_told_in_the_same_words_are_left_out_together():
    """Else a head learns from the very words that it is asked for."""
    recipes = ["Fe2O3-NiO_1000C_60min", "Fe2O3-NiO_1200C_60min", "Co3O4-MgO_1000C_60min", "Mn2O3-CaO_1200C_60min"]
    entries = [entry(name, number) for number, name in enumerate(recipes)]
    assert set(told_apart([with_view(one, "amounts") for one in entries]).values()) == {"Fe-Ni", "Co-Mg", "Ca-Mn"}
    masked = [with_view(one, "masked") for one in entries]
    assert set(told_apart(masked).values()) == {"Ca-Mn | Co-Mg | Fe-Ni"}
    with pytest.raises(EmptyTaskError, match="the view masked tells 1 chemistries apart"):
        Measured(view="masked").run({}, [], entries)


def test_features_do_not_depend_on_wavelength_scale_or_step():
    def pattern(wavelength, step, scale):
        two_theta = np.arange(10, 90, step)
        q = 4 * np.pi * np.sin(np.radians(two_theta / 2)) / wavelength
        intensity = 1 + 50 * np.exp(-(((q - 2.2) / 0.04) ** 2)) + 30 * np.exp(-(((q - 3.1) / 0.04) ** 2))
        return pattern_features({"two_theta": two_theta, "intensity": scale * intensity, "wavelength": wavelength})

    one, other = pattern(1.5406, 0.02, 1.0), pattern(1.2, 0.01, 7.0)
    both = (one > 0) & (other > 0)
    assert one @ one == pytest.approx(1)
    assert np.corrcoef(one[both], other[both])[0, 1] > 0.99
