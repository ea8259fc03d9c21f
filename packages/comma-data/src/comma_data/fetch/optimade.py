"""Any server of the OPTIMADE API, version 1 (Andersen et al., Sci. Data 8, 217 (2021); https://specs.optimade.org)."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from comma_data.errors import StructureError
from comma_data.fetch.errors import FetchError
from comma_data.fetch.http import open_session, origin_of
from comma_data.fetch.limits import Patience
from comma_data.fetch.optimade_structure import ATTRIBUTES, to_pymatgen
from comma_data.fetch.page import UNNAMED, Entry, Page, Query, cell, safe_key
from comma_data.properties import FORMULA
from comma_data.sample import Refusal

_VERSIONED = re.compile(r"/v1(\.\d+){0,2}$")
_FORMULA = "chemical_formula_reduced"


@dataclass(frozen=True, kw_only=True)
class Optimade:
    """A connection to one server."""

    query: Query
    session: requests.Session
    facts: Mapping[str, str]

    def page(self, cursor: str | None) -> Page:
        """One page, in the server's order; the cursor is the URL that the server gave.

        Raises:
            FetchError: No answer, or none that can be used.
        """
        url = cursor or f"{base(self.query.url)}/structures"
        document = _json(self.session, url, {} if cursor else parameters(self.query))
        data, meta = document.get("data"), document.get("meta")
        if not isinstance(data, list) or not isinstance(meta, dict) or not all(isinstance(d, dict) for d in data):
            raise FetchError("bad-page", f"{url}: no list of structures with its meta data", retry=True)
        following = _next(document, url)
        if following is None and meta.get("more_data_available"):
            raise FetchError("no-next", f"{url}: says that there is more and gives no next link", retry=True)
        total = meta.get("data_returned")
        items = tuple(_item(entry, self.query.fields) for entry in data)
        return Page(items=items, next=following, announced=total if isinstance(total, int) else None)


def base(url: str) -> str:
    """The versioned base URL: `/v1` is added where the address names no version."""
    plain = url.rstrip("/")
    return plain if _VERSIONED.search(plain) else f"{plain}/v1"


def parameters(query: Query) -> dict[str, str]:
    """Of the first request."""
    symbols = ",".join(f'"{symbol}"' for symbol in query.elements)
    conditions = [f"elements HAS ALL {symbols}"] if symbols else []
    conditions += [f"({query.filter})" if symbols else query.filter] if query.filter else []
    asked = {"page_limit": str(query.size), "response_fields": ",".join([_FORMULA, *ATTRIBUTES, *query.fields])}
    return {"filter": " AND ".join(conditions), **asked} if conditions else asked


def connect(query: Query, patience: Patience) -> Optimade:
    """Ask who answers.

    Raises:
        FetchError: The server does not answer as it should.
    """
    session = open_session(query.url, patience)
    document = _json(session, f"{base(query.url)}/info", {})
    data, meta = document.get("data"), document.get("meta")
    if not isinstance(meta, dict) or not isinstance(data, dict) or "api_version" not in meta:
        raise FetchError("no-optimade", f"{query.url}: no OPTIMADE server; give the address above its /v1", retry=True)
    attributes = data.get("attributes")
    licence = attributes.get("license") if isinstance(attributes, dict) else None
    provider, database = (meta.get(part) for part in ("provider", "database"))
    facts = {
        "server": urlsplit(query.url).netloc,
        "api": str(meta["api_version"])[:40],
        "provider": _named(provider, "name"),
        "database": _named(database, "version"),
        "licence": _named(licence, "href") if isinstance(licence, dict) else str(licence or "not stated")[:200],
    }
    return Optimade(query=query, session=session, facts=facts)


def _named(part: Any, name: str) -> str:
    return str(part.get(name) or "not stated")[:200] if isinstance(part, dict) else "not stated"


def _json(session: requests.Session, url: str, given: Mapping[str, str]) -> Mapping[str, Any]:
    """A JSON object; NaN and infinity, which are no JSON and which some servers send, are taken for null.

    Raises:
        FetchError: As the session, or no JSON object.
    """
    try:
        response = session.get(url, params=given)
        document = json.loads(response.content, parse_constant=lambda _: None)
    except requests.RequestException as error:
        raise FetchError("redirects", f"{url}: {error}; check the address") from error
    except (ValueError, RecursionError) as error:
        raise FetchError(
            "bad-json", f"{url}: an answer that is no JSON ({type(error).__name__})", retry=True
        ) from error
    if not isinstance(document, dict):
        raise FetchError("bad-json", f"{url}: a {type(document).__name__}, no JSON object", retry=True)
    return document


def _next(document: Mapping[str, Any], url: str) -> str | None:
    """The next link, text or object; one that says http on an https server is asked over https."""
    links = document.get("links")
    link = links.get("next") if isinstance(links, dict) else None
    target = link.get("href") if isinstance(link, dict) else link
    if not target:
        return None
    following = urljoin(url, str(target))
    if url.startswith("https://") and following.startswith("http://"):
        following = following.replace("http://", "https://", 1)
    if origin_of(following) != origin_of(url):
        raise FetchError(
            "other-host", f"{url}: its next link leads to {urlsplit(following).netloc}; it is not followed"
        )
    return following


def _item(entry: Mapping[str, Any], fields: tuple[str, ...]) -> Entry | Refusal:
    name = safe_key(str(entry.get("id") or ""))
    refused = partial(Refusal, source="fetch", key=name or UNNAMED)
    attributes = entry.get("attributes")
    if not name or not isinstance(attributes, dict):
        return refused(code="no-structure", message="the server has no id or no attributes for it")
    try:
        row = {column: cell(column, attributes.get(column)) for column in ("nsites", *fields)}
        formula = cell(FORMULA, attributes.get(_FORMULA))
        return Entry(key=name, structure=to_pymatgen(attributes), row={FORMULA: formula, **row})
    except StructureError as error:
        return refused(code=error.code, message=str(error))
    except ValueError as error:
        return refused(code="bad-field", message=str(error))
