import numpy as np
import pytest
import torch
from comma_data.sample import Sample
from comma_encoders.model import AlignedModel
from comma_encoders.types import Embedded
from comma_eval.errors import EmptyTaskError, NotEmbeddedError, UsageError
from comma_eval.tasks.absent import fused, imputed, imputer_of, take_away
from comma_eval.tasks.missing import FRACTIONS, Missing
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import normalize

N, DIM = 40, 16
ANGLES = normalize(torch.randn(N, DIM, generator=torch.Generator().manual_seed(0)), dim=1)
NOISE = {
    m: torch.randn(N, DIM, generator=torch.Generator().manual_seed(i)) for i, m in enumerate(("xrd", "image", "text"))
}


class Noisy:
    """Structures lie where they are; the other modalities lie near them, each with noise of its own."""

    def embed(self, samples):
        found = {}
        for m in ("structure", "xrd", "image", "text"):
            rows = [i for i, s in enumerate(samples) if m in s.fields]
            if rows:
                numbers = [self.number(m, samples[i].fields[m][0]) for i in rows]
                z = ANGLES[numbers] + (0.5 * NOISE[m][numbers] if m in NOISE else 0)
                found[m] = Embedded(z=normalize(z, dim=1), rows=torch.tensor(rows))
        return found

    @staticmethod
    def number(modality, value):
        if modality == "text":
            return int(value[0].split()[1])
        return int(np.ravel(value["cell" if modality == "structure" else "a"])[0])


class Knowing(Noisy):
    """Imputes the truth: the structures' vectors, whatever is asked."""

    def impute(self, known, target):
        rows = torch.cat([e.rows for e in known.values()]).unique()
        (z,) = [normalize(torch.ones(N, DIM), dim=1)] if target == "never" else [self.of]
        return Embedded(z=z[rows], rows=rows)


@pytest.fixture
def entries():
    return [
        Sample(
            id=f"e{i:02}",
            fields={
                "structure": ({"cell": np.full((3, 3), float(i))},),
                "xrd": ({"a": np.array([i])},),
                "image": ({"a": np.array([i])},),
                "text": ((f"Step {i}",),),
            },
            groups={"formula": f"F{i}"},
        )
        for i in range(N)
    ]


def values(report, model, metric="R@1"):
    """Absent -> value."""
    return {
        r.labels["absent"]: r.value
        for r in report.rows
        if r.labels.get("model") == model and "against" not in r.labels and r.metric == metric
    }


def test_recall_falls_with_what_is_missing(entries):
    found = values(Missing().run({"noisy": Noisy()}, [], entries), "noisy", "MRR")
    assert list(found) == ["0%", "30%", "60%", "90%"]
    assert found["0%"] > found["60%"] > 0.1
    assert found["0%"] > found["90%"]


def test_the_target_is_never_in_the_query(entries):
    """With it in the query the noiseless structures would find themselves."""
    report = Missing().run({"noisy": Noisy()}, [], entries)
    assert {r.labels["direction"] for r in report.rows} == {"image + text + xrd -> structure"}
    assert values(report, "noisy")["90%"] < 1.0


def test_an_imputer_that_knows_the_truth_is_always_right(entries):
    model = Knowing()
    model.of = ANGLES
    report = Missing().run({"knowing": model}, [], entries)
    assert set(values(report, "knowing, target imputed").values()) == {1.0}
    filled, plain = values(report, "knowing, absent ones imputed", "MRR"), values(report, "knowing", "MRR")
    assert filled["0%"] == plain["0%"]
    assert filled["90%"] > plain["90%"]
    gains = [r for r in report.rows if r.labels.get("against") == "knowing" and r.labels["absent"] == "90%"]
    assert {r.labels["model"] for r in gains} == {"knowing, target imputed", "knowing, absent ones imputed"}
    assert all(r.value > 0 for r in gains if r.metric == "MRR")


def test_a_model_without_an_imputer_has_one_line(entries):
    report = Missing().run({"noisy": Noisy()}, [], entries)
    assert {r.labels.get("model") for r in report.rows} == {None, "chance", "noisy"}


def test_an_aligned_model_imputes_once_it_was_taught():
    model = AlignedModel.create("structure", "text", dim=16)
    assert imputer_of(model) is None
    z = normalize(torch.randn(40, 16), dim=1)
    model.fit_imputer({"structure": z, "text": z})
    assert imputer_of(model) is model
    kept = {"structure": np.zeros(40, bool), "text": np.ones(40, bool)}
    assert imputed(model, {"structure": z, "text": z}, kept, "structure").shape == (40, 16)


