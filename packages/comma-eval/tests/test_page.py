"""The page: it says what the report says, alone, to everyone, and runs nothing that it was given."""

import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
from comma_eval.metrics import Interval
from comma_eval.page.bars import bars
from comma_eval.page.confusion import confusion_grids, confusions
from comma_eval.page.content import Map, Outcome, Page
from comma_eval.page.curves import curves
from comma_eval.page.forest import forest, gain
from comma_eval.page.maps import picture
from comma_eval.page.page import of_report, render, under_test
from comma_eval.page.parity import parities
from comma_eval.page.rows import counted, questions
from comma_eval.report import Grid, belongs, markdown_of, numeric
from comma_eval.task import Item, Report, Row

PAYLOADS = (
    "<script>window.__pwned=1</script>",
    "</svg></script></style><script>window.__pwned=1</script>",
    "--></title><img src=x onerror=window.__pwned=1>",
    "_]]>' autofocus onfocus='window.__pwned=1",
    '"><img src=x onerror=window.__pwned=1>',
    "$\\frac{1}{0}$ \x00\x1b\u202e{{ 7 * 7 }}{% raw %}",
)


def row(metric, value, low=None, high=None, **labels):
    return Row(labels=labels, metric=metric, value=value, low=low, high=high, n=7)


def item(metric, value, name, model="mine", **labels):
    return Item(labels={**labels, "model": model}, item=name, group=name, metric=metric, value=value)


def interval(value):
    return Interval(value=value, low=value - 0.1, high=value + 0.1, n=50)


def everything(text):
    """A page on which every text is this one, and every kind of figure is drawn."""
    rows = [row("R@1", 0.5, 0.4, 0.6, direction=text, model=name) for name in (text, "chance")]
    rows += [row("R@1", 0.1, 0.0, 0.2, direction=text, model=text, against="chance")]
    rows += [row("MAE", 1 / n, 0.9 / n, 1.1 / n, target=text, labels=str(n), model=text) for n in (10, 100, 1000)]
    rows += [row(text, 0.75, host=text, model=text, truth=text)]
    items = [
        item(metric, 1.0 * i, f"{text}{i}", model=text, target=text)
        for i in range(3)
        for metric in ("truth", "prediction")
    ]
    outcome = Outcome(
        name=text, question=text, metric="R@1", model=text, against=text, value=interval(0.5), other=interval(0.4),
        difference=interval(0.1), gain=interval(0.25), aim=0.2, verdict="undecided",
    )  # fmt: skip
    vectors = {text: np.eye(4)}
    return Page(
        title=text,
        lead=text,
        report=Report(task=text, rows=tuple(rows), facts={text: text}, items=tuple(items)),
        outcomes=(outcome,),
        models=Grid(title=text, header=("model", text), lines=((text, text),)),
        maps=(Map(model=text, vectors=vectors, colours={text: np.arange(4.0)}, colour=text),),
        made={text: text},
        config=text,
    )


