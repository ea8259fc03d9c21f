"""The imputer: exact distributions, the laws of a product of experts, and calibration on vectors of known noise."""

import numpy as np
import pytest
import torch
from comma_encoders import folder, imputer_fit
from comma_encoders.errors import InputError, UsageError
from comma_encoders.imputer import Imputed, Imputer, imputation_loss, side_by_side
from comma_encoders.model import AlignedModel
from comma_encoders.types import Embedded
from comma_encoders.vmf import (
    cap_angle,
    concentration_of,
    log_bessel,
    log_normaliser,
    mean_cosine,
    negative_log_likelihood,
)
from scipy.special import ive
from scipy.stats import spearmanr
from torch.nn.functional import normalize

CONCENTRATIONS = torch.logspace(-2, 4, 25, dtype=torch.float64)
dims = pytest.mark.parametrize("dim", [8, 16, 128])


@dims
def test_the_bessel_function_is_that_of_scipy(dim):
    for order in (dim / 2 - 1, dim / 2):
        expected = np.log(ive(order, CONCENTRATIONS.numpy())) + CONCENTRATIONS.numpy()
        np.testing.assert_allclose(log_bessel(order, CONCENTRATIONS), expected, atol=1e-3)


@dims
def test_the_expected_cosine_is_the_ratio_of_bessel_functions(dim):
    expected = ive(dim / 2, CONCENTRATIONS.numpy()) / ive(dim / 2 - 1, CONCENTRATIONS.numpy())
    np.testing.assert_allclose(mean_cosine(CONCENTRATIONS, dim), expected, rtol=1e-3)
    back = mean_cosine(concentration_of(torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64), dim), dim)
    np.testing.assert_allclose(back, [0.1, 0.5, 0.9], atol=0.02)


@dims
@pytest.mark.parametrize("concentration", [0.5, 20.0, 500.0])
def test_the_density_integrates_to_one(dim, concentration):
    theta = torch.linspace(0, np.pi, 20001, dtype=torch.float64)
    ring = dim / 2 - 0.5  # area of the (dim - 2)-sphere around the axis: 2 π^ring / Γ(ring)
    log_area = np.log(2) + ring * np.log(np.pi) - torch.lgamma(torch.tensor(ring, dtype=torch.float64))
    kappa = torch.tensor(concentration, dtype=torch.float64)
    density = (log_normaliser(kappa, dim) + kappa * theta.cos() + log_area).exp() * theta.sin() ** (dim - 2)
    assert torch.trapezoid(density, theta).item() == pytest.approx(1, abs=2e-3)


