"""How a DOI is written: one spelling for all that mean the same."""

import re

_RESOLVER = re.compile(r"(?:(?:(?:https?://)?(?:(?:dx|www)\.)?doi\.org/|doi:?)\s*)+")
_DOI = re.compile(r"10\.\d{4,9}/\S+")


def plain_doi(text: str) -> str:
    """The DOI without a resolver or `doi:` in front, in lower case, as upper and lower case mean the same."""
    text = text.strip().casefold()
    resolver = _RESOLVER.match(text)
    return text[resolver.end() :] if resolver else text


def is_doi(text: str) -> bool:
    """Whether a text is a DOI and nothing else, in any spelling."""
    return _DOI.fullmatch(plain_doi(text)) is not None
