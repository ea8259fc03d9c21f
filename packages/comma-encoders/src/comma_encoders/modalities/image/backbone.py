"""Vision transformers and convolutional networks of timm as one kind of thing: a map of patches, pooled."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import timm
from jaxtyping import Float
from timm.layers import PatchDropout
from torch import Tensor, nn

from comma_encoders.errors import InputError, UsageError
from comma_encoders.modalities.image import weights
from comma_encoders.modalities.image.config import Config
from comma_encoders.modalities.image.sizes import Plan, plan


def create(config: Config) -> nn.Module:
    """The backbone, from (values, 1, side, side), with random or pretrained weights.

    The first layer of pretrained weights is summed over its colours, which is what a grey picture given three times
    would meet; position embeddings are interpolated to another number of patches.

    Raises:
        UsageError: sizes that do not fit together, or weights that cannot be had.
        InputError: weights of another backbone.
    """
    asked = plan(config)
    if not config.pretrained:
        return _made(asked, {})
    loaded = weights.read(config.pretrained, asked.name)
    try:
        model = _made(asked, {"pretrained": True, "pretrained_cfg_overlay": {"state_dict": loaded}})
    except (RuntimeError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"image: the weights {config.pretrained!r} do not fit {config.backbone!r}: {reason}"
        ) from error
    missing = [n for n in model.state_dict() if n not in loaded and not n.endswith("num_batches_tracked")]
    if missing:
        raise InputError(
            f"image: the weights {config.pretrained!r} are not of {config.backbone!r}: {len(missing)} of its names are "
            f"not there, such as {missing[0]!r}"
        )
    return model


def _made(asked: Plan, source: Mapping[str, Any]) -> nn.Module:
    sizes = asked.sizes
    wanted: dict[str, float] = {
        "patch_size": sizes.patch,
        "embed_dim": sizes.width,
        "depth": sizes.depth,
        "num_heads": sizes.heads,
    }
    wanted |= {"patch_drop_rate": asked.patch_drop, "img_size": sizes.pixels if asked.fixed else 0}
    chosen = {key: value for key, value in wanted.items() if value}
    try:
        model: nn.Module = timm.create_model(asked.name, in_chans=1, num_classes=0, **chosen, **source)
    except (AssertionError, TypeError, ValueError) as error:
        raise UsageError(f"image: timm cannot make {asked.name!r} with {chosen}: {error}") from error
    side = patch_side(model)
    if asked.fixed and side and sizes.pixels % side:
        raise UsageError(f"image: pixels ({sizes.pixels}) has to be a multiple of {side}, the patch of {asked.name}")
    return model


def patch_side(model: nn.Module) -> int:
    """Pixels along a patch of a transformer; 0 for a convolutional network."""
    size = getattr(getattr(model, "patch_embed", None), "patch_size", 0)
    return int(size[0] if isinstance(size, tuple) else size)


def check_pooling(pooling: str, model: nn.Module, name: str) -> None:
    """Refuse a pooling that the backbone has no weights for, or that would leave some of its weights unused.

    Raises:
        UsageError: the pooling, and those that can be.
    """
    own = own_pooling(model)
    allowed = ("own", *(("token",) if own == "token" else ()), *(("mean",) if own in {"token", "avg"} else ()))
    if pooling not in allowed:
        raise UsageError(f"image: {name!r} cannot be pooled by {pooling!r}; give {' or '.join(map(repr, allowed))}")


def own_pooling(model: nn.Module) -> str:
    """How the backbone pools: `token`, `avg` or another name of timm's; convolutional networks take the mean."""
    found = getattr(model, "global_pool", "avg")
    return found if isinstance(found, str) else str(getattr(found, "pool_type", "avg"))


def pooled(model: nn.Module, features: Tensor, pooling: str) -> Float[Tensor, "values width"]:
    """One vector a value from what `forward_features` gave."""
    if pooling == "mean" and own_pooling(model) == "token":
        vectors: Tensor = features[:, prefix(model) :].mean(dim=1)
        return vectors
    # a backbone that pools by the mean of its patches does so in its head, with its last normalisation
    own: Tensor = model.forward_head(features, pre_logits=True)  # type: ignore[operator]  # a function of every timm model
    return own


def prefix(model: nn.Module) -> int:
    """Tokens of a transformer that are no patches."""
    return int(getattr(model, "num_prefix_tokens", 0))


def drops(model: nn.Module) -> bool:
    """Whether the next pass leaves patches out."""
    dropping = getattr(model, "patch_drop", None)
    return isinstance(dropping, PatchDropout) and dropping.training and dropping.prob > 0


@contextmanager
def undropped(model: nn.Module) -> Iterator[None]:
    """Within, no patches are left out, even in training; all else stays in its mode."""
    found = getattr(model, "patch_drop", None)
    dropping = found if isinstance(found, PatchDropout) else nn.Identity()
    training = dropping.training
    dropping.eval()
    try:
        yield
    finally:
        dropping.train(training)


def patch_map(model: nn.Module, features: Tensor) -> Float[Tensor, "values rows columns width"]:
    """The features as a map, first row on top, from tokens of a square and both layouts of convolutional networks."""
    if features.ndim == 4:
        channels_last = str(getattr(model, "output_fmt", "NCHW")).upper().endswith("NHWC")
        return features if channels_last else features.permute(0, 2, 3, 1)
    patches = features[:, prefix(model) :]
    side = round(patches.shape[1] ** 0.5)
    return patches.unflatten(1, (side, side))


def width(model: nn.Module, pooling: str) -> int:
    """Channels of the vectors that `pooled` gives."""
    tokens = pooling == "mean" and own_pooling(model) == "token"
    channels = model.num_features if tokens else getattr(model, "head_hidden_size", model.num_features)
    return int(channels)  # type: ignore[arg-type]  # torch types attributes of modules as tensor or module
