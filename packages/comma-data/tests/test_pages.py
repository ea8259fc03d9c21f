import io
import math
import re
import shutil
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from comma_data.errors import ShardError
from comma_data.manifest import REFUSALS, Counts
from comma_data.pages.axes import ROUND, bar_length, step, ticks
from comma_data.pages.drawing import MOST, picture, shown_atoms
from comma_data.pages.elements import CUSTOMARY, colour, periodic_table
from comma_data.pages.micrograph import LARGEST
from comma_data.pages.micrograph import picture as micrograph
from comma_data.pages.page import formula, render, share, visible
from comma_data.pages.plots import _thinned, curve, histogram
from comma_data.pages.report import ambiguity, flattened, report
from comma_data.pages.show import page
from comma_data.pages.survey import survey
from comma_data.pages.svg import text
from comma_data.protocol import Operation, Protocol
from comma_data.sample import RawImage, RawStructure, Refusal, Sample
from comma_data.shards import ShardSet
from comma_data.writer import Description, write
from hypothesis import given
from hypothesis import strategies as st

PAYLOADS = (
    "<script>window.__pwned=1</script>",
    "</script><script>window.__pwned=1</script>",
    "<img src=x onerror=window.__pwned=1>",
    '"><img src=x onerror=window.__pwned=1>',
    "'><img src=x onerror=window.__pwned=1>",
    "<svg onload=window.__pwned=1>",
    "</svg><script>window.__pwned=1</script>",
    "</title><script>window.__pwned=1</script>",
    "</style><script>window.__pwned=1</script>",
    "--><script>window.__pwned=1</script>",
    "<!--<script>window.__pwned=1</script>",
    "<![CDATA[<script>window.__pwned=1</script>]]>",
    "<iframe src=javascript:window.__pwned=1>",
    "<iframe srcdoc='<script>parent.__pwned=1</script>'>",
    "javascript:window.__pwned=1",
    "JaVaScRiPt:window.__pwned=1//",
    "data:text/html,<script>parent.__pwned=1</script>",
    '" onmouseover="window.__pwned=1',
    "' autofocus onfocus='window.__pwned=1",
    "<a href=javascript:window.__pwned=1>x</a>",
    "<body onload=window.__pwned=1>",
    "<link rel=stylesheet href=//127.0.0.1:9/x.css>",
    "<meta http-equiv=refresh content='0;url=//127.0.0.1:9/'>",
    "<base href=//127.0.0.1:9/>",
    "<form action=//127.0.0.1:9/><input autofocus onfocus=window.__pwned=1>",
    "<details open ontoggle=window.__pwned=1>",
    "<math><mtext></mtext><mglyph><svg><script>window.__pwned=1</script>",
    "{{ 7 * 7 }}{% for x in ().__class__.__mro__ %}{{ x }}{% endfor %}",
    "&lt;script&gt;window.__pwned=1&lt;/script&gt;&#60;script&#62;",
    "<scr\x00ipt>window.__pwned=1</scr\x00ipt>\u202egnp.<img src=x onerror=window.__pwned=1>\ud800",
)


