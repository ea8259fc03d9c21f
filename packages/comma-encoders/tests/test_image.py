"""Micrographs: depth, scale, views, backbones, pretrained weights, augmentation."""

import warnings

import numpy as np
import pytest
import timm
import torch
from comma_encoders import folder
from comma_encoders.errors import InputError, MissingDependencyError, UsageError
from comma_encoders.modalities.image import augment as variants
from comma_encoders.modalities.image import coerce as image
from comma_encoders.modalities.image.augment import augment
from comma_encoders.modalities.image.config import Config
from comma_encoders.modalities.image.encoder import Encoder
from comma_encoders.modalities.image.pixels import collate, cut, scaled, square
from comma_encoders.modality import examples
from comma_encoders.model import AlignedModel
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch.nn import functional

SMALL = {
    "vit": {},
    "timm's own vit": {"backbone": "test_vit"},
    "cnn": {"backbone": "test_resnet", "pixels": 64},
    "convnext": {"backbone": "test_convnext", "pixels": 64},
}
backbones = pytest.mark.parametrize("name", SMALL)


def made(seed=0, **settings):
    torch.manual_seed(seed)
    config = Config(**settings)
    return Encoder(config).eval(), config


def picture(rows=60, columns=None, dtype=np.uint16, seed=0):
    return np.random.default_rng(seed).integers(0, 2**16, (rows, columns or rows)).astype(dtype)


def raw(pixels, nm=None):
    return {"pixels": pixels, "nm_per_pixel": nm}


# depth


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.uint32, np.float16, np.float32, np.float64])
def test_every_depth_gives_the_same_picture(dtype):
    ramp = np.tile(np.arange(100), (40, 1))
    np.testing.assert_allclose(scaled(ramp.astype(dtype)), scaled(ramp.astype(np.float64)), atol=1e-6)


@pytest.mark.parametrize(("dtype", "pedestal"), [(np.uint16, 30_000), (np.uint32, 2**31), (np.float64, 1e9)])
def test_levels_on_a_pedestal_survive(dtype, pedestal):
    ramp = (pedestal + np.arange(1001)).astype(dtype).reshape(7, 143)
    assert len(np.unique((scaled(ramp) * 127).astype(np.int8))) >= 250


@given(gain=st.floats(1e-3, 1e3), offset=st.floats(-1e3, 1e3))
@settings(max_examples=25)
def test_gain_and_offset_do_not_matter(gain, offset):
    pixels = picture().astype(np.float64) / 2**16
    np.testing.assert_allclose(scaled(gain * pixels + offset * gain), scaled(pixels), atol=1e-3)


def test_a_single_hot_pixel_does_not_darken_the_rest():
    pixels = picture(dtype=np.float64)
    hot = pixels.copy()
    hot[3, 3] = 1e9
    assert np.abs(scaled(hot) - scaled(pixels)).mean() < 0.05


def test_a_flat_picture_is_finite():
    assert np.isfinite(scaled(np.full((9, 9), 7, np.uint16))).all()


BAD = {
    "three axes": {"pixels": np.zeros((4, 4, 3))},
    "a row": {"pixels": np.zeros((1, 40))},
    "words": {"pixels": np.array([["a", "b"], ["c", "d"]])},
    "complex": {"pixels": np.eye(4) * 1j},
    "NaN": {"pixels": np.full((4, 4), np.nan)},
    "infinite": {"pixels": np.diag([np.inf, 0, 0])},
    "beyond float32": {"pixels": np.eye(4) * 1e300},
    "scale": {"nm_per_pixel": -1.0},
    "scale NaN": {"nm_per_pixel": np.nan},
}


@pytest.mark.parametrize("name", BAD)
def test_bad_images_are_refused(name):
    good = {"pixels": np.eye(4), "nm_per_pixel": 0.1}
    with pytest.raises(InputError, match="image 0 of 1"):
        collate([good | BAD[name]], Config())


# scale and view


