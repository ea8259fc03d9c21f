"""Fault 4: shards that were cut, changed in a bit, or made longer."""

import random
from pathlib import Path

from comma_data.check import check
from comma_data.codec import encode
from comma_data.errors import DataError
from comma_data.shards import ShardSet

from benchmarks.reliability.outcome import Outcome
from benchmarks.reliability.small_sets import made, samples

FAULT = 4
WHAT = "shards truncated, with a flipped bit in payload or header, or appended to: reported, and only true samples read"
KINDS = ("truncated", "payload", "header", "appended")


def run(*, full: bool, folder: Path) -> Outcome:
    """Damage one shard at a time, 500 times in each of four ways."""
    path = made(folder / "set", number=20, per_shard=5)
    written = {sample.id: encode(sample) for sample in samples(20)}
    shards = sorted(path.glob("*.tar"))
    rng = random.Random(0)
    kinds = [kind for kind in KINDS for _ in range(500 if full else 25)]
    good = [_reported(path, rng.choice(shards), kind, rng, written) for kind in kinds]
    return Outcome(
        tried=len(good),
        survived=sum(good),
        lost=len(good) - sum(good),
        note=f"{len(good) // len(KINDS)} of each of {', '.join(KINDS)}; samples in = delivered + reported every time",
    )


def _reported(path: Path, shard: Path, kind: str, rng: random.Random, written: dict[str, dict[str, bytes]]) -> bool:
    whole = shard.read_bytes()
    shard.write_bytes(damaged(whole, kind, rng))
    named = any(shard.name in fault for fault in check(path)[0])
    data, delivered, reported = ShardSet(path), 0, 0
    for row in data.rows:
        try:
            sample = data[data.position(row.id)]
        except DataError:
            reported += 1
            continue
        delivered += encode(sample) == written[row.id]
    shard.write_bytes(whole)
    return named and delivered + reported == len(written)


def damaged(data: bytes, kind: str, rng: random.Random) -> bytes:
    """The bytes of a tar file after an accident."""
    if kind == "truncated":
        return data[: rng.randrange(len(data))]
    if kind == "appended":
        return data + rng.randbytes(rng.randrange(1, 2000))
    headers = [at for at in range(0, len(data), 512) if data[at + 257 : at + 262] == b"ustar"]
    others = sorted(set(range(0, len(data), 512)) - set(headers))
    at = rng.choice(headers if kind == "header" else others) + rng.randrange(512)
    changed = bytearray(data)
    changed[at] ^= 1 << rng.randrange(8)
    return bytes(changed)
