"""The web app: what it answers, whom it refuses, and that nothing that it shows is more than text."""

import asyncio
import http.client
import json
import re
import shutil
import threading
from contextlib import closing
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit

import pytest
import uvicorn
from comma_encoders import folder as models
from comma_encoders.model import AlignedModel
from comma_explorer.search import build as building
from comma_explorer.search.errors import SearchError
from comma_explorer.serve.asked import LONGEST, Asked
from comma_explorer.serve.desk import Desk
from comma_explorer.serve.guard import Guard, answer
from comma_explorer.serve.received import plain, safe
from comma_explorer.serve.run import HOST, listening, run, server_of
from comma_explorer.serve.sent import Sent, words
from comma_explorer.serve.site import LARGEST, app_of
from hostile import MARK, hostile_data, payloads
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

TOKEN = "a-token-of-tests"  # noqa: S105 - of a server that lives for a test
CIF = """data_x
_cell_length_a 5.64
_cell_length_b 5.64
_cell_length_c 5.64
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Na1 Na 0 0 0
Cl1 Cl 0.5 0.5 0.5
"""
SECRET = "the-content-of-a-file-outside"  # noqa: S105 - to see that it stays where it is


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("serve")
    hostile_data(root / "data", 20)
    models.save(AlignedModel.create("structure", "text", "composition", dim=16), root / "model")
    building.build(str(root / "data"), root / "index", model=str(root / "model"))
    (root / "secret.txt").write_text(SECRET)
    (root / "atlas.html").write_text("<title>an atlas</title>")
    return root


@pytest.fixture(scope="module")
def server(place):
    """Port of a running server."""
    with listening(0) as bound:
        port = bound.getsockname()[1]
        desk = Desk.open(place / "index", atlas=place / "atlas.html")
        app = app_of(desk, token=TOKEN, port=port)
        running = server_of(app)
        running.install_signal_handlers = lambda: None
        thread = threading.Thread(target=running.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        while not running.started:
            threading.Event().wait(0.02)
        yield port
        running.should_exit = True
        thread.join(10)


@pytest.fixture
def ask(server):
    """Status, headers and text of a request, with the cookie unless told otherwise."""

    def asked(path, method="GET", body=None, **headers):
        given = {"Host": f"{HOST}:{server}", "Cookie": f"comma-{server}={TOKEN}", **headers}
        connection = http.client.HTTPConnection(HOST, server, timeout=60)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in given.items():
            if value is not None:
                connection.putheader(name.replace("_", "-"), value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        with closing(connection), connection.getresponse() as answer:
            return answer.status, dict(answer.getheaders()), answer.read().decode("utf-8", "replace")

    return asked


def send(ask, name, content, **headers):
    status, _, text = ask("/sent", "POST", content, X_Name=quote(name), **headers)
    return status, json.loads(text)


def test_words_find_structures_and_protocols(ask):
    status, _, page = ask("/?q=NaCl&n=3")
    assert status == 200
    assert page.count('class="panel card"') == 3 + 3
    assert "/picture/structure/" in page


def test_a_file_is_asked_with_and_its_key_is_the_state(ask):
    status, told = send(ask, "my salt.cif", CIF.encode())
    assert status == 200
    _, _, page = ask(f"/?file={told['key']}&for=structure")
    assert "my salt.cif" in page
    assert page.count('class="panel card"') == 6


def test_a_value_of_the_index_is_a_question(ask):
    _, _, page = ask("/?like=structure:3&for=structure&n=20")
    assert 'src="/picture/structure/3"' in page
    assert "1.000" in page


@pytest.mark.parametrize("hit", ["structure/3", "text/2"])
@pytest.mark.parametrize("question", ["q=NaCl", "q=Heat+it+at+900+°C.", "like=structure:1", "like=text:2"])
def test_a_hit_is_explained(ask, question, hit):
    status, _, page = ask(f"/why/{hit}?{quote(question, safe='=&:+')}")
    assert status == 200
    assert "Structure" in page or "Protocol" in page
    assert '<script src="/static/turn.js"' in page


def test_a_file_is_explained_too(ask):
    _, told = send(ask, "salt.cif", CIF.encode())
    assert "salt.cif" in ask(f"/why/text/1?file={told['key']}")[2]


def test_a_picture_is_an_svg_of_the_value(ask):
    status, headers, svg = ask("/picture/structure/0")
    assert (status, headers["content-type"]) == (200, "image/svg+xml")
    assert svg.startswith("<svg xmlns=")
    assert "Na" in svg


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/?q=NaCl&elements=Xx", 400, "no element"),
        ("/?q=NaCl&for=sound", 400, "no modality"),
        ("/?q=NaCl&n=0", 400, "from 1 to"),
        ("/?q=NaCl&n=51", 400, "from 1 to"),
        ("/?q=NaCl&n=000001000", 400, "from 1 to"),
        ("/?q=NaCl&n=" + "0" * 5 + "1" * 5000, 400, "from 1 to"),
        ("/?q=NaCl&target=gap&low=abc", 400, "is no number"),
        ("/?q=NaCl&low=1&high=2", 400, "choose the number that lies from 1 to 2"),
        ("/?q=NaCl&target=mass&low=1", 400, "no target"),
        ("/?q=hello&as=composition", 400, "no formula"),
        ("/?q=NaCl&path=/etc/passwd", 400, "only q, as"),
        ("/?file=0123456789abcdef", 400, "drop it again"),
        ("/?file=../../etc/passwd", 400, "nothing that this server gave out"),
        ("/?like=structure:99999", 400, "holds no structure 99999"),
        ("/?like=sound:1", 400, "holds no sound"),
        ("/?q=" + "x" * 9000, 400, "as a file"),
        ("/why/structure/0", 400, "ask with one alone"),
        ("/why/structure/0?q=NaCl&like=text:1", 400, "ask with one alone"),
        ("/why/structure/99999?q=NaCl", 404, "holds no structure 99999"),
        ("/picture/structure/99999", 404, "holds no structure"),
        ("/picture/text/1", 404, "has no picture"),
        ("/picture/image/1", 404, "holds no image"),
        ("/entry/nobody", 404, "no entry"),
        ("/nowhere", 404, "no such page"),
        ("/static/site.py", 404, "no such page"),
    ],
)
def test_what_cannot_be_asked_is_told(ask, path, status, told):
    found, _, page = ask(path)
    assert found == status
    assert told in page.replace("&#39;", "'")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.cif", b"", "empty"),
        ("a.cif", b"nonsense", "a.cif cannot be read"),
        ("a.xyz.exe", b"MZ", "does not tell what it is"),
        ("../../x.cif", b"nonsense", "x.cif cannot be read"),
        ("a.png", b"\x89PNG", "is asked by image"),
    ],
)
def test_files_that_cannot_be_read_are_told_by_their_own_name(ask, name, content, told):
    status, answer = send(ask, name, content)
    assert status == 400
    assert told in answer["problem"]
    assert "/tmp" not in answer["problem"]  # noqa: S108 - no path of this machine is told