class Skeleton(HTMLParser):
    """Tags and names of attributes, without what stands in them; inside of figures only which kinds there are."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.drawn, self.links, self.inside = [], set(), [], False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        names = tuple(name for name, _ in attrs)
        self.inside = self.inside or tag == "svg"
        if self.inside:  # how many ticks an axis has depends on how long the names are
            self.drawn |= {tag, *names}
        else:
            self.tags.append((tag, names))
        self.links += [value for name, value in attrs if name in {"src", "href", "xlink:href", "action"}]

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "svg"


@pytest.fixture(scope="module")
def benign():
    return render(everything("benign"))


@pytest.fixture(scope="module")
def planted():
    return {payload: render(everything(payload)) for payload in PAYLOADS}


def test_no_text_becomes_an_element(benign, planted):
    honest = Skeleton(benign)
    for payload, html in planted.items():
        found = Skeleton(html)
        assert found.tags == honest.tags, payload
        assert found.drawn == honest.drawn, payload
    assert not any(name.startswith("on") for name in honest.drawn)


def test_the_detector_sees_a_page_that_was_not_escaped(benign):
    assert ("script", ()) in Skeleton(benign.replace("benign", PAYLOADS[0])).tags


@pytest.mark.slow
def test_real_chromium_runs_nothing_asks_for_nothing_and_does_not_scroll_sideways(tmp_path, benign, planted):
    """The page's own policy is taken out, so that the escaping alone has to hold."""
    playwright = pytest.importorskip("playwright.sync_api")
    if shutil.which("chromium") is None:
        pytest.skip("no chromium on this machine")
    pages = [*planted.values(), benign.replace("benign", PAYLOADS[4])]
    outcomes = []
    with playwright.sync_playwright() as session:
        browser = session.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        shown = browser.new_page(viewport={"width": 390, "height": 800})
        asked = []
        shown.on("request", lambda request: asked.append(request.url))
        for number, html in enumerate(pages):
            path = tmp_path / f"{number}.html"
            path.write_text(re.sub(r"<meta http-equiv.*?>", "", html), encoding="utf-8")
            asked.clear()
            shown.goto(path.as_uri())
            wide = shown.evaluate("document.documentElement.scrollWidth > 390")
            outcomes.append(
                (shown.evaluate("window.__pwned !== undefined"), [u for u in asked if u != path.as_uri()], wide)
            )
        browser.close()
    assert outcomes[:-1] == [(False, [], False)] * len(PAYLOADS)
    assert outcomes[-1][0], "the detector does not see a page that runs"


def test_it_needs_nothing_else(benign):
    assert "default-src 'none'" in benign
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in Skeleton(benign).links)
    assert "url(http" not in benign
    assert "@import" not in benign


def test_ids_stand_once_and_every_reference_finds_one(benign):
    page = render(everything("one figure beside another"))
    ids, used = re.findall(r' id="([^"]+)"', page), re.findall(r"(?:url\(#|href=\"#)([^)\"]+)", page)
    assert len(ids) == len(set(ids))
    assert set(used) <= set(ids)


def test_every_figure_says_in_words_what_it_shows(benign):
    labels = re.findall(r'<svg class="figure"[^>]* role="img" aria-label="([^"]+)"><title>([^<]+)</title>', benign)
    assert len(labels) == benign.count("<svg ") == 6  # forest, bars, curve, parity, confusion, map
    assert any("0.500 (0.400 to 0.600)" in words for words, _ in labels)


def test_colours_follow_the_page(benign):
    drawn = benign[benign.index("<svg ") :]
    assert "#0a0b" not in drawn
    assert "#0a0c" not in drawn
    assert "var(--accent)" in drawn


def test_the_same_content_gives_the_same_bytes(benign):
    assert render(everything("benign")) == benign


def test_a_report_alone_makes_a_page():
    rows = (row("R@1", 0.25, 0.2, 0.3, direction="a -> b", model="mine"), row("pool", 8.0, direction="a -> b"))
    page = render(of_report(Report(task="synthesis", rows=rows)))
    assert "Evaluation: synthesis" in page
    assert "0.250 (0.200 to 0.300)" in page
    assert "What was to be shown" not in page


def test_a_report_without_figures_is_a_page_too():
    assert "Tables" in render(of_report(Report(task="empty", rows=())))


def test_bars_stand_for_the_first_metric_that_says_most():
    found = questions([row("MRR", 0.4, model="a", view="x"), row("R@1", 0.3, model="a", view="x")])
    made = bars(found[0], frozenset({"a"}))
    assert made is not None
    assert made.heading == "R@1: view x"
    assert bars(questions([row("MRR", 0.4, model="a")])[0], frozenset()) is None


@pytest.mark.parametrize(
    ("answer", "is_its"),
    [("m", True), ("m: image", True), ("m + ridge", True), ("m, imputed", True), ("m2", False), ("raw + m", False)],
)
def test_an_answer_belongs_to_the_model_whose_name_it_begins_with(answer, is_its):
    assert belongs(answer, "m") is is_its