class Skeleton(HTMLParser):
    """Tags with the names of their attributes, and the values of attributes that a browser acts on."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple] = []
        self.active: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, *(name for name, _ in attrs)))
        self.active += [v or "" for n, v in attrs if n in {"href", "src", "srcset", "action", "style", "xlink:href"}]

    def handle_endtag(self, tag):
        self.tags.append((f"/{tag}",))


def every_text(payload: str) -> Sample:
    """A sample with the payload in each text that it can hold."""
    protocol = Protocol(
        target=payload,
        precursors=(payload,),
        operations=(Operation(kind="heat", word=payload, device=payload, media=(payload,), atmospheres=(payload,)),),
        amounts=((payload, 1.0),),
        method=payload,
    )
    known = {"origin": payload, "doi": payload, "source": payload, "joined_by": payload, "file": payload}
    image = RawImage(pixels=np.arange(16, dtype=np.uint16).reshape(4, 4), nm_per_pixel=0.1)
    mask = {"mask": np.eye(4, dtype=np.uint8), "boxes": np.array([[0, 0, 2, 2]]), "mask_classes": {payload: 1}}
    return Sample(
        id="a",
        fields={
            "text": ((payload,),),
            "image": (image,),
            "composition": ({"Na": 1.0, "Cl": 1.0},),
            "sound": (payload,),
        },
        groups={"formula": payload, "material": payload, "fold": "0", "zz" + payload: payload},
        targets={"label": payload, "zz" + payload: 1.0},
        annotations={"text": (protocol,), "image": (mask,)},
        provenance={"text": ({**known, "zz" + payload: payload},), "image": (known,), "composition": (known,)},
    )


def data_set(folder: Path, payload: str = "benign") -> Path:
    """A small data set with the payload in each text that a report shows."""
    told = payload.encode("utf-8", "replace").decode()  # JSON files hold no halves of surrogate pairs
    sample = every_text(told)
    fields = {m: v for m, v in sample.fields.items() if m != "sound"}
    sample = replace(sample, fields=fields, groups={**sample.groups, "formula": "NaCl"})
    twin = replace(sample, id="b", targets={"label": "other", "zz" + told: 2.0}, groups={**sample.groups, "fold": "1"})
    refused = [Refusal(source=told, key=told, code=told, message=told)]
    about = Description(
        name="small",
        build={told: told, "nested": {"zz": [{"a": told}]}},
        inputs={told: "0" * 64},
        counts={told: Counts(read=3, accepted=2, refused={told: 1})},
        joined={told: 2},
        refused=refused,
    )
    write([sample, twin], folder, about)
    return folder


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_text_of_a_sample_becomes_markup(payload):
    expected, found = Skeleton(page(every_text("benign"))), Skeleton(page(every_text(payload)))
    assert found.tags == expected.tags
    harmless = r"https://doi\.org/[\w.%~-]*|data:image/png;base64,[\w+/=]*|(width:[\d.]+%;)?background:#[0-9a-f]{6}"
    assert [v for v in found.active if not re.fullmatch(harmless, v)] == []


@pytest.fixture(scope="module")
def benign_report(tmp_path_factory) -> Skeleton:
    return Skeleton(report(data_set(tmp_path_factory.mktemp("benign"))))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_text_of_a_data_set_becomes_markup(payload, tmp_path, benign_report):
    found = Skeleton(report(data_set(tmp_path / "evil", payload)))
    assert sorted(found.tags) == sorted(benign_report.tags)  # names decide about the order
    assert all(re.fullmatch(r"width:[\d.]+%", v) for v in found.active)


@pytest.mark.parametrize("payload", PAYLOADS[:9])
def test_the_detector_sees_a_text_that_was_not_escaped(payload):
    from markupsafe import Markup

    honest = Skeleton(page(every_text("benign")))
    assert Skeleton(page(every_text(Markup(payload)))).tags != honest.tags  # noqa: S704 - the planted fault


def test_real_chromium_runs_nothing_and_asks_for_nothing(tmp_path):
    """The pages' own policy is taken out, so that the escaping alone has to hold."""
    playwright = pytest.importorskip("playwright.sync_api")
    if shutil.which("chromium") is None:
        pytest.skip("no chromium on this machine")
    pages = [page(every_text(payload)) for payload in PAYLOADS]
    pages += [report(data_set(tmp_path / str(i), payload)) for i, payload in enumerate(PAYLOADS[:5])]
    planted = page(every_text("benign")).replace("benign", PAYLOADS[2])
    with playwright.sync_playwright() as session:
        browser = session.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        outcomes = [opened(browser, html, tmp_path) for html in [*pages, planted]]
        browser.close()
    assert outcomes[:-1] == [(False, 0, False)] * len(pages)
    assert outcomes[-1][0], "the detector does not see a page that runs"