def test_the_field_of_view_does_not_depend_on_sampling_and_the_sampling_is_told():
    coarse, fine = raw(picture(50), 0.04), raw(picture(100), 0.02)
    scale = collate([coarse, fine, raw(picture(100))], Config())["scale"]
    assert scale[0, 0] == pytest.approx(np.log10(2.0), abs=1e-6)
    assert scale[0, 0] == scale[1, 0]
    torch.testing.assert_close(scale[:2, 1], torch.log10(torch.tensor([0.04, 0.02])))
    assert scale[2].tolist() == [0, 0, 0]


def spacing(pixels):
    """The period of the strongest wave along x, in pixels."""
    row = np.asarray(pixels, dtype=np.float64).mean(axis=0)
    window = np.hanning(len(row))
    strength = np.abs(np.fft.rfft((row - row.mean()) * window, 1 << 16))
    return (1 << 16) / strength.argmax()


@pytest.mark.parametrize("shape", [(512, 512), (400, 700), (700, 333)])
def test_nm_per_pixel_stays_right_through_the_resize(shape):
    nm, period = 0.013, 25.0
    wave = np.cos(2 * np.pi * np.arange(shape[1]) / period) * np.ones((shape[0], 1))
    config = Config(backbone="vit_tiny_patch16_224")
    inputs = collate([raw((30_000 + 9_000 * wave).astype(np.uint16), nm)], config)
    nm_seen = 10 ** inputs["scale"][0, 0].item() / 224
    assert spacing(inputs["pixels"][0, 0]) * nm_seen == pytest.approx(period * nm, rel=2e-3)
    assert nm_seen == pytest.approx(nm * min(shape) / 224, rel=1e-6)


def test_angles_stay_in_a_picture_that_is_not_square():
    y, x = np.mgrid[:90, :240]
    diagonal = np.cos((x + y) / 3.0)
    seen = collate([raw(diagonal)], Config())["pixels"][0, 0]
    torch.testing.assert_close(seen, seen.T, atol=1e-4, rtol=0)


def test_native_keeps_the_pixels_of_a_large_micrograph():
    large = picture(300, 500)
    seen = collate([raw(large, 0.02)], Config(view="native"))
    np.testing.assert_allclose(seen["pixels"][0, 0], scaled(large[102:198, 202:298]), atol=1e-6)
    assert seen["scale"][0, 0] == pytest.approx(np.log10(96 * 0.02), abs=1e-6)


def test_native_brings_known_scales_to_one_sampling():
    config = Config(view="native", nm_per_pixel=0.03)
    for nm in (0.01, 0.015, 0.03):
        assert cut((600, 600), nm, config, 96) == round(96 * 0.03 / nm)
    assert cut((600, 600), np.nan, config, 96) == 96
    assert cut((50, 70), 0.03, config, 96) == 50


def test_a_square_of_the_right_size_is_not_resampled():
    pixels = picture(96)
    np.testing.assert_array_equal(square(pixels, 96)[0], scaled(pixels))


# backbones


@backbones
def test_every_backbone_gives_vectors_and_a_map(name):
    encoder, config = made(**SMALL[name])
    inputs = collate(examples("image", 3), config)
    assert encoder(inputs).shape == (3, encoder.width)
    patches = encoder.patches(inputs)
    assert patches.shape[0] == 3
    assert patches.shape[1] == patches.shape[2] > 1


@backbones
def test_the_map_lies_as_the_picture_does(name):
    encoder, config = made(**SMALL[name])
    plain = np.zeros((192, 192))
    plain[:96, 1::2] = 1.0
    plain[96:, 1::4] = 0.5
    patches = encoder.patches(collate([raw(plain), raw(plain * np.tri(192, 192, -96))], config))
    change = (patches[0] - patches[1]).norm(dim=-1)
    corner = change.shape[0] // 2
    # the two pictures agree in the lower left and differ above
    assert change[:corner, corner:].mean() > change[corner:, :corner].mean()