def test_every_answer_of_a_model_under_test_is_drawn_as_one():
    rows = [row("R@1", 0.5, model=name) for name in ("m", "m + ridge", "raw + ridge", "chance")]
    rows += [row("R@1", 0.2, model="m", against="chance")]
    assert under_test(rows) == {"m", "m + ridge"}


def test_curves_need_a_label_that_counts():
    rows = [row("MAE", 1 / n, model=m, labels=str(n), target="gap", view="x") for n in (10, 300) for m in ("a", "b")]
    assert counted(rows) == ["labels"]
    (made,) = curves(rows, "labels")
    assert made.heading == "MAE along labels: gap, view x"
    assert counted([row("MAE", 1.0, model="a", fold="0")]) == []
    assert counted([row("R@1", 1.0, model="a", view=view) for view in ("1", "many")]) == []


def test_confusions_are_drawn_told_and_given_as_a_table():
    labels = {"model": "mine", "host": "SrTiO3"}
    rows = [row(said, share, **labels, truth="u") for said, share in (("u", 0.6), ("v", 0.4))]
    rows += [row("v", 1.0, **labels, truth="v")]
    (made,), (table,) = confusions(rows), confusion_grids(rows)
    assert "u: u 60%, v 40%" in made.svg
    assert table.lines == (("u", "60", "40"), ("v", "0", "100"))
    assert counted(rows) == []
    assert questions(rows) == []


def test_parity_takes_pairs_of_what_is_under_test():
    items = [item(m, 1.0, "a", model=who) for m in ("truth", "prediction") for who in ("mine", "line")]
    items += [item("truth", 1.0, "alone"), item("R@1", 1.0, "a")]
    (made,) = parities(items, frozenset({"mine"}))
    assert "1 samples" in made.note
    assert len(parities(items, frozenset())) == 2


@pytest.mark.parametrize("count", [1, 2, 40])
@pytest.mark.parametrize("known", [True, False])
def test_maps_of_few_vectors_and_of_unknown_colours(count, known):
    rng = np.random.default_rng(0)
    colours = np.full(count, 1.0 if known else np.nan)
    found = Map(model="m", vectors={"text": rng.normal(size=(count, 5))}, colours={"text": colours}, colour="gap")
    assert f"{count} of text" in picture(found).note


def test_gains_are_told_with_their_aim():
    base = {"name": "x", "question": "q", "metric": "R@1", "model": "a", "against": "b", "value": interval(0.5)}
    base |= {"other": interval(0.4), "difference": interval(0.1), "verdict": "holds"}
    assert gain(Outcome(**base, gain=interval(0.25), aim=0.2)) == "+25.0% (+15.0% to +35.0%), aim 20%"
    assert "b is at 0; aim: any gain" in gain(Outcome(**base, gain=None, aim=0.0))


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        ((0.15, np.inf), "+25.0% (from +15.0%, no upper end, since b is at 0 in some resamples), aim 20%"),
        ((-np.inf, 0.35), "+25.0% (to +35.0%, no lower end, since b is at 0 in some resamples), aim 20%"),
    ],
)
def test_a_gain_without_an_end_says_so_and_is_drawn_as_an_arrow(ends, told):
    base = {"name": "x", "question": "q", "metric": "R@1", "model": "a", "against": "b", "value": interval(0.5)}
    base |= {"other": interval(0.4), "difference": interval(0.1), "verdict": "holds", "aim": 0.2}
    found = Outcome(**base, gain=Interval(value=0.25, low=ends[0], high=ends[1], n=50))
    assert gain(found) == told
    made = forest([found, Outcome(**base, gain=interval(0.25))])
    assert made.note.endswith("Arrows: no end, since the line is at 0 in some resamples.")
    assert "nan" not in made.svg
    assert "Arrows" not in forest([Outcome(**base, gain=interval(0.25))]).note


def test_tables_in_markdown_cannot_be_broken_by_a_name():
    grid = Grid(title="t", header=("model", "R@1"), lines=(("a|b\n<b>", "0.5"), ("c", "")))
    assert "| a\\|b &lt;b> | 0.5 |" in markdown_of(grid)
    assert numeric(grid) == (False, True)
