"""A secret that never reaches a file, a log, a message or a traceback."""

import json
import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from comma_data.errors import ConfigError
from comma_data.fetch.errors import FetchError

Result = TypeVar("Result")

_KEY = re.compile(r"[!-~]{32}")


@dataclass(frozen=True, kw_only=True)
class Secret:
    """A key and the name of the variable that holds it; only the name is ever printed."""

    name: str
    value: str = field(repr=False)

    def redact(self, text: str) -> str:
        """The text with `[NAME]` where the key stood."""
        return text.replace(self.value, f"[{self.name}]")

    def redact_json(self, document: Any) -> Any:
        """A JSON document without the key, whatever escapes it was sent in."""
        return json.loads(self.redact(json.dumps(document)))

    def keep_out(self, **options: str) -> None:
        """Refuse a key that was typed where it would be printed and stored.

        Raises:
            ConfigError: An option holds the key.
        """
        for name, value in options.items():
            if self.value in value:
                raise ConfigError(f"{name}: holds the key; it belongs into the environment variable {self.name} only")


def read_secret(name: str, *, where: str) -> Secret:
    """The key in an environment variable: 32 printable ASCII characters.

    Args:
        name: Of the variable.
        where: Where a key is had from, for the message.

    Raises:
        ConfigError: The variable is not set or holds no key.
    """
    value = os.environ.get(name, "").strip()
    if not _KEY.fullmatch(value):
        found = f"holds {len(value)} characters that are no key" if value else "is not set"
        raise ConfigError(f"the environment variable {name} {found}: get a key of 32 characters at {where}, export it")
    return Secret(name=name, value=value)


def guarded(call: Callable[[], Result], secret: Secret) -> Result:
    """What a call into foreign code returns; whatever it raises comes out as a `FetchError` without the secret.

    The original exception is dropped, with the frames whose variables hold the key.

    Raises:
        FetchError: The call failed. A `ValueError` counts as a garbled answer, which may be asked for again.
    """
    try:
        return call()
    except FetchError as error:
        kind, code, retry, wait = type(error), error.code, error.retry, error.wait
        message = secret.redact(str(error))
    except Exception as error:  # noqa: BLE001 - foreign code raises nearly any type
        kind, code, retry, wait = FetchError, "client-failed", isinstance(error, ValueError), None
        message = secret.redact(f"{type(error).__name__}: {' '.join(str(error).split())[:500]}")
    raise kind(code, message, retry=retry, wait=wait)


@contextmanager
def redacted_logs(secret: Secret) -> Iterator[None]:
    """Inside the block no record of any logger holds the secret, tracebacks included."""
    make = logging.getLogRecordFactory()

    def redacting(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        record.msg, record.args = secret.redact(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = secret.redact(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return record

    logging.setLogRecordFactory(redacting)
    try:
        yield
    finally:
        logging.setLogRecordFactory(make)
