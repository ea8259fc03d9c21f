"""Turn what a benchmark printed into a comment: untrusted text on standard input, Markdown on standard output."""
# ruff: noqa: INP001 - a script beside the workflows, not a package

import re
import sys

LINES = 200
COLUMNS = 200
LIMIT = 200_000
"""Bytes that are read at most."""

CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[^\x20-\x7e\u00a0-\u024f\u0370-\u03ff\u2500-\u257f]")
"""Terminal colours, and everything but printable letters, Greek and box-drawing characters."""


def comment(printed: bytes, commit: str) -> str:
    """A comment that shows the text as it is: no backtick or control character of it can end the literal block."""
    lines = printed[:LIMIT].decode("utf-8", "replace").splitlines()
    clean = [CONTROL.sub("", line).replace("`", "'")[:COLUMNS].rstrip() for line in lines[:LINES]]
    if len(lines) > LINES:
        clean.append(f"... {len(lines) - LINES} more lines")
    head = commit[:12] if re.fullmatch(r"[0-9a-f]{40}", commit) else "unknown"
    heading = f"`hatch run bench` at {head}, on a shared runner: only the ratios mean anything."
    return "\n".join([heading, "", "```text", *clean, "```", ""])


if __name__ == "__main__":
    sys.stdout.write(comment(sys.stdin.buffer.read(LIMIT), sys.argv[1]))