def test_what_is_left_is_told(entries):
    facts = Missing().run({"noisy": Noisy()}, [], entries).facts
    counts = [facts[f"image + text + xrd -> structure, modalities a query with {f:.0%} absent"] for f in FRACTIONS]
    assert counts[0] == 3.0
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] >= 1


def test_every_target_can_be_asked(entries):
    report = Missing(target="all").run({"noisy": Noisy()}, [], entries)
    assert {r.labels["direction"].split(" -> ")[1] for r in report.rows} == {"structure", "image", "text", "xrd"}


def test_a_target_that_the_model_does_not_embed_is_named(entries):
    class Blind(Noisy):
        def embed(self, samples):
            return {m: e for m, e in super().embed(samples).items() if m != "xrd"}

    with pytest.raises(NotEmbeddedError, match="does not embed `xrd`"):
        Missing(target="xrd").run({"blind": Blind()}, [], entries)
    report = Missing(target="all").run({"blind": Blind()}, [], entries)
    assert {r.labels["direction"] for r in report.rows} == {
        "image + text -> structure", "structure + text -> image", "image + structure -> text",
    }  # fmt: skip


def test_nothing_to_ask_is_said(entries):
    alone = [Sample(id=s.id, fields={"structure": s.fields["structure"]}, groups=s.groups) for s in entries]
    with pytest.raises(EmptyTaskError, match="no two have the target 'structure' and another modality"):
        Missing().run({"noisy": Noisy()}, [], alone)


def test_an_unknown_target_is_named():
    with pytest.raises(UsageError, match="unknown target 'xdr'; known: composition, image, structure, text, xrd, all"):
        Missing(target="xdr")


@settings(max_examples=60)
@given(st.integers(1, 30), st.integers(0, 5), st.floats(0, 1), st.floats(0, 1), st.randoms(use_true_random=False))
def test_what_goes_stays_gone_and_one_is_left(n, seed, a, b, random):
    less, more = sorted((a, b))
    there = {m: np.array([random.random() < 0.6 for _ in range(n)]) for m in ("image", "text", "xrd")}
    names = [f"e{i}" for i in range(n)]
    kept, kept_less = take_away(there, names, more, seed), take_away(there, names, less, seed)
    for m, has in there.items():
        assert not (kept[m] & ~kept_less[m]).any()
        assert not (kept[m] & ~has).any()
    np.testing.assert_array_equal(np.any(list(kept.values()), axis=0), np.any(list(there.values()), axis=0))
    if less == 0:
        assert all((kept_less[m] == there[m]).all() for m in there)


def test_the_share_that_goes_is_the_one_asked_for():
    there = {m: np.ones(2000, bool) for m in ("a", "b", "c", "d", "e", "f", "g", "h")}
    kept = take_away(there, [f"e{i}" for i in range(2000)], 0.3, 0)
    assert np.mean(list(kept.values())) == pytest.approx(0.7, abs=0.01)


def test_what_goes_depends_on_the_name_and_the_seed_alone():
    names = [f"e{i}" for i in range(50)]
    there = {m: np.ones(50, bool) for m in ("a", "b")}
    kept = take_away(there, names, 0.5, 1)
    turned = take_away({m: t[::-1] for m, t in there.items()}, names[::-1], 0.5, 1)
    np.testing.assert_array_equal(kept["a"], turned["a"][::-1])
    assert (kept["a"] != take_away(there, names, 0.5, 2)["a"]).any()


def test_more_than_everything_cannot_go():
    with pytest.raises(UsageError, match=r"a fraction of 1\.2 cannot be taken away"):
        take_away({"a": np.ones(1, bool)}, ["e"], 1.2, 0)


def test_the_mean_direction_counts_what_is_kept():
    z = {"a": torch.tensor([[1.0, 0.0], [1.0, 0.0]]), "b": torch.tensor([[0.0, 1.0], [0.0, 1.0]])}
    kept = {"a": np.array([True, True]), "b": np.array([True, False])}
    torch.testing.assert_close(fused(z, kept), torch.tensor([[0.5**0.5, 0.5**0.5], [1.0, 0.0]]))
