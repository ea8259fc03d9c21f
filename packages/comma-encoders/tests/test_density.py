"""The moments of the density: laws of the reference, and that every fast path is the reference."""

import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from comma_encoders.modalities.structure.compiled import density as compiled
from comma_encoders.modalities.structure.config import PRESETS, Config
from comma_encoders.modalities.structure.density import chosen, reference, using
from comma_encoders.modalities.structure.encoder import Contraction, Encoder
from comma_encoders.modalities.structure.geometry import geometry, harmonics, smooth_cutoff, spline_pieces
from comma_encoders.modalities.structure.graph import collate
from comma_encoders.modality import examples

CHANNELS = ((5, 3, 2), (7, 0, 0), (0, 4, 0), (2, 0, 3))


def graph(count=6, seed=0):
    return geometry(collate(examples("structure", count, seed=seed), Config()), 5.0, 12)


def tensors(edges, channels, seed=0):
    torch.manual_seed(seed)
    atoms = len(edges.start) - 1
    return torch.randn(atoms, sum(channels)).requires_grad_(), torch.randn(12, sum(channels)).requires_grad_()


def test_splines_sum_to_one_and_agree_with_scipy():
    from scipy.interpolate import BSpline

    count, cutoff = 9, 5.0
    r = torch.linspace(0, cutoff * 0.999, 50, dtype=torch.float64)
    first, pieces = spline_pieces(r, cutoff, count)
    basis = torch.zeros(50, count, dtype=torch.float64).scatter(1, first[:, None] + torch.arange(4), pieces)
    knots = np.arange(-3, count + 1) * cutoff / (count - 3)
    expected = np.stack([BSpline(knots, np.eye(count)[i], 3)(r.numpy()) for i in range(count)], axis=1)
    np.testing.assert_allclose(basis.numpy(), expected, atol=1e-12)
    np.testing.assert_allclose(basis.sum(dim=1).numpy(), 1.0, atol=1e-12)


def test_the_cutoff_ends_smoothly():
    r = torch.tensor([0.0, 5.0 - 1e-3, 5.0, 6.0])
    np.testing.assert_allclose(smooth_cutoff(r, 5.0).numpy(), [1, 0, 0, 0], atol=1e-6)


def test_harmonics_obey_the_addition_theorem():
    a, b = torch.randn(2, 50, 3, dtype=torch.float64)
    y = harmonics(a, a.norm(dim=1)) * harmonics(b, b.norm(dim=1))
    cosine = torch.cosine_similarity(a, b)
    torch.testing.assert_close(y[:, 1:4].sum(dim=1), cosine)
    torch.testing.assert_close(y[:, 4:].sum(dim=1), (3 * cosine**2 - 1) / 2)


def test_a_vector_of_no_length_has_no_direction():
    np.testing.assert_array_equal(harmonics(torch.zeros(1, 3), torch.zeros(1)), [[1, 0, 0, 0, 0, 0, 0, 0, 0]])


def test_squared_moments_are_sums_over_angles():
    edges, channels = graph(count=1, seed=4), (1, 1, 1)
    x, table = tensors(edges, channels)
    moments = reference(x, table, edges, channels)
    sent = torch.einsum("eq,eqc->ec", edges.pieces, table[edges.first[:, None] + torch.arange(4)]) * x[edges.source]
    for i, (start, end) in enumerate(itertools.pairwise(edges.start.tolist())):
        direction = edges.harmonics[start:end, 1:4]
        cosine = direction @ direction.T
        for degree, legendre, span in ((1, cosine, slice(1, 4)), (2, (3 * cosine**2 - 1) / 2, slice(4, 9))):
            weight = sent[start:end, degree]
            torch.testing.assert_close(
                moments[i, span].square().sum(), weight @ legendre @ weight, rtol=1e-4, atol=1e-4
            )


