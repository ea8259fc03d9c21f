"""The map: what is on it, what is said of a point, and that the page needs nothing else."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from comma_data.command import run
from comma_data.writer import Description, write
from comma_encoders import folder as models
from comma_encoders.model import AlignedModel
from comma_explorer.atlas.cli import app
from comma_explorer.atlas.collect import NEAR, collect, flat
from comma_explorer.atlas.page import dataset, embedded, page, structure
from comma_explorer.search import build as building
from comma_explorer.search.errors import SearchError
from comma_explorer.search.index import Index
from comma_explorer.search.manifest import Model
from hostile import hostile_data, payloads, samples


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("atlas")
    hostile_data(root / "data", 34)
    models.save(AlignedModel.create("structure", "text", dim=16), root / "model")
    building.build(str(root / "data"), root / "index", model=str(root / "model"))
    return root


@pytest.fixture(scope="module")
def atlas(place):
    return collect(place / "index")


def test_every_structure_is_a_point_with_its_protocol(atlas):
    assert len(atlas.points) == len(atlas.places) == 34
    for point in atlas.points:
        number = int(point.id.removeprefix("s-"))
        assert atlas.texts[point.text][1] == f"Heat at {number} °C."
        assert point.structure["positions"][1, 2] == pytest.approx(2.8 + number / 1000)


def test_neighbours_are_those_of_the_index_without_the_point_itself(place, atlas):
    index = Index.open(place / "index")
    vectors = np.asarray(index.galleries["structure"].vectors)
    for number, point in enumerate(atlas.points[:5]):
        for modality in ("structure", "text"):
            hits = index.shown(index.find(vectors[number], modality, NEAR + 1, exact=True))
            wanted = [hit.cosine for hit in hits if hit.places[0].id != point.id][:NEAR]
            near = point.near[modality]
            assert point.id not in {one.id for one in near}
            assert [one.cosine for one in near] == pytest.approx(wanted, abs=2e-3)


def test_a_neighbour_leads_to_its_own_point_and_text(atlas):
    for point in atlas.points:
        assert all(atlas.points[near.point].id == near.id for near in point.near["structure"])
        for near in point.near["text"]:
            assert atlas.texts[near.text][1] == f"Heat at {int(near.id.removeprefix('s-'))} °C."


def test_a_protocol_that_polymorphs_share_is_near_neither(tmp_path):
    made = list(samples(payloads(8)))
    made[5].fields["text"] = made[2].fields["text"]  # found in both entries, first in that of the other
    made[6].fields["structure"] = made[1].fields["structure"]
    write(made, tmp_path / "data", Description(name="few", build={}, inputs={}, counts={}, joined={}))
    models.save(AlignedModel.create("structure", "text", dim=16), tmp_path / "model")
    building.build(str(tmp_path / "data"), tmp_path / "index", model=str(tmp_path / "model"))
    points = {point.id: point for point in collect(tmp_path / "index").points}
    assert set(points) == {f"s-{number:03d}" for number in range(8) if number != 6}
    assert points["s-005"].text == points["s-002"].text
    for name in ("s-002", "s-005"):
        assert points[name].text not in {near.text for near in points[name].near["text"]}
    whole = collect(tmp_path / "index").texts
    near = {whole[near.text][1] for near in points["s-001"].near["text"]}
    assert near.isdisjoint({"Heat at 1 °C.", "Heat at 6 °C."})  # of the same crystal


def test_a_material_of_many_protocols_is_near_those_of_others(tmp_path):
    made = list(samples(payloads(30)))
    own = tuple(f"Heat salt at {number} °C for long." for number in range(20))
    made[0].fields["text"] = own
    write(made, tmp_path / "data", Description(name="many", build={}, inputs={}, counts={}, joined={}))
    models.save(AlignedModel.create("structure", "text", dim=16), tmp_path / "model")
    building.build(str(tmp_path / "data"), tmp_path / "index", model=str(tmp_path / "model"))
    found = collect(tmp_path / "index")
    for point in found.points:
        told = [found.texts[near.text][1] for near in point.near["text"]]
        assert len(told) == NEAR
        assert point.id != "s-000" or set(told).isdisjoint(own)


def test_protocols_of_the_same_formula_are_those_of_no_other_material(tmp_path):
    """Entries of one formula that share no protocol: polymorphs, or two sources."""
    made = list(samples(payloads(12)))
    made[4] = replace(made[4], groups=made[3].groups)
    made[5] = replace(made[5], groups={**made[5].groups, "formula": "?s-005"})  # nobody knows that of these
    made[6] = replace(made[6], groups={**made[6].groups, "formula": "?s-006"})
    made[3].fields["text"] = (*made[3].fields["text"], ("Heat at 1003 °C.", "x"))
    write(made, tmp_path / "data", Description(name="few", build={}, inputs={}, counts={}, joined={}))
    models.save(AlignedModel.create("structure", "text", dim=16), tmp_path / "model")
    building.build(str(tmp_path / "data"), tmp_path / "index", model=str(tmp_path / "model"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("comma_explorer.atlas.collect.NEAR", 20)
        found = collect(tmp_path / "index")
    near = {point.id: {one.id for one in point.near["text"]} for point in found.points}
    every = {point.id for point in found.points}
    assert near["s-003"] == near["s-004"] == every - {"s-003", "s-004"}
    assert near["s-005"] == every - {"s-005"}
    assert {one.id for one in found.points[3].near["structure"]} >= {"s-004"}
    assert [point.protocols for point in found.points[2:5]] == [1, 2, 1]
    assert "Protocol: the first of ${point.protocols}" in page(found)


def test_a_page_for_others_does_not_say_where_the_model_lies(atlas, place):
    assert str(place) not in page(atlas)
    told = Model(name="/data/me/runs/demo/model", sha256="", dim=1, modalities=())
    names = ("/data/me/runs/demo/model", "/data/me/mine", "comma-small", "me/model")
    assert [told.model_copy(update={"name": name}).title for name in names] == [
        "demo",
        "mine",
        "comma-small",
        "me/model",
    ]


@pytest.mark.parametrize("count", [2, 5, 40])
def test_equal_vectors_lie_at_one_place(count):
    assert flat(np.full((count, 8), 0.125, dtype=np.float32), 0).tolist() == [[0.0, 0.0]] * count
    nearly = np.full((count, 8), 0.125, dtype=np.float32)
    nearly[0, 0] = np.nextafter(np.float32(0.125), np.float32(1))
    assert np.isfinite(flat(nearly, 0)).all()


def test_few_are_drawn_by_a_hash_and_the_same_each_time(place):
    few, again = (collect(place / "index", most=7) for _ in range(2))
    assert len(few.points) == 7
    assert [p.id for p in few.points] == [p.id for p in again.points]
    np.testing.assert_array_equal(few.places, again.places)
    assert all(near.point < 7 for point in few.points for near in point.near["structure"])


@pytest.mark.parametrize("count", [2, 3, 4, 40])
def test_any_number_of_points_has_places(count):
    vectors = np.random.default_rng(0).normal(size=(count, 8)).astype(np.float32)
    places = flat(vectors, 0)
    assert places.shape == (count, 2)
    assert np.isfinite(places).all()


def test_like_vectors_lie_together():
    rng = np.random.default_rng(0)
    middles = rng.normal(size=(3, 16))
    vectors = np.repeat(middles, 30, axis=0) + 0.05 * rng.normal(size=(90, 16))
    places, groups = flat(vectors.astype(np.float32), 0), np.repeat(np.arange(3), 30)
    distance = np.linalg.norm(places[:, None] - places[None], axis=2) + 1e9 * np.eye(90)
    assert (groups[distance.argmin(axis=1)] == groups).all()


def test_what_is_not_known_is_null(atlas):
    assert {"map 1", "map 2", "elements", "sites", "gap"} == set(dataset(atlas)["properties"])
    assert dataset(atlas)["properties"]["gap"]["values"][3] == pytest.approx(0.3)


def test_a_molecule_has_no_cell():
    raw = {"numbers": np.array([8, 1]), "positions": np.eye(3)[:2], "cell": np.zeros((3, 3)), "periodic": np.zeros(3)}
    told = structure(raw)
    assert told["names"] == ["O", "H"]
    assert "cell" not in told


def test_json_cannot_end_its_element():
    text = "</script><!-- & <script>"
    assert not re.search(r"[<>&]", embedded({"a": text}))
    assert json.loads(embedded({"a": text})) == {"a": text}


@pytest.mark.parametrize("options", [["--colour", "mass"], ["--index", "nowhere"], ["--data", "nowhere"]])
def test_mistakes_end_with_2_and_a_remedy(place, tmp_path, options, capsys):
    given = ["--index", str(place / "index"), "--out", str(tmp_path / "a.html"), *options]
    with pytest.raises(SystemExit) as ended:
        run(lambda: app(given))
    assert ended.value.code == 2
    assert options[1] in capsys.readouterr().err
    assert not (tmp_path / "a.html").exists()


def test_a_single_structure_is_no_map(place):
    with pytest.raises(SearchError, match="a map needs two"):
        collect(place / "index", most=1)


@pytest.mark.slow
def test_in_a_real_browser_the_map_is_drawn_and_hostile_texts_stay_texts(atlas, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api")
    if shutil.which("chromium") is None:
        pytest.skip("no chromium on this machine")
    (tmp_path / "a.html").write_text(page(atlas), encoding="utf-8")
    with playwright.sync_playwright() as session:
        browser = session.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab, outside, wrong = browser.new_page(viewport={"width": 390, "height": 844}), [], []
        tab.on(
            "request", lambda r: outside.append(r.url) if not r.url.startswith(("file:", "data:", "blob:")) else None
        )
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.goto((tmp_path / "a.html").as_uri())
        tab.wait_for_function("document.documentElement.dataset.ready", timeout=60_000)
        assert tab.text_content("#about h2") == atlas.points[0].formula
        near = atlas.points[0].near["structure"][0]
        tab.click("#about button")
        tab.wait_for_function(f"document.querySelector('#about code').textContent === {json.dumps(near.id)}")
        assert tab.evaluate("window.__pwned") is None
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390
        browser.close()
    assert (outside, wrong) == ([], [])
