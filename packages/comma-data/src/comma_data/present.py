"""The data set that stands where a build would write."""

from collections.abc import Mapping
from pathlib import Path

import comma_data
from comma_data.codec import SCHEMA
from comma_data.config import Build
from comma_data.errors import ConfigError, ShardError
from comma_data.leftovers import interrupted, remove_journal
from comma_data.manifest import INDEX, MANIFEST, REFUSALS, Manifest, file_sha256


def existing(build: Build, inputs: Mapping[str, str], out: Path) -> Manifest | None:
    """The manifest in `out` if it is what this build would write, None where there is no data set.

    Args:
        build: What would be built.
        inputs: `inputs.hashes` of its files.
        out: Folder of the data set.

    Raises:
        ConfigError: Another data set stands there, or a damaged one.
    """
    if not (out / MANIFEST).exists():
        written = (*out.glob("shard-*.tar"), *out.glob(INDEX), *out.glob(REFUSALS))
        foreign = written if not interrupted(out) else ()
        if foreign:
            raise ConfigError(f"{out} holds {foreign[0].name} of something else; give another --out")
        return None
    try:
        manifest = Manifest.read(out)
    except ShardError as error:
        raise ConfigError(f"{out} holds a damaged data set: {error}; remove it first") from error
    if others := _differences(manifest, build, inputs):
        raise ConfigError(
            f"{out} holds another data set ({manifest.name}, made {', '.join(others)}); remove it or give another --out"
        )
    broken = [
        s.name for s in manifest.shards if not (out / s.name).is_file() or (out / s.name).stat().st_size != s.bytes
    ]
    if broken or not (out / INDEX).is_file() or file_sha256(out / INDEX) != manifest.index_sha256:
        raise ConfigError(f"{out} holds a damaged data set ({', '.join([*broken, INDEX][:1])}); remove it first")
    remove_journal(out)
    return manifest


def _differences(manifest: Manifest, build: Build, inputs: Mapping[str, str]) -> list[str]:
    """How the data set was made otherwise than the build would make it."""
    same = {
        "from another description": dict(manifest.build) == build.model_dump(mode="json"),
        "from other files": dict(manifest.inputs) == inputs,
        "by another version of comma-data": manifest.package_version == comma_data.__version__,
        "in another schema": manifest.schema_version == SCHEMA,
    }
    return [how for how, holds in same.items() if not holds]
