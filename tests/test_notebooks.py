"""The notebooks run from top to bottom, in an empty folder, with the commands of this checkout."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BOOKS = sorted((Path(__file__).resolve().parent.parent / "docs" / "notebooks").glob("*.ipynb"))
COMMA = "from comma_app.cli import main\n\nif __name__ == '__main__':\n    main()"


def program(book):
    """The cells as one program; a line that begins with `!` is run by the shell, as Jupyter does."""
    lines = ["import subprocess"]
    for cell in json.loads(book.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            text = "".join(cell["source"])
            lines += [
                f"subprocess.run({line[1:]!r}, shell=True, check=True)" if line.startswith("!") else line
                for line in text.splitlines()
            ]
    return "\n".join(lines)


def test_there_are_three():
    assert [book.stem[:2] for book in BOOKS] == ["01", "02", "03"]


@pytest.mark.slow
@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_a_notebook_runs(book, tmp_path):
    command = tmp_path / "bin" / "comma"
    command.parent.mkdir()
    command.write_text(f"#!{sys.executable}\n{COMMA}\n", encoding="utf-8")
    command.chmod(0o755)
    folder = tmp_path / "empty"
    folder.mkdir()
    environment = os.environ | {"PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program(book)], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
