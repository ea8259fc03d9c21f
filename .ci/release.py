"""Refuse a release whose tag, version and changelog disagree: `python .ci/release.py TAG FOLDER`."""
# ruff: noqa: INP001 - a script beside the workflows, not a package

import re
import sys
import tomllib
from pathlib import Path


def stated(folder: Path) -> tuple[str, str, str]:
    """Name of the distribution, its version, and the heading of the newest entry in its changelog."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    module = (folder / project["tool"]["hatch"]["version"]["path"]).read_text(encoding="utf-8")
    version = re.search(r'^__version__ = "([^"]+)"$', module, re.MULTILINE)
    changes = (folder / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (.+)$", changes, re.MULTILINE)
    return project["project"]["name"], version[1] if version else "none", newest[1] if newest else "none"


def problem(tag: str, folder: Path) -> str | None:
    """What is wrong with releasing the package under this tag; None if nothing."""
    name, version, newest = stated(folder)
    if version != newest.split()[0]:
        return f"{folder}: __version__ is {version}, the changelog's newest entry {newest}: make them agree"
    if "unreleased" in newest:
        return f"{folder}: the changelog's newest entry is `{newest}`: put the date of the release in its place"
    if tag != f"{name}-v{version}":
        return f"the tag is {tag}, the package states {name}-v{version}: tag the commit that states the version"
    return None


if __name__ == "__main__":
    if message := problem(sys.argv[1], Path(sys.argv[2])):
        raise SystemExit(f"error: {message}")
