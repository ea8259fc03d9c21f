"""The page of an explanation: escaped, self-contained, readable, alive in a real browser."""

import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from itertools import cycle

import numpy as np
import pytest
from comma_encoders.modality import examples, names
from comma_explorer.explain.attribution import Attribution
from comma_explorer.explain.checks import Deletion
from comma_explorer.explain.explanation import Explained, Explanation, Given
from comma_explorer.explain.page.render import SCRIPT, correlations, fragment, page
from comma_explorer.explain.page.shade import shade, signed

PAYLOADS = (
    "<script>window.__pwned = 1</script>",
    '"><img src=x onerror="window.__pwned=1">',
    "' onmouseover='window.__pwned=1",
    "</style><script>window.__pwned=1</script>",
    "{{ 7 * 7 }}${7*7}<svg/onload=window.__pwned=1>",
    "\u202egnp.exe\u0000",
)


def explained(modality, value, labels, *, name="mine", groups=(), extent=None):
    rng = np.random.default_rng(0)
    values = rng.normal(size=len(labels))
    sums = {g: float(sum(v for v, h in zip(values, groups, strict=True) if h == g)) for g in dict.fromkeys(groups)}
    curve = Deletion(removed=np.array([0, 1]), parts=2, ranked=np.array([0.5, 0.1]), random=rng.random((2, 20)))
    return Explained(
        given=Given(modality=modality, value=value, name=name),
        labels=tuple(labels),
        groups=tuple(groups),
        grouped={"structure": "species", "text": "step"}.get(modality, "") if groups else "",
        extent=extent,
        attribution=Attribution(values=values, groups=sums, similarity=0.5, baseline=-0.1, gap=0.0004),
        deletion=curve if len(labels) > 1 else None,
        untrained=(0.12, None, -0.3),
    )


def of_modality(modality, text="Mix."):
    value = {"text": (text, "Fire it.")}.get(modality) or examples(modality, 1)[0]
    if modality == "structure":
        symbols = [f"X{z}" for z in value["numbers"]]
        return explained(modality, value, symbols, name=text, groups=symbols)
    if modality == "text":
        return explained(modality, value, [text, "Fire", "it."], name=text, groups=("1", "2", "2"))
    if modality == "image":
        fields = np.array([(i, j, i + 10, j + 10) for i in (0, 10) for j in (0, 10)], dtype=float)
        return explained(modality, value, list("abcd"), name=text, extent=fields)
    if modality == "xrd":
        return explained(modality, value, ["10-20", "20-80"], name=text, extent=np.array([(10.0, 20.0), (20.0, 80.0)]))
    return explained(modality, value, [text], name=text)


def explanation(a="structure", b="text", text="Mix.", method="occlusion"):
    sides = (of_modality(a, text), of_modality(b, text))
    return Explanation(model=text, method=method, similarity=0.5, sides=sides)