@dims
def test_the_likelihood_is_best_at_the_mean_and_at_the_true_concentration(dim):
    direction = normalize(torch.randn(1, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    other = normalize(direction + 0.5)
    best = negative_log_likelihood(direction, torch.tensor([50.0]), direction)
    assert best < negative_log_likelihood(direction, torch.tensor([50.0]), other)
    cosine = mean_cosine(torch.tensor(30.0, dtype=torch.float64), dim)
    losses = [float(-log_normaliser(torch.tensor(k, dtype=torch.float64), dim) - k * cosine) for k in (25, 30, 36)]
    assert losses[1] == min(losses)


def test_the_cap_holds_its_share():
    generator = torch.Generator().manual_seed(0)
    dim, kappa = 16, 200.0
    axis = torch.zeros(dim)
    axis[0] = 1
    # a von Mises-Fisher sample by rejection from its tangent Gaussian is not exact; weigh a broad sample instead
    points = normalize(axis + 0.3 * torch.randn(200_000, dim, generator=generator))
    angle = points[:, 0].acos()
    edges = torch.linspace(0, 1.5, 151)
    counts = torch.histc(angle, 150, 0, 1.5)
    middle = (edges[1:] + edges[:-1]) / 2
    density = (kappa * (middle.cos() - 1)).exp() * middle.sin() ** (dim - 2)
    assert counts.sum() > 0
    share = density.cumsum(0) / density.sum()
    for level in (0.5, 0.9):
        expected = middle[(share < level).sum()]
        assert cap_angle(torch.tensor([kappa]), dim, level).item() == pytest.approx(expected.item(), abs=0.02)
    narrow, wide = cap_angle(torch.tensor([1000.0, 10.0]), dim, 0.9)
    assert narrow < wide


def views(count, dim=24, seed=0):
    """Views of a latent direction: the noise of `a` and `b` is fixed, that of `c` rises along the first axis."""
    generator = torch.Generator().manual_seed(seed)
    latent = normalize(torch.randn(count, dim, generator=generator))
    basis = torch.Generator().manual_seed(99)
    turns = [torch.linalg.qr(torch.randn(dim, dim, generator=basis))[0] for _ in range(3)]
    rising = 0.12 * (4 * latent[:, 0]).exp().clamp(0.2, 4)
    noise = [torch.full((count,), 0.05), torch.full((count,), 0.12), rising]
    return {
        name: Embedded(
            z=normalize(latent @ turn + level[:, None] * torch.randn(count, dim, generator=generator)),
            rows=torch.arange(count),
        )
        for name, turn, level in zip("abc", turns, noise, strict=True)
    }


@pytest.fixture(scope="module")
def fitted():
    return imputer_fit.fit(views(1000))


def outcome(imputer, known, target, seed=5):
    """What the imputer says of unseen samples, and the angle to the truth."""
    unseen = views(1500, seed=seed)
    imputed = imputer.impute(side_by_side({name: unseen[name] for name in known}), target)
    cosine = (imputed.z * unseen[target].z).sum(dim=1)
    return imputed, cosine


@pytest.mark.parametrize("known", ["a", "b", "ab"])
def test_the_uncertainty_is_calibrated(fitted, known):
    imputed, cosine = outcome(fitted, known, "c")
    assert imputed.uncertainty.mean().item() == pytest.approx(1 - cosine.mean().item(), abs=0.04)
    assert spearmanr(imputed.uncertainty.numpy(), 1 - cosine.numpy())[0] > 0.5
    angle = cosine.clamp(-1, 1).acos()
    for level in (0.5, 0.8, 0.95):
        assert (angle <= imputed.angle(level)).float().mean().item() == pytest.approx(level, abs=0.05)


def test_more_modalities_are_better_and_surer(fitted):
    (one, cosine_one), (two, cosine_two) = outcome(fitted, "b", "c"), outcome(fitted, "ab", "c")
    assert cosine_two.mean() > cosine_one.mean() + 0.01
    assert two.uncertainty.mean() < one.uncertainty.mean()


def test_one_view_twice_is_not_counted_twice():
    pair = views(300)
    twins = {"a": pair["a"], "b": pair["a"], "c": pair["b"]}
    imputer = imputer_fit.fit(twins)
    unseen = views(300, seed=7)
    alone = imputer.impute(side_by_side({"a": unseen["a"]}), "c")
    both = imputer.impute(side_by_side({"a": unseen["a"], "b": unseen["a"]}), "c")
    assert both.concentration.mean().item() == pytest.approx(alone.concentration.mean().item(), rel=0.05)


def test_an_absent_modality_adds_nothing(fitted):
    unseen = views(6)
    some = {"a": unseen["a"], "b": Embedded(z=unseen["b"].z[3:], rows=unseen["b"].rows[3:])}
    imputed = fitted.impute(side_by_side(some), "c")
    first = fitted.impute(side_by_side({"a": unseen["a"]}), "c")
    torch.testing.assert_close(imputed.z[:3], first.z[:3])
    torch.testing.assert_close(imputed.concentration[:3], first.concentration[:3])
    assert not torch.allclose(imputed.z[3:], first.z[3:])


def test_the_target_itself_is_not_looked_at(fitted):
    unseen = views(4)
    with_it = fitted.impute(side_by_side({"a": unseen["a"], "c": unseen["c"]}), "c")
    torch.testing.assert_close(with_it.z, fitted.impute(side_by_side({"a": unseen["a"]}), "c").z)


def test_samples_without_anything_known_are_left_out(fitted):
    unseen = views(4)
    known = {"a": Embedded(z=unseen["a"].z[:2], rows=torch.tensor([0, 1])), "c": unseen["c"]}
    assert fitted.impute(side_by_side(known), "c").rows.tolist() == [0, 1]


def test_a_trainer_can_teach_it():
    pairs = views(400)
    torch.manual_seed(0)
    imputer = Imputer(["a", "c"], 24)
    present = side_by_side({"a": pairs["a"]})
    optimizer = torch.optim.Adam(imputer.parameters(), lr=3e-2)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = imputation_loss(imputer, present, "c", pairs["c"].z)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 5
    imputed = imputer.impute(present, "c")
    assert imputed.ratios is None
    assert (imputed.z * pairs["c"].z).sum(dim=1).mean() > 0.6
    assert 0 < imputed.angle(0.5).mean() < imputed.angle(0.95).mean() < np.pi


def test_nothing_is_said_where_nothing_was_learnt():
    pairs = views(200)
    half = {"a": pairs["a"], "b": pairs["b"], "c": Embedded(z=pairs["c"].z[:5], rows=pairs["c"].rows[:5])}
    imputer = imputer_fit.fit(half)
    imputed = imputer.impute(side_by_side({"a": pairs["a"]}), "c")
    assert imputed.uncertainty.min() > 0.99
    assert torch.isfinite(imputed.z).all()


@pytest.mark.parametrize("known", ["a", "ab"])
def test_who_knows_nothing_makes_the_others_no_less_sure(known):
    pairs = views(400)
    few = Embedded(z=pairs["a"].z[:5], rows=pairs["a"].rows[:5])  # too few to learn from
    imputer = imputer_fit.fit({**pairs, "d": few})
    unseen = views(50, seed=5)
    others = {name: unseen[name] for name in known}
    alone = imputer.impute(side_by_side(others), "c")
    beside = imputer.impute(side_by_side({**others, "d": unseen["c"]}), "c")
    torch.testing.assert_close(beside.z, alone.z)
    torch.testing.assert_close(beside.concentration, alone.concentration)


def test_answers_of_experts_that_were_all_taught_stay_as_they_were(fitted):
    unseen = views(50, seed=5)
    present = side_by_side({name: unseen[name] for name in "ab"})
    said = {name: fitted.expert(name, "c")(present.z[name]) for name in "ab"}
    natural = sum(said.values())
    effect = 1 + torch.nn.functional.softplus(fitted.overlap["c"][0, 1])  # of two that both spoke
    torch.testing.assert_close(fitted.impute(present, "c").concentration, natural.norm(dim=1) / effect)


@pytest.mark.parametrize(
    ("known", "target", "error", "message"),
    [
        ({}, "c", UsageError, "nothing to impute from"),
        ({"c": "z"}, "c", UsageError, "another modality"),
        ({"q": "z"}, "c", UsageError, "does not know 'q'"),
        ({"a": "z"}, "q", UsageError, "does not know 'q'"),
    ],
)
def test_what_cannot_be_imputed_is_explained(fitted, known, target, error, message):
    with pytest.raises(error, match=message):
        fitted.impute(side_by_side({name: torch.eye(24) for name in known}), target)


def test_arrays_that_do_not_fit_together_are_refused():
    with pytest.raises(InputError, match="lengths differ"):
        side_by_side({"a": torch.eye(4), "b": torch.eye(4)[:2]})
    with pytest.raises(InputError, match="different dimensions"):
        side_by_side({"a": torch.ones(3, 4), "b": torch.ones(3, 5)})


def test_several_values_of_a_sample_become_their_mean():
    z = torch.eye(6)[:3]
    present = side_by_side({"a": Embedded(z=z, rows=torch.tensor([4, 4, 9]))})
    assert present.rows.tolist() == [4, 9]
    torch.testing.assert_close(present.z["a"], torch.stack([normalize(z[0] + z[1], dim=0), z[2]]))


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, np.nan])
def test_a_level_that_is_no_probability_is_refused(level):
    imputed = Imputed(z=torch.eye(8), rows=torch.arange(8), concentration=torch.ones(8))
    with pytest.raises(UsageError, match="between"):
        imputed.angle(level)