@pytest.mark.parametrize("channels", CHANNELS)
def test_the_compiled_path_and_its_gradients_are_those_of_the_reference(channels):
    edges = graph()
    x, table = tensors(edges, channels)
    outs = [path(x, table, edges, channels) for path in (reference, compiled)]
    torch.testing.assert_close(*outs, rtol=1e-5, atol=1e-5)
    weight = torch.randn_like(outs[0])
    gradients = [torch.autograd.grad((out * weight).sum(), (x, table)) for out in outs]
    for ours, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)


def test_the_reference_has_the_gradients_of_finite_differences():
    edges, channels = graph(count=2), (2, 1, 1)
    double = geometry({**collate(examples("structure", 2), Config())}, 5.0, 12)
    x, table = (t.detach().double().requires_grad_() for t in tensors(edges, channels))
    wide = type(double)(**{**vars(double), "pieces": double.pieces.double(), "harmonics": double.harmonics.double()})
    assert torch.autograd.gradcheck(lambda a, b: reference(a, b, wide, channels), (x, table))


def test_the_number_of_threads_changes_no_bit():
    edges, channels = graph(count=12), (5, 3, 2)
    x, table = tensors(edges, channels)
    threads, found = torch.get_num_threads(), []
    for count in (1, 2):
        torch.set_num_threads(count)
        out = compiled(x, table, edges, channels)
        found.append((out, *torch.autograd.grad(out.square().sum(), (x, table))))
    torch.set_num_threads(threads)
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_torch_keeps_its_number_of_threads():
    code = (
        "import torch; torch.set_num_threads(1)\n"
        "from comma_encoders.modality import examples, get\n"
        "structure = get('structure')\n"
        "structure.Encoder(structure.Config())(structure.collate(examples('structure', 2), structure.Config()))\n"
        "print(torch.get_num_threads())"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "NUMBA_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "1"


def test_an_atom_without_neighbours_has_no_moments():
    lone = {"numbers": [18], "positions": np.zeros((1, 3)), "cell": np.zeros((3, 3)), "periodic": [False] * 3}
    edges = geometry(collate([lone], Config()), 5.0, 12)
    x, table = tensors(edges, (2, 2, 2))
    assert not compiled(x, table, edges, (2, 2, 2)).any()


def test_the_whole_encoder_is_the_same_by_both_paths():
    torch.manual_seed(0)
    model, inputs = Encoder(Config()), collate(examples("structure", 8), Config())
    found = {}
    for path in ("reference", "compiled"):
        model.zero_grad()
        with using(path):
            vectors = model(inputs)
        vectors.square().sum().backward()
        found[path] = (vectors.detach(), [p.grad.clone() for p in model.parameters()])
    torch.testing.assert_close(found["reference"][0], found["compiled"][0], rtol=1e-4, atol=1e-4)
    for a, b in zip(found["reference"][1], found["compiled"][1], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4 * float(b.abs().max()) + 1e-6)


def test_positions_get_a_gradient_by_the_reference():
    inputs = collate(examples("structure", 2), Config())
    vector = inputs["vector"].clone().requires_grad_()
    edges = geometry({**inputs, "vector": vector}, 5.0, 12)
    assert chosen(torch.zeros(1), edges) == "reference"
    Encoder(Config())({**inputs, "vector": vector}).square().sum().backward()
    assert vector.grad.abs().sum() > 0


def test_contractions_do_not_change_with_a_rotation():
    rng = np.random.default_rng(0)
    rotation = torch.from_numpy(np.linalg.qr(rng.standard_normal((3, 3)))[0])
    channels, directions, weights = (2, 3, 2), torch.randn(40, 3, dtype=torch.float64), torch.randn(40, 7).double()

    def moments(vectors):
        y = harmonics(vectors, vectors.norm(dim=1))
        blocks = [
            (y[:, m, None] * w).sum(0)
            for d, w in enumerate(weights.split(channels, 1))
            for m in range(d * d, (d + 1) ** 2)
        ]
        return torch.cat(blocks)[None]

    torch.manual_seed(1)
    contract = Contraction(channels).double()
    straight, turned = (contract(moments(some), "reference") for some in (directions, directions @ rotation))
    torch.testing.assert_close(straight, turned)


def test_the_product_of_three_is_that_of_the_harmonics():
    torch.manual_seed(0)
    contract = Contraction((2, 4, 3)).double()
    dipole, quadrupole = torch.randn(7, 3, 4, dtype=torch.float64), torch.randn(7, 5, 3, dtype=torch.float64)
    along = contract.lift(dipole).transpose(1, 2)
    length = along.square().sum(dim=-1).add(1e-8).sqrt()
    wanted = (quadrupole * harmonics(along, length)[..., 4:].transpose(1, 2)).sum(dim=1) * length
    torch.testing.assert_close(contract._three(dipole, quadrupole), wanted)


@pytest.mark.parametrize("atoms", [1, 3, 40, 200])
@pytest.mark.parametrize("channels", [(5, 3, 2), (0, 4, 4), (9, 1, 1)])
def test_the_compiled_contraction_and_its_gradients_are_those_of_the_reference(channels, atoms):
    torch.manual_seed(0)
    contract = Contraction(channels)
    moments = torch.randn(atoms, channels[0] + 3 * channels[1] + 5 * channels[2])
    moments[0] = 0  # lengths of zero have finite slopes
    moments.requires_grad_()
    outs = [contract(moments, path) for path in ("reference", "compiled")]
    torch.testing.assert_close(*outs, rtol=1e-5, atol=1e-5)
    wanted = torch.randn_like(outs[0])
    found = [torch.autograd.grad(out, (moments, *contract.parameters()), wanted) for out in outs]
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_the_compiled_contraction_does_not_depend_on_the_number_of_threads():
    torch.manual_seed(0)
    contract, threads = Contraction((6, 4, 3)), torch.get_num_threads()
    moments = torch.randn(50, 6 + 12 + 15, requires_grad=True)
    found = []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            out = contract(moments, "compiled")
            found.append((out, *torch.autograd.grad(out.square().sum(), moments)))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize("channels", [(7, 0, 0), (0, 4, 0), (2, 0, 3)])
def test_without_both_degrees_the_contraction_is_the_reference(channels):
    contract = Contraction(channels)
    moments = torch.randn(5, channels[0] + 3 * channels[1] + 5 * channels[2])
    assert torch.equal(contract(moments, "compiled"), contract(moments, "reference"))


@pytest.mark.parametrize("name", PRESETS)
def test_presets_encode(name):
    config = PRESETS[name]
    with torch.no_grad():
        assert Encoder(config)(collate(examples("structure", 2), config)).shape == (2, config.width)


TRITON = """
import torch
from comma_encoders.modalities.structure.config import Config
from comma_encoders.modalities.structure.density import reference
from comma_encoders.modalities.structure.geometry import geometry
from comma_encoders.modalities.structure.graph import collate
from comma_encoders.modalities.structure.triton_density import density
from comma_encoders.modality import examples

edges = geometry(collate(examples("structure", 1), Config(cutoff=4.0)), 4.0, 8)
for channels in ((3, 2, 2), (70, 0, 0)):
    x, table = (torch.randn(n, sum(channels)).requires_grad_() for n in (len(edges.start) - 1, 8))
    outs = [path(x, table, edges, channels) for path in (reference, density)]
    torch.testing.assert_close(*outs, rtol=1e-4, atol=1e-4)
    weight = torch.randn_like(outs[0])
    gradients = [torch.autograd.grad((out * weight).sum(), (x, table)) for out in outs]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4)
"""


def test_the_gpu_path_and_its_gradients_are_those_of_the_reference_in_tritons_interpreter():
    pytest.importorskip("triton")
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    done = subprocess.run([sys.executable, "-c", TRITON], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