class Skeleton(HTMLParser):
    """Tags with the names of their attributes, and everything that could be asked for."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.links = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.links += [value for name, value in attrs if name in {"href", "src", "xlink:href"}]


def test_of_a_large_crystal_what_contributes_most_is_drawn_and_told():
    """Also where that is the last species of the list."""
    numbers = np.repeat([14, 15], [500, 12])
    axis = np.arange(8)
    places = 4.0 * np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3)
    value = {"numbers": numbers, "positions": places + 1.0, "cell": 32.0 * np.eye(3), "periodic": np.ones(3, bool)}
    symbols = ["Si"] * 500 + ["P"] * 12
    made = explained("structure", value, symbols, groups=symbols)
    values = np.where(numbers == 15, -0.5, 0.01)
    made = replace(made, attribution=replace(made.attribution, values=values))
    html = fragment(Explanation(model="m", method="removal", similarity=0.5, sides=(made, made)))
    assert "400 of 512 atoms drawn" in html
    assert "Structure of 512 atoms (P, Si), coloured by contribution; 400 of them are drawn" in html
    assert html.count("P, atom 512: \u22120.500") == 2
    assert 'class="bond"' not in html
    assert "atoms drawn" not in fragment(explanation())


@pytest.mark.parametrize("modality", names())
def test_every_modality_is_shown(modality):
    html = page(explanation(modality, "text"))
    assert html.count('<section class="panel side">') == 2
    assert "Can it be trusted?" in html


@pytest.mark.parametrize("modality", names())
@pytest.mark.parametrize("payload", PAYLOADS)
def test_payloads_change_no_tag(modality, payload):
    # attributes and tags are those of a harmless text
    harmless, harmful = (Skeleton(page(explanation(modality, "text", text))).tags for text in ("Mix.", payload))
    assert harmful == harmless


def test_what_cannot_be_seen_is_made_visible():
    assert "\u202e" not in page(explanation(text=PAYLOADS[-1]))


@pytest.mark.parametrize("modality", names())
def test_it_asks_for_nothing(modality):
    html = page(explanation(modality, "xrd"))
    assert "default-src 'none'" in html
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in Skeleton(html).links)
    assert not re.search(r"url\(['\"]?http|@import|innerHTML|fetch\(", html)


def test_the_policy_names_the_one_script():
    from base64 import b64encode
    from hashlib import sha256

    html = page(explanation())
    (script,) = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    assert script == SCRIPT
    assert f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" in html


def test_ids_stand_once():
    ids = re.findall(r' id="([^"]+)"', page(explanation()))
    assert len(ids) == len(set(ids))


def test_the_same_explanation_gives_the_same_bytes():
    assert page(explanation()) == page(explanation())


def test_a_fragment_is_part_of_a_page():
    part = fragment(explanation(method="gradients"))
    assert part in page(explanation(method="gradients"))
    assert "<html" not in part
    assert "miss their sum by 0.000" in part


def test_every_atom_bears_its_own_contribution():
    found = of_modality("structure")
    html = fragment(Explanation(model="m", method="occlusion", similarity=0.5, sides=(found, found)))
    for place, value in enumerate(found.attribution.values):
        assert f"atom {place + 1}: {signed(value)}</title>" in html


def test_words_stand_in_their_steps():
    html = fragment(explanation())
    assert len(re.findall(r"<li><p>", html)) == 2
    assert re.search(r'<span class="word (plus|minus)" style="--k:\d+%" title="[^"]+">Fire</span>', html)


def test_shades_are_strongest_for_the_largest():
    assert shade(-2.0, 2.0).style == "--k:100%"
    assert shade(-2.0, 2.0).sign == "minus"
    assert shade(1.0, 2.0).style == "--k:50%"
    assert shade(0.0, 0.0).style == "--k:0%"


def test_numbers_are_written_with_their_sign():
    assert (signed(0.5), signed(-0.5), signed(-0.0001)) == ("+0.500", "−0.500", "0.000")
    assert correlations((0.123, None, -0.4)) == "+0.12, not defined, −0.40"
    assert "fewer than three" in correlations((None, None))


@pytest.fixture(scope="module")
def chromium():
    playwright = pytest.importorskip("playwright.sync_api")
    if shutil.which("chromium") is None:
        pytest.skip("no chromium on this machine")
    with playwright.sync_playwright() as session:
        browser = session.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_chromium_shows_it_without_errors_requests_or_scrolling_sideways(tmp_path, chromium, width):
    shown = chromium.new_page(viewport={"width": width, "height": 800})
    said, asked = [], []
    shown.on("console", lambda message: said.append(message.text))
    shown.on("pageerror", lambda error: said.append(str(error)))
    shown.on("request", lambda request: asked.append(request.url))
    pairs = (("structure", "text"), ("image", "text"), ("composition", "xrd"))
    for number, (text, pair) in enumerate(zip(["Mix.", "x" * 300, *PAYLOADS], cycle(pairs), strict=False)):
        path = tmp_path / f"{number}.html"
        path.write_text(page(explanation(*pair, text)), encoding="utf-8")
        asked.clear()
        shown.goto(path.as_uri())
        assert shown.evaluate("document.documentElement.scrollWidth") <= width, (pair, text)
        assert shown.evaluate("window.__pwned === undefined")
        assert [url for url in asked if not url.startswith(("data:", path.as_uri()))] == []
    assert said == []


def test_the_crystal_turns_by_keyboard_and_pointer(tmp_path, chromium):
    path = tmp_path / "page.html"
    path.write_text(page(explanation()), encoding="utf-8")
    shown = chromium.new_page()
    shown.goto(path.as_uri())
    where = (
        "Array.from(document.querySelectorAll('.crystal g'), (node) => node.getAttribute('transform')).sort().join()"
    )
    places = [shown.evaluate(where)]
    shown.focus("svg.crystal")
    shown.keyboard.press("ArrowRight")
    places.append(shown.evaluate(where))
    box = shown.query_selector("svg.crystal").bounding_box()
    shown.mouse.move(box["x"] + 50, box["y"] + 50)
    shown.mouse.down()
    shown.mouse.move(box["x"] + 120, box["y"] + 80)
    shown.mouse.up()
    places.append(shown.evaluate(where))
    shown.mouse.move(box["x"] + 10, box["y"] + 10)
    assert shown.evaluate(where) == places[2], "it only follows a pressed pointer"
    assert len(set(places)) == 3


def test_without_scripts_the_crystal_stands_there(tmp_path, chromium):
    path = tmp_path / "page.html"
    path.write_text(page(explanation()), encoding="utf-8")
    context = chromium.new_context(java_script_enabled=False)
    shown = context.new_page()
    shown.goto(path.as_uri())
    boxes = [ball.bounding_box() for ball in shown.query_selector_all(".crystal circle")]
    assert boxes
    assert all(box["width"] > 4 for box in boxes)
    context.close()


def test_a_molecule_has_no_cell_to_draw():
    water = {
        "numbers": np.array([8, 1, 1]),
        "positions": np.array([(0.0, 0.0, 0.0), (0.96, 0.0, 0.0), (-0.24, 0.93, 0.0)]),
        "cell": np.zeros((3, 3)),
        "periodic": np.zeros(3, dtype=bool),
    }
    symbols = ("O", "H", "H")
    found = explained("structure", water, symbols, groups=symbols)
    html = fragment(Explanation(model="m", method="removal", similarity=0.5, sides=(found, found)))
    assert html.count("<circle") == 6
    assert 'class="edge"' not in html


def test_every_method_is_put_into_words():
    from comma_explorer.explain.attribution import METHODS
    from comma_explorer.explain.page.render import HOW

    assert HOW.keys() == METHODS.keys()
