"""The key: nothing that is written, logged, raised or printed holds it."""

import io
import json
import logging
import traceback

import pytest
from comma_data.errors import ConfigError
from comma_data.fetch.errors import FetchError, StoppedError
from comma_data.fetch.redact import Secret, guarded, redacted_logs

KEY = "abcdefgh0123456789ABCDEFGHIJKLMN"
SECRET = Secret(name="MP_API_KEY", value=KEY)


def failing(error):
    def call():
        headers = {"x-api-key": KEY}
        raise error from ValueError(headers)

    return call


def everything(error):
    """All that a traceback can show: messages, causes, contexts, the variables of every frame."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    parts = [*shown.format(), repr(error.__dict__)]
    for linked in (error.__context__, error.__cause__):
        parts += [everything(linked)] if linked else []
    return "".join(parts)


@pytest.mark.parametrize("kind", [RuntimeError, ValueError, KeyError, FetchError, StoppedError])
def test_what_foreign_code_raises_comes_out_typed_and_without_the_key(kind):
    call = failing(kind("x", KEY))
    with pytest.raises(FetchError) as caught:
        guarded(call, SECRET)
    assert KEY not in everything(caught.value)
    assert "[MP_API_KEY]" in str(caught.value)


def test_this_test_would_see_a_key_that_is_left_in_a_frame():
    try:
        failing(RuntimeError("fault"))()
    except RuntimeError as error:
        assert KEY in everything(error)  # noqa: PT017 - the detector is what is tested


def test_an_error_keeps_its_kind():
    with pytest.raises(StoppedError) as caught:
        guarded(failing(StoppedError("out-of-time", "over")), SECRET)
    assert caught.value.exit_code == 4
    for error, retry in ((ValueError("no JSON"), True), (RuntimeError("bug"), False)):
        with pytest.raises(FetchError) as caught:
            guarded(failing(error), SECRET)
        assert caught.value.retry is retry
    with pytest.raises(KeyboardInterrupt):
        guarded(failing(KeyboardInterrupt()), SECRET)


def test_no_log_holds_the_key():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("a foreign library")
    logger.addHandler(handler)
    try:
        with redacted_logs(SECRET):
            logger.error("sent %s", {"x-api-key": KEY})
            try:
                failing(RuntimeError(KEY))()
            except RuntimeError:
                logger.exception("with %s", KEY)
        inside = stream.getvalue()
        logger.error("after %s", KEY)
    finally:
        logger.removeHandler(handler)
    assert KEY not in inside
    assert inside.count("[MP_API_KEY]") >= 4
    assert "Traceback" in inside
    assert KEY in stream.getvalue()  # outside the block logs are as they were, and the detector sees the key


def test_the_key_is_not_shown_and_not_taken_as_an_option():
    assert KEY not in repr(SECRET)
    assert KEY not in str(SECRET)
    with pytest.raises(ConfigError, match="elements") as caught:
        SECRET.keep_out(out="folder", elements=f"Li,{KEY}")
    assert KEY not in str(caught.value)


def test_a_document_is_clean_whatever_escapes_it_came_in():
    escaped = "".join(f"\\u{ord(character):04x}" for character in KEY)
    document = json.loads('{"a": ["' + escaped + '"]}')
    assert document == {"a": [KEY]}
    assert SECRET.redact_json(document) == {"a": ["[MP_API_KEY]"]}
