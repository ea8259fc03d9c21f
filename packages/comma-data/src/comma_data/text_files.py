"""Bytes -> text that can be trusted to be text: strictly decoded, composed, without what a reader does not see."""

import re
import unicodedata

from comma_data.errors import CodedError

LONGEST_TEXT = 50_000
"""Characters of one text; the longest of 125 real procedures has 3,561."""
_MARKS = 30
"""Combining marks in a row, the limit of the stream-safe text format (UAX #15, section 13)."""

_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
"""Soft hyphens, joiners and zero-width spaces: left by typesetting, and taken out."""
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co"})


class TextError(CodedError):
    """A text that cannot be used; `code` is the reason that is counted."""


def decoded(data: bytes) -> str:
    """Bytes in UTF-8, with a byte order mark or without, as text.

    Raises:
        TextError: Code `not-utf-8`.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{error.reason} at byte {error.start}; save it as UTF-8"
        raise TextError("not-utf-8", message) from error


def cleaned(text: str) -> str:
    r"""The text in Unicode's composed form, with `\n` as its only line break and no invisible characters.

    Soft hyphens, zero-width spaces and joiners are taken out. Everything else that a reader cannot see is refused:
    control characters, lone surrogates, direction marks, and private characters, which stand for something in one font.

    Raises:
        TextError: Code `text-too-long`, `bad-text` or `empty-text`.
    """
    if len(text) > LONGEST_TEXT:
        raise TextError("text-too-long", f"{len(text)} characters: at most {LONGEST_TEXT}; cut it")
    text = re.sub(r"\r\n?|[\u2028\u2029]", "\n", text).translate(_INVISIBLE)
    if not text.isascii():
        _check_marks(text)
        text = unicodedata.normalize("NFC", text)
    for at, character in enumerate(text):
        if character not in "\n\t" and unicodedata.category(character) in _HIDDEN:
            message = f"character U+{ord(character):04X} at {at} cannot be seen; take it out"
            raise TextError("bad-text", message)
    if not text.strip():
        raise TextError("empty-text", "nothing but white space")
    return text


def _check_marks(text: str) -> None:
    """Refuse long rows of combining marks, whose reordering takes time with the square of their number."""
    row = 0
    for character in text:
        row = row + 1 if unicodedata.combining(character) else 0
        if row > _MARKS:
            raise TextError("bad-text", f"more than {_MARKS} combining marks in a row")
