"""Files of a folder or an archive, one at a time; nothing is extracted to disk, and no link in an archive followed."""

from collections.abc import Collection, Iterator
from pathlib import Path

from comma_data.archive_tar import tar_members
from comma_data.archive_zip import zip_members
from comma_data.errors import DataError
from comma_data.folder_files import files_below
from comma_data.own_files import is_own
from comma_data.sample import Refusal
from comma_data.wanted import LARGEST_FILE, Member, Wanted

TARS = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2")
ARCHIVES = (*TARS, ".zip")


def members(  # noqa: PLR0913 - which files, by name
    path: Path,
    endings: tuple[str, ...],
    source: str,
    *,
    prefixes: tuple[str, ...] = (),
    largest: int = LARGEST_FILE,
    but: Collection[Path] = (),
) -> Iterator[Member | Refusal]:
    """Every file of these names: of a folder (and of the archives in it), of an archive, or the file itself.

    Links in a folder are followed, to files and to folders (`folder_files`); those in an archive are refused. What
    builds have written into a folder is left out (`own_files`).

    Files come in the order of their paths in a folder and in stored order in an archive. A file that is compressed by
    itself (`.gz`, `.xz`, `.bz2`) comes unpacked. What cannot be taken becomes a `Refusal`: `file-too-large`,
    `damaged-file`, `not-a-file`; in archives also `path-absolute`, `path-traversal`, `member-link`, `member-device`,
    `member-fifo`, `member-encrypted`, `member-bomb`, and `nested-archive` for an archive inside one.

    Args:
        path: Folder, archive or file.
        endings: Of the file names, in lower case, e.g. `.cif`.
        source: Who asks; it stands in refusals.
        prefixes: Of other file names that are wanted, in lower case, e.g. `poscar`.
        largest: Bytes of one file, unpacked.
        but: Folders and files below the path that are left out.

    Raises:
        DataError: The path does not exist, or an archive is damaged or unpacks to an absurd size: as an unknown part
            of it is lost, nothing can be said of the whole.
    """
    found = located(path, endings, source, prefixes=prefixes, largest=largest, but=but)
    return (item for _, item in found)


def located(  # noqa: PLR0913 - which files, by name
    path: Path,
    endings: tuple[str, ...],
    source: str,
    *,
    prefixes: tuple[str, ...] = (),
    largest: int = LARGEST_FILE,
    but: Collection[Path] = (),
) -> Iterator[tuple[str, Member | Refusal]]:
    """As `members`, and in front of each the archive that it is in: its path in the folder, else nothing.

    Files of several archives may have one path inside.
    """
    wanted = Wanted(source=source, endings=endings, prefixes=prefixes, largest=largest)
    if path.is_dir():
        for file in files_below(path):
            if any(file.is_relative_to(other) for other in but) or is_own(file):
                continue
            if wanted.matches(file.name) or is_archive(file.name):
                name = str(file.relative_to(path))
                archive = name if is_archive(name) else ""
                yield from ((archive, item) for item in _of_file(file, name, wanted))
    elif not path.exists():
        raise DataError(f"{path}: no such file or folder")
    else:
        yield from (("", item) for item in _of_file(path, path.name, wanted))


def is_archive(name: str) -> bool:
    """Whether a file of this name holds files."""
    return name.lower().endswith(ARCHIVES)


def _of_file(path: Path, name: str, wanted: Wanted) -> Iterator[Member | Refusal]:
    if not path.is_file():
        yield wanted.refused(name, "not-a-file", "a device, pipe or broken link; put the file there")
    elif path.name.lower().endswith(TARS):
        yield from tar_members(path, wanted, is_archive)
    elif is_archive(path.name):
        yield from zip_members(path, wanted, is_archive)
    elif path.stat().st_size > wanted.largest:
        yield wanted.too_large(name, path.stat().st_size)
    else:
        yield wanted.member(name, path.read_bytes())
