r"""How subscripts are written in running text: `SrTiO<sub>3</sub>`, `SrTiO$_{3}$`, `SrTiO_3`, `\ce{SrTiO3}`."""

import re

_TAG = r"(?:<|&lt;)/?(?:ce:)?(?:sub|sup|inf|i|b|em)(?:>|&gt;)"
_COMMAND = r"\\(?:ce|rm|mathrm|mathit|text|textrm|textsubscript)(?![A-Za-z])"
_SUBSCRIPT = r"_(?=[{($]|(?=[\d.])\d{0,2}(?:\.\d+)?(?!\.?\d|(?-i:[a-z])))"
"""Not the joint of a label such as `S1_500` or `A_1h`."""
_MARKS = re.compile(rf"{_TAG}|{_COMMAND}|[${{}}]|{_SUBSCRIPT}", re.IGNORECASE)
_PANDOC = re.compile(r"~(\d[\d.]*)~")


def unmarked(text: str) -> str:
    """The text with subscripts as plain digits, and without what else sets a formula in HTML, LaTeX or Markdown."""
    return _PANDOC.sub(r"\1", _MARKS.sub("", text))