def test_what_is_gone_does_not_lock_the_form(ask):
    status, _, page = ask("/?q=NaCl&file=0123456789abcdef&like=structure:99999&like=structure:1&n=3")
    assert status == 400
    assert "drop it again" in page
    assert 'name="file"' not in page
    assert re.findall(r'name="like" value="([^"]*)"', page) == ["structure:1"]
    assert "NaCl</textarea>" in page


def test_what_is_asked_with_is_shown_and_can_be_left_out_beside_a_problem(ask):
    _, told = send(ask, "my salt.cif", CIF.encode())
    state = f"/?q=NaCl&file={told['key']}&like=structure%3A1"
    status, _, page = ask(f"{state}&elements=Na&low=1&target=mass")
    assert status == 400
    assert f'name="file" value="{told["key"]}"' in page
    assert 'aria-label="without my salt.cif"' in page
    status, _, page = ask(f"{state}&file={told['key']}")
    assert status == 200
    assert '<a href="/?q=NaCl&amp;like=structure%3A1" aria-label="without my salt.cif">' in page


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        ("without=pb", "no element"),
        ("n=0", "from 1 to"),
        ("low=x&target=gap", "no number"),
        ("high=2", "choose the number"),
        ("for=sound", "no modality"),
        ("file=../x", "nothing that this server gave out"),
    ],
)
def test_a_mistake_leaves_the_form_as_it_was_typed(ask, mistake, told):
    _, sent = send(ask, "my salt.cif", CIF.encode())
    status, _, page = ask(
        f"/?q=NaCl&as=composition&elements=Na&source=computed&file={sent['key']}&like=text%3A1&{mistake}"
    )
    assert status == 400
    assert told in page.replace("&#39;", "'")
    assert "NaCl</textarea>" in page
    fields = dict(re.findall(r'<input (?:type="hidden" )?name="(\w+)"[^>]*? value="([^"]*)"', page))
    typed = {name: value for name, value in parse_qsl(mistake) if name in ("without", "n", "low", "high")}
    assert fields.items() >= {"elements": "Na", "source": "computed", "file": sent["key"], **typed}.items()
    assert fields["like"] == "text:1"
    assert '<option value="composition" selected>' in page
    assert "<details open>" in page