def opened(browser, html: str, folder: Path) -> tuple[bool, int, bool]:
    """Whether a script ran, how many requests were made, and whether the page scrolls sideways on a phone."""
    path = folder / "page.html"
    path.write_text(re.sub(r"<meta http-equiv=\"Content-Security-Policy\".*?>", "", html), encoding="utf-8")
    requests: list[str] = []
    shown = browser.new_page(viewport={"width": 390, "height": 800})
    shown.on("request", lambda r: requests.append(r.url) if not r.url.startswith(("data:", path.as_uri())) else None)
    shown.goto(path.as_uri())
    ran = shown.evaluate("window.__pwned !== undefined")
    wide = shown.evaluate("document.documentElement.scrollWidth > 390")
    shown.close()
    return ran, len(requests), wide


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_text_of_a_figure_becomes_markup(payload):
    honest = Skeleton(histogram([1, 2.5], "benign", axis="benign").svg + text("benign", 1, 2))
    assert Skeleton(histogram([1, 2.5], payload, axis=payload).svg + text(payload, 1, 2)).tags == honest.tags


def test_what_cannot_be_seen_is_written_out():
    assert visible("a\u202eb\x00c\ud800\ufeff") == r"a\u202eb\u0000c\ud800\ufeff"
    assert visible("Å 850 °C\n→ µ") == "Å 850 °C\n→ µ"
    page(every_text("\ud83d")).encode()


def test_words_for_numbers():
    assert share(0, 10) == "0.0 %"
    assert share(1, 100_000) == "< 0.1 %"
    assert share(1, 0) == "0.0 %"
    assert formula("Ba2(NO3)4<b>") == "Ba<sub>2</sub>(NO<sub>3</sub>)<sub>4</sub>&lt;b&gt;"


@given(span=st.floats(1e-6, 1e9), count=st.integers(1, 40))
def test_a_step_is_round_and_divides_into_no_more_parts(span, count):
    width = step(span, count)
    mantissa = width / 10 ** math.floor(math.log10(width) + 1e-9)
    assert any(math.isclose(mantissa, r) for r in ROUND)
    assert span / width <= count * (1 + 1e-6)


@given(low=st.floats(-1e5, 1e5), span=st.floats(1e-3, 1e6))
def test_ticks_lie_inside(low, span):
    made = ticks(low, low + span)
    assert 1 <= len(made) <= 8
    assert all(low - 1e-6 * span <= t <= low + span * (1 + 1e-6) for t in made)


@given(extent=st.floats(1e-3, 1e6))
def test_a_scale_bar_is_a_sixth_to_a_third_of_the_image(extent):
    assert extent / 7.6 <= bar_length(extent) <= extent / 3 * (1 + 1e-6)


@given(values=st.lists(st.floats(-1e6, 1e6).map(lambda v: round(v, 3)) | st.integers(0, 30), min_size=1, max_size=300))
def test_a_histogram_counts_every_value(values):
    made = histogram(values, "gap", axis="eV")
    bars = [int(n.replace(",", "")) for n in re.findall(r": ([\d,]+)</title>", made.svg)]
    assert sum(bars) + made.beyond == len(values) == made.values
    assert (made.low, made.high) == (min(values), max(values))
    assert len(bars) <= 42
    ET.fromstring(made.svg)  # noqa: S314 - our own


def test_a_thinned_curve_keeps_its_peaks():
    x = np.linspace(5, 90, 40_000)
    y = np.ones(40_000)
    y[[7, 20_001, 39_998]] = [50, 90, 70]
    shown, height = _thinned(x, y, 1500)
    assert len(shown) <= 1500
    assert {50.0, 90.0, 70.0} <= set(height)
    assert (np.diff(shown) > 0).all()
    assert "polyline" in curve(x, y * 0, name="flat", unit_x="2θ")


def rock_salt_cubic() -> RawStructure:
    corners = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2
    return RawStructure(
        numbers=np.array([11] * 4 + [17] * 4),
        positions=np.vstack([corners, corners + np.array([0.5, 0, 0])]) * 5.64 - 5.64,
        cell=np.eye(3) * 5.64,
        periodic=np.ones(3, dtype=bool),
    )


