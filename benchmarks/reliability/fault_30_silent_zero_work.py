"""Fault 30: names, columns and folders that are wrong, so that nothing would be read or learnt."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from comma_data.writer import write

from benchmarks.reliability.outcome import Outcome
from benchmarks.reliability.small_sets import ABOUT, samples

FAULT = 30
WHAT = "wrong names of files, keys, columns and modalities: exit 2 or 3 within 30 s, and the message has the names seen"
LONGEST = 30.0
CIF = "data_a\n_cell_length_a 4\n"
CODE = {"data": "from comma_data.cli import app; ", "align": "from comma_align.cli import app; "}


def run(*, full: bool, folder: Path) -> Outcome:
    """Run each wrong command; (what to prepare, command, what its message has to name)."""
    cases: list[tuple[Callable[[Path], None], list[str], str]] = [
        (_nothing, ["data", "build", "structures"], "no structures in"),
        (_file("notes.md", "x"), ["data", "build", "structures"], "no structures in"),
        (_file("a.cif", CIF), ["data", "build", "structures"], "no-atoms"),
        (_file("synthesis-recipes/r.json", '{"recipes": []}'), ["data", "build", "only-recipes.toml"], "reactions"),
        (_file("synthesis-recipes/r.json", '{"reactions": [1]}'), ["data", "build", "only-recipes.toml"], "bad-schema"),
        (_file("protocols.csv", "name,words\na,b\n"), ["data", "build", "only-texts.toml"], "name"),
        (_pairs, ["data", "build", "with-pairs.toml"], "pairs"),
        (_nothing, ["data", "build", "structure"], "did you mean 'structures'"),
        (_nothing, ["data", "build", "structures", "--set", "structures.pth=x"], "did you mean 'structures.path'"),
        (_no_pair, ["align", "run", "demo", "--data", "set"], "structure"),
        (_nothing, ["data", "check", "nowhere"], "nowhere"),
    ]
    good = [_is_told(folder / f"case-{i}", *case) for i, case in enumerate(cases if full else cases[3::3])]
    wrong = [str(i) for i, found in enumerate(good) if not found]
    note = "each command in its own process" + (f"; failed: {', '.join(wrong)}" if wrong else "")
    return Outcome(tried=len(good), survived=sum(good), lost=len(good) - sum(good), note=note)


def _is_told(folder: Path, prepare: Callable[[Path], None], command: list[str], named: str) -> bool:
    folder.mkdir()
    (folder / "only-recipes.toml").write_text('name = "a"\n[recipes]\npath = "synthesis-recipes"\n', encoding="utf-8")
    (folder / "only-texts.toml").write_text('name = "a"\n[texts]\npath = "protocols.csv"\n', encoding="utf-8")
    (folder / "with-pairs.toml").write_text('name = "a"\ntextbook = true\npairs = "pairs.csv"\n', encoding="utf-8")
    prepare(folder)
    started = time.monotonic()
    root = ["--root", "."] if command[1] == "build" else []
    code = CODE[command[0]] + (
        "import sys\ntry: app(standalone_mode=False)\n"
        "except Exception as error: print(error); sys.exit(getattr(error, 'exit_code', 1))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command[1:], *root], cwd=folder, capture_output=True, text=True, check=False
    )
    within = time.monotonic() - started <= LONGEST
    return within and done.returncode in {2, 3} and named in done.stdout + done.stderr


def _nothing(_folder: Path) -> None:
    """Leave it empty."""


def _file(name: str, text: str) -> Callable[[Path], None]:
    def prepare(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")

    return prepare


def _pairs(folder: Path) -> None:
    (folder / "pairs.csv").write_text("a,b\n1,2\n", encoding="utf-8")


def _no_pair(folder: Path) -> None:
    """A data set whose samples have one modality each: nothing can be aligned."""
    alone = (replace(sample, fields={"structure": sample.fields["structure"]}) for sample in samples(20))
    write(alone, folder / "set", ABOUT)