@pytest.mark.parametrize("name", ["a.xyz.exe", "a.png"])
def test_a_page_is_not_told_an_option_of_the_command(ask, name):
    _, answer = send(ask, name, b"nonsense")
    assert "--as" not in answer["problem"]
    assert ".cif for structure, .txt for text" in answer["problem"]


@pytest.mark.parametrize("host", ["evil.example", f"evil.example:{80}", "127.0.0.1", "localhost:1", "[::1]:80", ""])
def test_foreign_hosts_are_refused(ask, host):
    assert ask("/?q=NaCl", Host=host)[0] == 421


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:1"])
def test_foreign_origins_are_refused(ask, origin):
    assert ask("/?q=NaCl", Origin=origin)[0] == 403
    assert ask("/sent", "POST", b"x", Origin=origin)[0] == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "x"])
def test_pages_of_other_sites_are_refused(ask, site):
    assert ask("/?q=NaCl", Sec_Fetch_Site=site)[0] == 403


@pytest.mark.parametrize("path", ["/", "/?q=NaCl", "/static/app.js", "/picture/structure/0", "/entry/s-000", "/atlas"])
@pytest.mark.parametrize(
    "cookie", [None, "comma=1", "comma-{port}=wrong", "comma-{port}=", ";;;=", "comma-{port}=\xff"]
)
def test_without_the_token_nothing_is_shown(ask, server, path, cookie):
    status, _, page = ask(path, Cookie=cookie and cookie.format(port=server))
    assert status == 401
    assert "<" not in page


@pytest.mark.parametrize(
    "cookies",
    ["{own}", 'prefs={{"a":1, "b":2}}; {own}', '{own}; prefs={{"a":1, "b":2}}', "a b=c;;=;{own}", "{own}x; {own}"],
)
def test_cookies_of_other_servers_do_not_hide_our_own(ask, server, cookies):
    assert ask("/nowhere", Cookie=cookies.format(own=f"comma-{server}={TOKEN}"))[0] == 404


@pytest.mark.parametrize(
    ("port", "host", "status"),
    [
        (80, "127.0.0.1", 200),
        (80, "localhost", 200),
        (80, "localhost:80", 200),
        (80, "evil", 421),
        (81, "localhost", 421),
    ],
)
def test_browsers_do_not_name_port_80(port, host, status):
    guard = Guard(app=passing, token="x", port=port, largest=1)  # noqa: S106 - of a test
    assert guarded(guard, Host=host, Origin=f"http://{host}", Cookie=f"comma-{port}=x")["status"] == status


async def passing(_scope, _receive, send):
    """An app that is always content."""
    await answer(send, 200, "")


def guarded(guard, query="", **headers):
    """How the answer of a guard begins."""
    told = []

    async def send(message):
        told.append(message)

    given = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": query.encode(), "headers": given}
    asyncio.run(guard(scope, None, send))
    return told[0]


def test_a_browser_is_started_with_what_lets_in_once(monkeypatch, place):
    opened, let_in = [], []

    def serve(self, sockets):
        """As a browser does, and then as someone who reads the list of processes."""
        host, query = opened[0].removeprefix("http://").split("/?")
        let_in.extend(guarded(self.config.app, query, Host=host) for _ in range(2))

    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr(uvicorn.Server, "run", serve)
    said = []
    run(lambda: Desk.open(place / "index", atlas=place / "atlas.html"), browser=True, say=said.append)
    assert [answered["status"] for answered in let_in] == [303, 401]
    token = dict(let_in[0]["headers"])[b"set-cookie"].decode().partition("=")[2].partition(";")[0]
    assert f"token={token}\n" in said[-1]
    assert token not in opened[0]


def test_the_token_in_the_address_becomes_a_cookie_of_this_site_alone(ask, server):
    status, headers, _ = ask(f"/?token={TOKEN}", Cookie=None)
    assert (status, headers["location"]) == (303, "/")
    assert headers["set-cookie"] == f"comma-{server}={TOKEN}; Path=/; HttpOnly; SameSite=Strict"
    assert ask("/?token=wrong", Cookie=None)[0] == 401


def test_every_answer_bears_the_policy(ask):
    for path in ("/", "/?q=NaCl", "/nowhere", "/static/app.css", "/entry/s-000"):
        _, headers, _ = ask(path)
        assert "script-src 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    assert "sandbox allow-scripts" in ask("/atlas")[1]["content-security-policy"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(ask, method):
    assert ask("/", method)[0] == 405