def molecule() -> RawStructure:
    positions = np.array([[0, 0, 0], [0, 0.76, 0.59], [0, -0.76, 0.59]])
    return RawStructure(
        numbers=np.array([8, 1, 1]), positions=positions, cell=np.zeros((3, 3)), periodic=np.zeros(3, dtype=bool)
    )


def slab() -> RawStructure:
    cell = np.diag([3.0, 3.0, 0.0])
    return RawStructure(
        numbers=np.array([22]), positions=np.zeros((1, 3)), cell=cell, periodic=np.array([True, True, False])
    )


def large() -> RawStructure:
    positions = np.random.default_rng(0).uniform(0, 40, (900, 3))
    return RawStructure(
        numbers=np.arange(900) % 103 + 1, positions=positions, cell=np.eye(3) * 40, periodic=np.ones(3, dtype=bool)
    )


def skew() -> RawStructure:
    cell = np.array([[3.0, 0, 0], [8.9, 0.4, 0], [0.1, 0.1, 30.0]])
    return RawStructure(numbers=np.array([6]), positions=np.zeros((1, 3)), cell=cell, periodic=np.ones(3, dtype=bool))


@pytest.mark.parametrize(
    ("structure", "balls", "edges", "bonds"),
    [
        (rock_salt_cubic(), 27, 12, 54),
        (molecule(), 3, 0, 2),
        (slab(), 4, 4, 4),
        (large(), MOST, 12, None),
        (skew(), 8, 12, None),
    ],
    ids=["rock salt", "molecule", "slab", "large", "skew"],
)
def test_a_cell_is_drawn_with_its_faces_complete(structure, balls, edges, bonds):
    drawn = picture(structure)
    root = ET.fromstring(drawn)  # noqa: S314 - our own
    assert len(root.findall(".//circle")) == balls
    assert len(root.findall("line[@class='edge']")) == edges
    assert bonds is None or len(root.findall("line[@class='bond']")) == 2 * bonds
    size = float(root.get("viewBox").split()[2])
    for ball in root.iter("circle"):
        assert 0 <= float(ball.get("cx")) <= size
        assert 0 <= float(ball.get("cy")) <= size


def test_nearest_distances_see_the_images():
    assert np.allclose(shown_atoms(slab()).nearest, 3.0)
    assert np.isinf(shown_atoms({**molecule(), "numbers": np.array([8]), "positions": np.zeros((1, 3))}).nearest).all()


def test_common_elements_have_colours_apart():
    colours = {s: np.array([int(colour(s)[i : i + 2], 16) for i in (1, 3, 5)]) for s in CUSTOMARY}
    apart = {(a, b): np.abs(colours[a] - colours[b]).sum() for a in colours for b in colours if a < b}
    assert min(apart.values()) >= 24, min(apart, key=apart.get)


def test_the_periodic_table_has_a_place_for_each_element():
    table = periodic_table({"O": 1234, "La": 3}, 2000)
    places = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)"[^>]*class="cell"', table)
    assert len(places) == len(set(places)) == 103
    assert "Oxygen: 1,234 of 2,000" in table


@pytest.mark.parametrize(
    "pixels",
    [
        np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000,
        np.array([[np.nan, 1.0], [np.inf, 2.0]], dtype=np.float32),
        np.zeros((1, 1), np.uint8),
        np.ones((2, 2000), np.int32),
        np.zeros((3, 3), bool),
        np.full((40, 1700), 2**31, np.uint32),
    ],
    ids=["16 bits", "float", "one pixel", "strip", "bool", "32 bits"],
)
def test_an_image_of_any_depth_is_drawn(pixels):
    from PIL import Image

    drawn = micrograph({"pixels": pixels, "nm_per_pixel": 0.5})
    found = re.search(r"base64,([^\"]+)", drawn)[1]
    with Image.open(io.BytesIO(b64decode(found))) as image:
        assert max(image.size) <= LARGEST
    ET.fromstring(drawn)  # noqa: S314 - our own