@backbones
@pytest.mark.parametrize("pooling", ["own", "mean"])
def test_every_parameter_gets_a_gradient(name, pooling):
    encoder, config = made(**SMALL[name], pooling=pooling)
    for parameter in encoder.parameters():  # residual networks start with branches of weight zero
        parameter.data += float(not parameter.any())
    torch.manual_seed(1)
    (encoder(collate(examples("image", 6), config)) * torch.randn(6, encoder.width)).sum().backward()
    assert [n for n, p in encoder.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


@backbones
def test_bf16_gives_nearly_the_same_vectors(name):
    encoder, config = made(**SMALL[name])
    inputs = collate(examples("image", 5), config)
    with torch.no_grad():
        full = encoder(inputs)
        with torch.autocast("cpu", torch.bfloat16):
            half = encoder(inputs)
    assert functional.cosine_similarity(full, half.float()).min() >= 0.99


def test_poolings_differ_and_the_token_is_the_own_one_of_a_vit():
    inputs = collate(examples("image", 2), Config())
    own, token, mean = (made(pooling=pooling)[0](inputs) for pooling in ("own", "token", "mean"))
    assert torch.equal(own, token)
    assert not torch.allclose(own, mean)


def test_the_mean_is_that_of_the_map():
    encoder, config = made(pooling="mean")
    inputs = collate(examples("image", 2), config)
    expected = encoder.patches(inputs).mean(dim=(1, 2)) + encoder.scale(inputs["scale"])
    torch.testing.assert_close(encoder(inputs), expected)


def test_the_scale_counts():
    encoder, config = made()
    pixels = picture(96)
    vectors = encoder(collate([raw(pixels, 0.01), raw(pixels, 0.1), raw(pixels)], config))
    assert torch.pdist(vectors).min() > 1e-3


def test_patch_dropping_is_for_training_only():
    encoder, config = made(patch_drop=0.5)
    inputs = collate(examples("image", 2), config)
    assert torch.equal(encoder(inputs), encoder(inputs))
    seen = []
    encoder.backbone.blocks[0].register_forward_hook(lambda _m, given, _out: seen.append(given[0].shape[1]))
    encoder.train()(inputs)
    encoder.eval()(inputs)
    assert seen == [1 + 32, 1 + 64]


def test_no_map_while_patches_are_dropped():
    encoder, config = made(patch_drop=0.75)  # leaves 16 of 64 patches, which would pass for a map
    with pytest.raises(UsageError, match=r"call encoder\.eval"):
        encoder.train().patches(collate(examples("image", 1), config))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backbone": "resnet19"}, "did you mean 'resnet18'"),
        ({"backbone": "resnet18", "width": 64}, "width cannot be chosen"),
        ({"backbone": "resnet18", "patch_drop": 0.5}, "patch_drop cannot be chosen"),
        ({"backbone": "resnet18", "pooling": "token"}, "'own' or 'mean'"),
        ({"pixels": 97}, "multiple of patch"),
        ({"backbone": "vit_tiny_patch16_224", "pixels": 97}, "multiple of 16"),
        ({"width": 90}, "multiple of heads"),
        ({"patch_drop": 1.0}, "from 0 to below 1"),
        ({"pixels": 4}, "8 or more"),
        ({"nm_per_pixel": 0.1}, "goes with the view 'native'"),
    ],
)
def test_what_cannot_be_is_explained(settings, message):
    with pytest.raises(UsageError, match=message):
        Encoder(Config(**settings))


def test_sizes_of_a_vit_can_be_chosen():
    encoder, config = made(backbone="vit_tiny_patch16_224", pixels=48, patch=8, width=32, depth=2, heads=2)
    inputs = collate(examples("image", 1), config)
    assert encoder.patches(inputs).shape == (1, 6, 6, 32)


# pretrained weights


def published(name, path):
    """Weights as timm publishes them: three colours, a classifier, the backbone's own size of picture."""
    torch.manual_seed(5)
    model = timm.create_model(name, num_classes=10).eval()
    save_file(model.state_dict(), path)
    return name, path, model


@pytest.fixture(scope="module", params=["test_vit", "test_resnet"])
def coloured(request, tmp_path_factory):
    return published(request.param, tmp_path_factory.mktemp("weights") / "model.safetensors")


