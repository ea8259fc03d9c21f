"""The Materials Project, through its own client `mp-api`.

The client sends the key as a header with every request and follows redirects to any server with it, and its first
request (the heartbeat) has no limit of time or size. It is therefore given a session that does neither, and a heartbeat
that this session has read.
"""

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urljoin, urlsplit

from comma_data.errors import ConfigError
from comma_data.fetch.errors import FetchError
from comma_data.fetch.http import open_session, origin_of
from comma_data.fetch.limits import Patience
from comma_data.fetch.page import UNNAMED, Entry, Page, Query, cell, safe_key
from comma_data.fetch.redact import Secret, guarded, read_secret
from comma_data.properties import FORMULA, ID
from comma_data.sample import Refusal

KEY = "MP_API_KEY"
ENDPOINT = "MP_API_ENDPOINT"
DEFAULT_ENDPOINT = "https://api.materialsproject.org/"
FIELDS = ("band_gap", "formation_energy_per_atom", "energy_above_hull")
"""Columns of the table besides id, formula and number of sites: eV, eV per atom, eV per atom."""
LICENCE = "CC BY 4.0 (Materials Project terms of use); materials of the GNoME set, CC BY-NC 4.0, are left out"

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_NOT_GNOME = "gnome_r2scan_statics"


def endpoint() -> str:
    """The API's address: `MP_API_ENDPOINT`, or the public one.

    Raises:
        ConfigError: Not https, where the key could be read on its way (this machine itself excepted).
    """
    url = os.environ.get(ENDPOINT) or DEFAULT_ENDPOINT
    scheme, host, _ = origin_of(url)
    if scheme != "https" and host not in _LOCAL:
        raise ConfigError(f"{ENDPOINT}: {scheme}://{host}: the key is sent over https only")
    return url if url.endswith("/") else f"{url}/"


def key() -> Secret:
    """The user's key.

    Raises:
        ConfigError: There is none.
    """
    return read_secret(KEY, where="https://next-gen.materialsproject.org/api")


@dataclass(frozen=True, kw_only=True)
class MaterialsProject:
    """A connection through `mp-api`."""

    query: Query
    secret: Secret
    facts: Mapping[str, str]
    client: Any
    """The client's `SummaryRester`."""

    def page(self, cursor: str | None) -> Page:
        """One page, in the order of the ids.

        Raises:
            FetchError: No answer, or none that can be used; never with the key in it.
        """
        number = int(cursor or 1)
        documents = self._redacted(partial(self._search, number))
        announced = self._redacted(self._count) if number == 1 else None
        if not isinstance(documents, list) or not all(isinstance(d, dict) for d in documents):
            raise FetchError("bad-page", f"{self.query.url}: page {number} is no list of records", retry=True)
        items = tuple(_item(document, self.query.fields) for document in documents)
        return Page(items=items, next=str(number + 1) if documents else None, announced=announced)

    def _redacted(self, call: Any) -> Any:
        return guarded(lambda: self.secret.redact_json(call()), self.secret)

    def _search(self, number: int) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the client's own future brings is not for its users
            return self.client.search(
                elements=list(self.query.elements) or None,
                deprecated=False,
                include_gnome=False,
                fields=[ID, FORMULA, "nsites", "structure", *self.query.fields],
                all_fields=False,
                chunk_size=self.query.size,
                num_chunks=1,
                _page=number,
                _sort_fields=ID,
            )

    def _count(self) -> Any:
        """Materials that the search has; the conditions under the names that `search` sends them with."""
        conditions = {"elements": ",".join(self.query.elements) or None, "deprecated": False}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as above
            return self.client.count(
                {**conditions, "batch_id_not_eq": _NOT_GNOME, "_fields": ID, "_limit": 1},
            )


def connect(query: Query, secret: Secret, patience: Patience) -> MaterialsProject:
    """Ask for the heartbeat and make the client.

    Raises:
        FetchError: The client is not installed, or the server does not answer as it should.
    """
    session = open_session(query.url, patience)
    heartbeat = guarded(lambda: secret.redact_json(session.get(urljoin(query.url, "heartbeat")).json()), secret)
    try:
        version, batches = str(heartbeat["db_version"]), list(heartbeat["access_controlled_batch_ids"])
    except (TypeError, KeyError) as error:
        message = f"{query.url}: the heartbeat does not name the version of the database; check {ENDPOINT}"
        raise FetchError("bad-heartbeat", message, retry=True) from error
    facts = {"server": urlsplit(query.url).netloc, "database": version, "licence": LICENCE}
    client = guarded(partial(_client, query.url, session, secret, (version, batches)), secret)
    return MaterialsProject(query=query, secret=secret, facts=facts, client=client)


def _client(url: str, session: Any, secret: Secret, heartbeat: tuple[str, list[str]]) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations among the client's own imports
            from mp_api.client.routes.materials.summary import SummaryRester  # noqa: PLC0415 - an extra, and seconds
    except ImportError as error:
        raise FetchError("no-client", f"mp-api is needed ({error}): pip install 'comma-data[mp]'") from error

    class Rester(SummaryRester):  # type: ignore[misc]  # the client is not typed
        """The client with the heartbeat that is known."""

        @staticmethod
        def _get_heartbeat_info(_endpoint: str) -> tuple[str, list[str]]:
            return heartbeat

    return Rester(
        api_key=secret.value, endpoint=url, session=session, use_document_model=False, mute_progress_bars=True
    )


def _item(document: Mapping[str, Any], fields: tuple[str, ...]) -> Entry | Refusal:
    name = safe_key(str(document.get(ID) or ""))
    structure = document.get("structure")
    if not name or not isinstance(structure, dict) or not structure.get("sites"):
        message = "the server has no id or no structure for it"
        return Refusal(source="fetch", key=name or UNNAMED, code="no-structure", message=message)
    try:
        row = {column: cell(column, document.get(column)) for column in (FORMULA, "nsites", *fields)}
    except ValueError as error:
        return Refusal(source="fetch", key=name, code="bad-field", message=str(error))
    return Entry(key=name, structure=structure, row=row)