def test_the_scale_bar_has_the_length_it_says():
    drawn = micrograph({"pixels": np.zeros((300, 400), np.uint8), "nm_per_pixel": 0.25})
    bar = re.search(r'<rect[^>]*width="([\d.]+)"[^>]*fill="#fff"', drawn)
    assert ">20 nm<" in drawn
    assert float(bar[1]) * 0.25 == pytest.approx(20)
    assert " nm<" not in micrograph({"pixels": np.zeros((3, 4), np.uint8), "nm_per_pixel": None})
    assert ">1 µm<" in micrograph({"pixels": np.zeros((3, 400), np.uint8), "nm_per_pixel": 10.0})


def test_boxes_and_masks_lie_over_the_image():
    image = {"pixels": np.zeros((30, 40), np.uint8), "nm_per_pixel": None}
    drawn = micrograph(image, {"boxes": np.array([[5, 10, 15, 30]]), "mask": np.ones((30, 40), np.uint8)})
    assert 'x="10" y="5" width="20" height="10" class="box"' in drawn
    assert drawn.count("<image") == 2
    assert micrograph(image, {"mask": np.ones((3, 4))}).count("<image") == 1
    assert micrograph(image, "a note").count("<image") == 1


def test_a_sample_page_draws_every_value(make):
    sample = make["sample"]("a")
    pattern = {"two_theta": np.array([10.0, 20.0]), "intensity": np.array([1.0, 3.0]), "wavelength": 1.5406}
    sample = replace(sample, fields={**sample.fields, "xrd": (pattern,), "text": (("Fired.",),) * 5}, annotations={})
    sample = replace(sample, provenance={})
    html = page(sample)
    assert html.count('<ol class="steps">') == 5
    assert "2 more" in html
    assert "1.5406 Å" in html
    assert "in three directions" in html
    assert "<svg" in html
    assert "<script" not in html
    assert page(sample) == html


@pytest.fixture
def small(tmp_path, make) -> Path:
    samples = [make["sample"](f"s{i}", f, i) for i, f in enumerate(("NaCl", "NaCl", "KCl"))]
    refused = [
        Refusal(source="recipes", key=str(i), code="target-variable", message=f"recipe {i}: x") for i in range(9)
    ]
    about = Description(
        name="small",
        build={"name": "small"},
        inputs={},
        counts={"recipes": Counts(read=12, accepted=3, refused={"target-variable": 9})},
        joined={"texts-alone": 0},
        refused=refused,
    )
    write(samples, tmp_path / "small", about)
    return tmp_path / "small"


def test_a_report_accounts_for_every_record(small):
    html = report(small)
    assert "12 read" in html
    assert "3 accepted" in html
    assert "9 refused (75.0 %)" in html
    assert html.count("recipe ") == 3
    assert "and 6 more" in html
    assert report(small) == html


def test_a_report_reads_no_refusals_that_were_changed(small):
    (small / REFUSALS).write_bytes(b"{}\n")
    with pytest.raises(ShardError, match="was changed"):
        report(small)


def test_ambiguity_counts_formulas(small):
    assert ambiguity(ShardSet(small).rows) == {
        "both": 2,
        "one to one": 1,
        "several structures": 1,
        "several protocols": 0,
        "most structures": 2,
        "most protocols": 1,
    }


def test_settings_are_flat():
    nested = {"a": {"b": 1}, "c": [{"d": 2}], "e": [1, 2], "f": {}}
    assert flattened(nested) == [("a.b", "1"), ("c[0].d", "2"), ("e", "[1, 2]"), ("f", "{}")]


def test_a_template_that_asks_for_nothing_known_fails():
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError):
        render("report.html")


def test_a_structure_that_was_put_beside_an_image_is_no_polymorph(make):
    own = make["sample"]("host")
    guest = make["sample"]("host-twin-0", groups={"formula": "NaCl", "material": "host", "fold": "0"})
    assert survey([own, guest]).guests == {"host-twin-0"}