def test_pretrained_weights_see_a_grey_picture_as_three_equal_colours(coloured):
    name, path, model = coloured
    encoder, config = made(backbone=name, pretrained=str(path))
    inputs = collate(examples("image", 2), config)
    with torch.no_grad():
        expected = model.forward_features(inputs["pixels"].expand(-1, 3, -1, -1))
        torch.testing.assert_close(encoder.backbone.forward_features(inputs["pixels"]), expected, atol=1e-4, rtol=1e-4)


def test_position_embeddings_are_interpolated_to_another_size(coloured):
    name, path, _ = coloured
    encoder, config = made(backbone=name, pretrained=str(path), pixels=96)
    assert torch.isfinite(encoder(collate(examples("image", 1), config))).all()


def test_a_saved_model_does_not_want_the_pretrained_file_any_more(coloured, tmp_path):
    name, path, _ = coloured
    once = tmp_path / "once.safetensors"
    once.write_bytes(path.read_bytes())
    model = AlignedModel({"image": Config(backbone=name, pretrained=str(once), pixels=64)}, dim=8).eval()
    folder.save(model, tmp_path / "model")
    once.unlink()
    again = folder.load(tmp_path / "model")
    values = examples("image", 2)
    assert torch.equal(model.encode("image", values), again.encode("image", values))


def test_weights_of_another_backbone_are_refused(coloured):
    name, path, _ = coloured
    other = {"test_vit": "test_resnet", "test_resnet": "test_vit"}[name]
    with pytest.raises(InputError, match="weights"):
        Encoder(Config(backbone=other, pretrained=str(path)))


def test_weights_that_lack_one_name_are_refused(coloured, tmp_path):
    name, path, _ = coloured
    weights = load_file(path)
    left_out = next(key for key in weights if key.endswith("weight") and not key.startswith(("head", "fc")))
    save_file({k: v for k, v in weights.items() if k != left_out}, tmp_path / "less.safetensors")
    with pytest.raises(InputError, match="weights"):
        Encoder(Config(backbone=name, pretrained=str(tmp_path / "less.safetensors")))


def test_pickles_are_never_opened(tmp_path):
    import pickle

    canary = tmp_path / "canary"

    class Evil:
        def __reduce__(self):
            return (open, (str(canary), "w"))

    for name, message in (
        ("model.pth", "only .safetensors files are read"),
        ("model.safetensors", "cannot be read as"),
    ):
        (tmp_path / name).write_bytes(pickle.dumps(Evil()))
        with pytest.raises((UsageError, InputError), match=message):
            Encoder(Config(backbone="test_vit", pretrained=str(tmp_path / name)))
    assert not canary.exists()


@pytest.mark.parametrize(
    ("pretrained", "expected"),
    [
        ("hub", ("timm/test_vit.r160_in1k", None)),
        ("someone/something", ("someone/something", None)),
        ("someone/something@abc123", ("someone/something", "abc123")),
    ],
)
def test_the_hub_is_asked_for_safetensors_only(monkeypatch, tmp_path, pretrained, expected):
    _, path, _ = published("test_vit", tmp_path / "model.safetensors")
    asked = []

    def fetch(repository, file, *, revision):
        asked.append((repository, file, revision))
        return str(path)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fetch)
    Encoder(Config(backbone="test_vit", pretrained=pretrained))
    assert asked == [(expected[0], "model.safetensors", expected[1])]


def test_a_hub_out_of_reach_names_the_remedy(monkeypatch):
    def fetch(*_args, **_more):
        raise OSError("no route to host\nand more")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fetch)
    with pytest.raises(MissingDependencyError, match=r"no route to host\).*https://huggingface.co/a/b.*`pretrained`"):
        Encoder(Config(backbone="test_vit", pretrained="a/b"))


@pytest.mark.parametrize("pretrained", ["nothing.safetensors", "imagenet", "a/b/c"])
def test_a_source_that_cannot_be_is_named(pretrained):
    with pytest.raises(UsageError, match=pretrained):
        Encoder(Config(backbone="test_vit", pretrained=pretrained))


# augmentation