def test_a_body_of_untold_length_is_read_to_the_bound_alone(server, place):
    app = app_of(Desk.open(place / "index"), token=TOKEN, port=server)
    told, sent = [], []

    async def receive():
        sent.append(2**20)
        return {"type": "http.request", "body": bytes(2**20), "more_body": True}

    async def send(message):
        told.append(message)

    headers = {"host": f"{HOST}:{server}", "cookie": f"comma-{server}={TOKEN}", "x-name": "long.cif"}
    given = [(name.encode(), value.encode()) for name, value in headers.items()]
    path = {"path": "/sent", "raw_path": b"/sent", "root_path": "", "query_string": b""}
    scope = {"type": "http", "method": "POST", "http_version": "1.1", "scheme": "http", **path, "headers": given}
    asyncio.run(app(scope, receive, send))
    assert told[0]["status"] == 413
    assert b"MiB" in told[1]["body"]
    assert LARGEST < sum(sent) <= LARGEST + 2**20


def test_too_much_is_refused_before_it_is_read(ask):
    assert ask("/sent", "POST", None, Content_Length=str(LARGEST + 1))[0] == 413
    assert ask("/sent", "POST", None, Content_Length="-1")[0] in (400, 413)


@pytest.mark.parametrize(
    "probe",
    [
        *(f"/{up}secret.txt" for up in ("../", "..%2f", "%2e%2e/", "....//", "..\\", "%2e%2e%5c", "static/../../")),
        *(f"/static/{up}secret.txt" for up in ("../../", "..%2f..%2f", "%2e%2e/%2e%2e/", "....//....//")),
        *(f"/entry/{up}secret.txt" for up in ("../", "..%2f", "%2e%2e%2f")),
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/app.js%00.css",
        "/picture/structure/..%2f..%2fsecret.txt",
        "/picture/../secret.txt/0",
        "/atlas/../secret.txt",
        "/atlas?file=secret.txt",
    ],
)
def test_traversal_reads_nothing(ask, place, probe):
    status, _, page = ask(probe)
    assert status in (200, 400, 404)
    assert SECRET not in page
    assert "root:" not in page


@pytest.mark.parametrize("words_", ["{path}", "file://{path}", "./{path}", "~/../{path}", "{path}\n", "@{path}"])
def test_words_are_never_a_path(ask, place, words_):
    text = words_.format(path=place / "secret.txt")
    status, _, page = ask(f"/?q={quote(text)}")
    assert status == 200
    assert SECRET not in page
    assert words(text).modality == "text"


def test_the_state_survives_its_address():
    told = "q=NaCl&as=composition&file=0123456789abcdef&like=structure%3A1&for=text&n=9&elements=Na&target=gap&low=1"
    asked = Asked.parse(QueryParams(told))
    again = Asked.parse(QueryParams(urlsplit(asked.address()).query))
    assert again == asked
    assert parse_qs(urlsplit(asked.address(q="")).query).keys() == parse_qs(told).keys() - {"q"}


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("POSCAR", "POSCAR"),
        ("POSCAR_NaCl", "POSCAR"),
        ("contcar-relaxed", "CONTCAR"),
        ("POSCAR.cif", "query.cif"),
        ("my salt.vasp", "query.vasp"),
    ],
)
def test_a_name_says_the_format_as_it_does_to_a_build(name, made):
    assert safe(name) == made


def test_a_long_question_in_any_script_is_asked(ask):
    question = "salt " + "盐" * (LONGEST - 5)
    status, _, page = ask(f"/?q={quote(question)}&as=text&n=1")
    assert status == 200
    assert "盐" in page


def test_a_question_of_which_nothing_can_be_read_is_told(ask):
    status, _, page = ask(f"/?q={quote('盐')}&as=text&n=1")
    assert status == 400
    assert "no word can be read" in page


def test_an_index_without_words_is_served(place, tmp_path):
    hostile_data(tmp_path / "data", 4)
    models.save(AlignedModel.create("structure", dim=16), tmp_path / "model")
    building.build(str(tmp_path / "data"), tmp_path / "index", model=str(tmp_path / "model"))
    desk = Desk.open(tmp_path / "index")
    desk.warm()
    assert desk.answer(Asked(like=(("structure", 1),))).hits["structure"]