@pytest.mark.parametrize(("names", "dim"), [(["a"], 32), (["a", "b"], 4)])
def test_an_imputer_that_cannot_be_is_refused(names, dim):
    with pytest.raises(UsageError, match="two modalities"):
        Imputer(names, dim)


def test_too_few_pairs_are_refused():
    with pytest.raises(InputError, match="20 samples in common"):
        imputer_fit.fit({name: Embedded(z=e.z[:5], rows=e.rows[:5]) for name, e in views(5).items()})


class Sample:
    def __init__(self, formula):
        self.fields = {"composition": (formula,), "text": ((f"Mix the oxides of {' and '.join(formula)}.",),)}
        self.groups = {}


def test_a_model_imputes_saves_and_loads(tmp_path):
    model = AlignedModel.create("composition", "text", dim=16)
    with pytest.raises(UsageError, match=r"no imputer.*fit_imputer"):
        model.impute({"composition": ["NaCl"]}, "text")
    elements = "Li Be Na Mg Al Si K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge Rb Sr Y Zr".split()
    model.fit_imputer(model.embed([Sample({a: 1.0, "O": 2.0}) for a in elements]))
    folder.save(model, tmp_path / "model")
    again = folder.load(tmp_path / "model")
    known = {"composition": ["FeO", "MgO"]}
    before, after = model.impute(known, "text"), again.impute(known, "text")
    torch.testing.assert_close(before.z, after.z)
    torch.testing.assert_close(before.angle(0.9), after.angle(0.9))
    vectors = model.encode("composition", known["composition"], output="numpy")
    torch.testing.assert_close(model.impute({"composition": vectors}, "text").z, before.z)
