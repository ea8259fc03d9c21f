"""Run the Python examples of a Markdown file, top to bottom, as one program: `python readme.py README.md`.

A block starts at a line of three backticks and `python`. With `>>>` in it, it is a doctest; otherwise it is executed.
"""
# ruff: noqa: INP001 - a script beside the workflows, not a package

import doctest
import re
import sys
from pathlib import Path
from typing import Any

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text: str) -> list[tuple[int, str]]:
    """Line number of the first line, and text, of each example."""
    return [(text.count("\n", 0, found.start(1)) + 1, found.group(1)) for found in BLOCK.finditer(text)]


def run(text: str, name: str) -> int:
    """Execute every example in one namespace; the number of examples whose printed answer is wrong.

    Raises:
        SystemExit: there is no example to run.
    """
    found = blocks(text)
    if not found:
        raise SystemExit(f"error: {name} holds no ```python block")
    namespace: dict[str, Any] = {"__name__": "__main__"}
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for line, source in found:
        if ">>>" in source:
            test = parser.get_doctest(source, namespace, f"{name}:{line}", name, line - 1)
            runner.run(test, clear_globs=False)
            namespace = test.globs
        else:
            exec(compile("\n" * (line - 1) + source, name, "exec"), namespace)  # noqa: S102 - running it is the purpose
    return runner.summarize(verbose=False).failed


if __name__ == "__main__":
    sys.exit(bool(run(Path(sys.argv[1]).read_text(encoding="utf-8"), sys.argv[1])))