@given(seed=st.integers(0, 10_000), strength=st.floats(0.01, 1.0), crop=st.booleans(), erase=st.booleans())
@settings(max_examples=40)
def test_a_variant_is_finite_and_keeps_its_scale(seed, strength, crop, erase):
    value = examples("image", 1, seed)[0]
    out = augment(value, np.random.default_rng(seed), strength, crop=crop, erase=erase)
    assert np.isfinite(out["pixels"]).all()
    assert out["nm_per_pixel"] == value["nm_per_pixel"]
    assert min(out["pixels"].shape) >= 2
    if not crop:
        assert sorted(out["pixels"].shape) == sorted(value["pixels"].shape)


def test_strength_scales_the_change():
    value = raw(picture(64))

    def change(strength):
        pairs = [
            (augment(value, np.random.default_rng(seed), strength)["pixels"], value["pixels"]) for seed in range(20)
        ]
        return np.mean([np.abs(np.sort(a, axis=None) - np.sort(b, axis=None)).mean() for a, b in pairs])

    weak, middle, strong = change(0.02), change(0.3), change(1.0)
    assert weak < middle < strong
    assert weak < 0.01 * 2**16


def test_all_eight_positions_come():
    square = np.arange(9.0).reshape(3, 3)
    found = {variants.turned(square, np.random.default_rng(seed)).tobytes() for seed in range(200)}
    assert len(found) == 8


def test_nothing_is_cut_or_blanked_unless_asked_for():
    value = raw(np.pad(np.ones((7, 7)), 40))
    for seed in range(30):
        out = augment(value, np.random.default_rng(seed), 1.0)["pixels"]
        assert out.shape == (87, 87)
        assert out[42:45, 42:45].mean() > 0.6


def test_crop_and_erase_do_what_they_say():
    pixels = picture(100, dtype=np.float64)
    areas = [variants.cropped(pixels, np.random.default_rng(seed), 1.0).size / pixels.size for seed in range(100)]
    assert 0.36 <= min(areas) < 0.5
    assert max(areas) > 0.9
    blanked = [(variants.erased(pixels, np.random.default_rng(s), 1.0) != pixels).mean() for s in range(100)]
    assert 0 < min(blanked) < max(blanked) <= 0.16


@pytest.mark.parametrize("width", [0.8, 1.0, 2.0])
def test_blur_has_the_stated_width_and_keeps_the_sum(width):
    point = np.zeros((41, 41), np.float32)
    point[20, 20] = 1.0
    out = variants.blurred(point, width)
    x = np.arange(41) - 20
    assert out.sum() == pytest.approx(1.0, abs=1e-5)
    assert (out.sum(axis=0) * x**2).sum() == pytest.approx(width**2, rel=0.06)


# what users have


def test_image_files_keep_their_depth(tmp_path):
    from PIL import Image

    ramp = np.arange(1000, dtype=np.uint16).reshape(20, 50)
    Image.fromarray(ramp).save(tmp_path / "a.tiff")
    np.testing.assert_array_equal(image.coerce(tmp_path / "a.tiff")["pixels"], ramp)
    (tmp_path / "b.png").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"b\.png cannot be read"):
        image.coerce(tmp_path / "b.png")


def test_a_png_whose_middle_is_broken_is_refused(tmp_path):
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 256, (300, 400), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    second = whole.index(b"IDAT", whole.index(b"IDAT") + 4)  # Pillow reads a name that is none as broken syntax
    (tmp_path / "a.png").write_bytes(whole[:second] + b"\xd8\xce\xea\x00" + whole[second + 4 :])
    with pytest.raises(InputError, match=r"a\.png cannot be read as an image: broken PNG"):
        image.coerce(tmp_path / "a.png")


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1", "I;16", "F"])
def test_every_mode_of_pillow_gives_the_same_picture(mode):
    from PIL import Image

    steps = np.kron([[0, 255], [255, 0]], np.ones((4, 4))).astype(np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        given_ = Image.fromarray(steps).convert("I" if mode == "I;16" else mode).convert(mode)
    seen = scaled(image.coerce(given_)["pixels"]) if mode != "1" else scaled(image.coerce(given_)["pixels"].astype(int))
    np.testing.assert_allclose(seen, scaled(steps), atol=1e-5)
