"""Pin the development environment and the automation's own tools; run by `hatch run lock [--upgrade]`.

constraints.txt holds what every package and the development group need, for Python 3.11 and later on every platform;
the packages' own published ranges stay wide. Both files carry hashes, which uv and pip check when they install.
"""
# ruff: noqa: INP001 - a script beside the workflows, not a package

import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def members() -> dict[str, Path]:
    """Distribution name -> folder of every package of the repository."""
    files = sorted([*ROOT.glob("packages/*/pyproject.toml"), *ROOT.glob("apps/*/pyproject.toml")])
    return {tomllib.loads(file.read_text(encoding="utf-8"))["project"]["name"]: file.parent for file in files}


def resolve(output: str, *arguments: str, requirements: str = "") -> None:
    """Run `uv pip compile`, requirements on its standard input, into a file under the root."""
    fixed = ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-annotate", "--quiet"]
    command = [os.environ.get("HATCH_UV", "uv"), "pip", "compile", *fixed, "--output-file", output, *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "UV_CONSTRAINT"}
    environment["UV_CUSTOM_COMPILE_COMMAND"] = "hatch run lock"
    subprocess.run(command, cwd=ROOT, env=environment, input=requirements, text=True, check=True)  # noqa: S603 - no input


def main() -> None:
    """Write constraints.txt and .ci/tools.txt, keeping the pins that still fit unless told to upgrade."""
    ours = members()
    editable = "".join(f"-e {folder.relative_to(ROOT).as_posix()}\n" for folder in ours.values())
    leave_out = [argument for name in ours for argument in ("--no-emit-package", name)]
    group = ["--group", "pyproject.toml:dev"]
    resolve("constraints.txt", "-", *group, *leave_out, *sys.argv[1:], requirements=editable)
    resolve(".ci/tools.txt", ".ci/tools.in", *sys.argv[1:])


if __name__ == "__main__":
    main()
