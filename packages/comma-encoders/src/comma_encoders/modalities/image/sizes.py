"""Which backbone a config means, of which sizes; what cannot be is refused before timm sees it."""

import difflib
import math
from dataclasses import dataclass
from functools import cache

import timm
from timm.models import is_model_in_modules

from comma_encoders.errors import UsageError
from comma_encoders.modalities.image.config import Config
from comma_encoders.settings import within


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Sizes of a vision transformer; 0 where timm's own is meant."""

    pixels: int = 0
    patch: int = 0
    width: int = 0
    depth: int = 0
    heads: int = 0


PRESETS = {
    "vit_micro_patch12_96": ("vit_tiny_patch16_224", Sizes(pixels=96, patch=12, width=96, depth=3, heads=4)),
}
"""Our names: the vision transformer of timm, and the sizes that replace its own."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What timm is asked for."""

    name: str
    """A name that timm knows, perhaps with the tag of its weights."""
    transformer: bool
    """Whether it is one of timm's plain vision transformers, whose sizes can be chosen."""
    fixed: bool
    """Whether the backbone is made for one size of picture."""
    sizes: Sizes
    """`pixels` is never 0."""
    patch_drop: float


@cache
def plan(config: Config) -> Plan:
    """What a config asks of timm.

    Raises:
        UsageError: timm does not know the name, or a size that the backbone does not take.
    """
    name, preset = PRESETS.get(config.backbone, (config.backbone, Sizes()))
    if not timm.is_model(name):
        raise UsageError(f"image: timm {timm.__version__} has no model {name!r}{_nearest(name)}")
    own = timm.get_pretrained_cfg(name)
    sizes = Sizes(
        pixels=config.pixels or preset.pixels or (own.input_size[-1] if own else 224),
        patch=config.patch or preset.patch,
        width=config.width or preset.width,
        depth=config.depth or preset.depth,
        heads=config.heads or preset.heads,
    )
    transformer = is_model_in_modules(name.partition(".")[0], ["vision_transformer"])
    _check(config, sizes, transformer=transformer)
    fixed = bool(own and own.fixed_input_size)
    return Plan(name=name, transformer=transformer, fixed=fixed, sizes=sizes, patch_drop=config.patch_drop)


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name, (*PRESETS, *timm.list_models()), n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(PRESETS)} and timm.list_models()"


def _check(config: Config, sizes: Sizes, *, transformer: bool) -> None:
    any_number = (0, math.inf)
    within("image", config, patch=any_number, width=any_number, depth=any_number, heads=any_number)
    if sizes.pixels < 8:
        raise UsageError(f"image: pixels is {sizes.pixels}; give 8 or more, or 0 for the backbone's own")
    if config.view not in {"whole", "native"}:
        raise UsageError(f"image: unknown view {config.view!r}; give 'whole' or 'native'")
    if not 0 <= config.patch_drop < 1:
        raise UsageError(f"image: patch_drop is {config.patch_drop}; give a share from 0 to below 1")
    if config.nm_per_pixel and not (config.view == "native" and 1e-5 < config.nm_per_pixel < 1e6):
        raise UsageError(
            f"image: nm_per_pixel is {config.nm_per_pixel} and view {config.view!r}; a sampling from 1e-5 to 1e6 nm "
            "goes with the view 'native', and 0 leaves each micrograph at its own"
        )
    chosen = [key for key in ("patch", "width", "depth", "heads", "patch_drop") if getattr(config, key)]
    if chosen and not transformer:
        raise UsageError(
            f"image: {chosen[0]} cannot be chosen for {config.backbone!r}, only for timm's vision transformers "
            "(timm.list_models(module='vision_transformer')); leave it at 0"
        )
    if sizes.patch and sizes.pixels % sizes.patch:
        raise UsageError(f"image: pixels ({sizes.pixels}) has to be a multiple of patch ({sizes.patch})")
    if sizes.width and sizes.heads and sizes.width % sizes.heads:
        raise UsageError(f"image: width ({sizes.width}) has to be a multiple of heads ({sizes.heads})")