@given(name=st.text(max_size=300))
def test_whatever_a_file_is_called_its_name_stays_a_name(name):
    made = safe(plain(name))
    assert made in ("POSCAR", "CONTCAR") or made.startswith("query")
    assert "/" not in made
    assert "\\" not in made
    assert len(made) < 30


@given(
    query=st.dictionaries(st.sampled_from(["q", "n", "file", "like", "for", "elements", "low", "target"]), st.text())
)
def test_any_address_is_read_or_refused(query):
    try:
        asked = Asked.parse(QueryParams(query))
    except SearchError:
        return
    assert Asked.parse(QueryParams(urlsplit(asked.address()).query)) == asked


def test_only_the_latest_files_are_remembered(monkeypatch):
    monkeypatch.setattr("comma_explorer.serve.sent.KEPT", 2)
    sent = Sent(known=("structure",))
    keys = [sent.keep(f"{number}.cif", CIF.encode()) for number in range(3)]
    assert len(set(keys)) == 3
    assert sent.get(keys[2]).said == "2.cif"
    with pytest.raises(SearchError, match="drop it again"):
        sent.get(keys[0])


def test_a_port_that_is_taken_is_told():
    with listening(0) as bound, pytest.raises(SearchError, match="leave --port out"):
        listening(bound.getsockname()[1])


def test_an_index_without_its_data_is_searched_and_not_drawn(place, tmp_path):
    shutil.copytree(place / "index", tmp_path / "index")
    (place / "data").rename(place / "gone")
    try:
        desk = Desk.open(tmp_path / "index")
        assert desk.data is None
        assert desk.answer(Asked(words="NaCl")).hits
        with pytest.raises(SearchError, match="--data FOLDER"):
            desk.value("structure", 0)
        assert Desk.open(tmp_path / "index", data=place / "gone").data is not None
    finally:
        (place / "gone").rename(place / "data")


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    if shutil.which("chromium") is None:
        pytest.skip("no chromium on this machine")
    with playwright.sync_playwright() as session:
        made = session.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture
def visit(browser, server):
    """A page with the cookie, what it asked for elsewhere, and what went wrong in it."""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page, outside, wrong = context.new_page(), [], []
    page.on("request", lambda r: outside.append(r.url) if f"{HOST}:{server}" not in r.url else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(f"http://{HOST}:{server}/?token={TOKEN}")
    yield page, outside, wrong
    context.close()


def test_in_a_real_browser_words_and_files_are_asked_with_the_keyboard(visit):
    page, outside, wrong = visit
    page.keyboard.press("/")
    page.keyboard.insert_text("NaCl")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".card img")
    assert "q=NaCl" in page.url
    page.set_input_files("#file", {"name": "salt.cif", "mimeType": "text/plain", "buffer": CIF.encode()})
    page.wait_for_selector(".chips")
    assert "file=" in page.url
    page.go_back()
    page.wait_for_url("**/?q=NaCl")
    page.set_input_files("#file", {"name": "bad.cif", "mimeType": "text/plain", "buffer": b"nonsense"})
    page.wait_for_selector("#problem:not([hidden])")
    assert "bad.cif" in page.text_content("#problem")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert (outside, wrong) == ([], [])


def test_in_a_real_browser_hostile_data_stay_text(visit, server):
    page, outside, wrong = visit
    for address in ("/?q=NaCl&n=20", "/?like=text:3&n=20", "/entry/s-003", "/picture/structure/2"):
        page.goto(f"http://{HOST}:{server}{address}", wait_until="networkidle")
        assert page.evaluate("window.__pwned") is None
    assert (outside, wrong) == ([], [])


def test_in_a_real_browser_hostile_questions_stay_text(visit, server):
    page, outside, wrong = visit
    for text in payloads(12):
        page.goto(f"http://{HOST}:{server}/?q={quote(text)}&n=1&for=text", wait_until="load")
        assert page.input_value("#q").strip() == text.strip()
        assert page.evaluate("window.__pwned") is None
    assert (outside, wrong) == ([], [])


def test_the_payloads_would_do_something_if_they_were_let(browser):
    """Otherwise the tests above would show nothing."""
    told = []
    pages = [browser.new_page() for _ in range(34)]
    for page, text in zip(pages, payloads(34), strict=True):
        page.on("console", lambda message: told.append(message.text))
        page.set_content(text.replace(MARK, "console.log('__pwned')"), wait_until="load")
    for _ in range(100):  # focus and failing images may tell of themselves after the page has loaded
        if told.count("__pwned") >= 12:
            break
        pages[0].wait_for_timeout(100)
    assert told.count("__pwned") >= 12
    for page in pages:
        page.close()
