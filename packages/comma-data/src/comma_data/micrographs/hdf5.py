"""HDF5 images: Velox and NCEM EMD layouts, and any file with a two-dimensional data set, through h5py."""

import math
from collections.abc import Iterator

import h5py
import numpy as np

from comma_data.micrographs.bounded import check_expands
from comma_data.micrographs.emd import dimension_scale, velox_scale
from comma_data.micrographs.frame import Frame, ImageError, check_count, check_size, in_order
from comma_data.micrographs.grey import grey

VELOX = "Data/Image"
"""Group in which Velox keeps its images: `<id>/Data` is (height, width, frames)."""
_NODES = 10_000
"""Groups and data sets that are looked at."""
_FILTERS = frozenset({h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32})
_DEFLATE_RATIO = 1032
"""Deflate cannot expand further (zlib, technical notes)."""
_HARMLESS = 64 * 2**20


def read_hdf5(data: bytes) -> tuple[Frame, ...]:
    """The images of a file, with the scale of Velox' metadata or of an EMD group's dimension vectors.

    A Velox file gives its images, an NCEM EMD file its two-dimensional groups, any other file its two-dimensional data
    sets. External links and data sets that lie in other files are not followed.

    Raises:
        ImageError: `no-image`, `complex`, `stack-too-long`, `bomb`, `too-many-pixels`, `unsupported-compression`.
    """
    with h5py.File.in_memory(data) as file:
        images = _velox(file) if isinstance(file.get(VELOX), h5py.Group) else _two_dimensional(file)
        return in_order(images)


def _velox(file: h5py.File) -> list[Frame]:
    frames: list[Frame] = []
    for dataset in _datasets(file[VELOX]):
        if dataset.name.rsplit("/", 1)[-1] != "Data" or dataset.ndim != 3:
            continue
        check_count(len(frames) + dataset.shape[2])
        scale = velox_scale(dataset.parent)
        array = _read(dataset, dataset.shape[:2])
        frames += [Frame(pixels=grey(array[..., i]), nm_per_pixel=scale) for i in range(array.shape[2])]
    return frames


def _two_dimensional(file: h5py.File) -> list[Frame]:
    datasets = list(_datasets(file))
    emd = [dataset for dataset in datasets if "emd_group_type" in dataset.parent.attrs]
    images = [dataset for dataset in emd or datasets if dataset.ndim == 2 and dataset.dtype.kind in "biufcV"]
    check_count(len(images))
    return [
        Frame(
            pixels=grey(_read(dataset, dataset.shape)),
            nm_per_pixel=dimension_scale(dataset.parent),
            name="" if len(images) == 1 else _name(dataset),
        )
        for dataset in images
    ]


def _datasets(group: h5py.Group) -> Iterator[h5py.Dataset]:
    """Data sets below a group, in the order of their names, through hard links only."""
    waiting, seen = [group], 0
    while waiting:
        parent = waiting.pop(0)
        for name in sorted(parent):
            seen += 1
            if seen > _NODES:
                raise ImageError("too-costly", f"more than {_NODES} groups and data sets; save the images apart")
            if not isinstance(parent.get(name, getlink=True), h5py.HardLink):
                continue
            node = parent[name]
            if isinstance(node, h5py.Dataset):
                yield node
            elif isinstance(node, h5py.Group):
                waiting.append(node)


def _name(dataset: h5py.Dataset) -> str:
    """What tells images of a file apart: the last part of the path that says something."""
    parts = dataset.name.strip("/").split("/")
    return parts[-2] if len(parts) > 1 and parts[-1] in {"data", "realslice"} else parts[-1]


def _read(dataset: h5py.Dataset, shape: tuple[int, ...]) -> np.ndarray:
    """The numbers of a data set that is known to be harmless."""
    if dataset.dtype.kind in "cV":  # Velox keeps complex numbers as two named floats
        raise ImageError("complex", f"{dataset.name}: numbers of two parts; save the modulus or a power spectrum")
    check_size(shape)
    if dataset.is_virtual or dataset.external:
        raise ImageError("not-an-image", f"{dataset.name}: its pixels lie in other files; save them in this one")
    if not dataset.id.get_storage_size():  # HDF5 would make zeros of it
        raise ImageError("truncated", f"{dataset.name}: no pixels were written; fetch the file again")
    _check_chunks(dataset)
    return np.asarray(dataset[()])


def _check_chunks(dataset: h5py.Dataset) -> None:
    if dataset.chunks is None:
        return
    plan = dataset.id.get_create_plist()
    filters = [plan.get_filter(i)[0] for i in range(plan.get_nfilters())]
    if not _FILTERS.issuperset(filters):
        names = ", ".join(str(number) for number in filters)
        raise ImageError("unsupported-compression", f"{dataset.name}: HDF5 filters {names}; save it with gzip or none")
    room = math.prod(dataset.chunks) * dataset.dtype.itemsize
    if room > _HARMLESS * 8:
        raise ImageError("bomb", f"{dataset.name}: chunks of {room} bytes")
    if h5py.h5z.FILTER_DEFLATE in filters:
        for number in range(dataset.id.get_num_chunks()):
            _check_chunk(dataset, number, room)


def _check_chunk(dataset: h5py.Dataset, number: int, room: int) -> None:
    """HDF5 inflates a chunk to whatever it holds, not to what is declared."""
    chunk = dataset.id.get_chunk_info(number)
    if chunk.size * _DEFLATE_RATIO > max(room, _HARMLESS) and not chunk.filter_mask:
        _mask, raw = dataset.id.read_direct_chunk(chunk.chunk_offset)
        check_expands([raw], "deflate", most=2 * room + 2**20)
