"""From a data set to hits: what is kept, what is refused, and that no condition loses a hit."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from comma_data.sample import Sample
from comma_data.split import fold
from comma_data.writer import Description, write
from comma_encoders import folder
from comma_encoders.model import AlignedModel
from comma_explorer.search import build as building
from comma_explorer.search import finish, gallery, quantised, window
from comma_explorer.search.ask import Finder
from comma_explorer.search.errors import DamagedIndexError, RefusedValuesError, SearchError
from comma_explorer.search.exact import brute_force
from comma_explorer.search.filters import Filter, matching, parse_ranges
from comma_explorer.search.index import Index
from comma_explorer.search.tables import entries_table, found_table
from hypothesis import given, settings
from hypothesis import strategies as st

ABOUT = Description(name="made", build={}, inputs={}, counts={}, joined={})
FORMULAS = (("NaCl", "Na Cl"), ("LiFeO2", "Li Fe O"), ("PbO", "Pb O"), ("Li2O", "Li O"), ("Fe2O3", "Fe O"))


def sample(number):
    """Every fifth has the same formula; every second shares its protocol with its neighbour."""
    formula, _ = FORMULAS[number % len(FORMULAS)]
    amounts = {"NaCl": {"Na": 1.0, "Cl": 1.0}, "LiFeO2": {"Li": 1.0, "Fe": 1.0, "O": 2.0}, "PbO": {"Pb": 1.0, "O": 1.0}}
    amounts |= {"Li2O": {"Li": 2.0, "O": 1.0}, "Fe2O3": {"Fe": 2.0, "O": 3.0}}
    return Sample(
        id=f"s-{number:03d}",
        fields={"composition": (amounts[formula],), "text": ((f"Heat at {100 * (number // 2)} °C.", "Cool."),)},
        groups={"formula": formula if number % 7 else f"?s-{number:03d}", "fold": str(fold(formula))},
        targets={"gap": number / 10} if number % 3 else {},
        provenance={
            "composition": ({"origin": "formula"},),
            "text": (
                {"origin": "text-mined" if number % 2 else "handbook", "source": "recipes", "doi": f"10.1/{number}"},
            ),
        },
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A data set of 50 samples, two models, and an index by one of them."""
    root = tmp_path_factory.mktemp("search")
    write((sample(number) for number in range(50)), root / "data", ABOUT)
    for seed, name in enumerate(("model", "other")):
        folder.save(AlignedModel.create("composition", "text", dim=16, seed=seed), root / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(window, "SIZE", 8)
        patch.setattr(quantised, "LARGE", 20)
        building.build(str(root / "data"), root / "index", model=str(root / "model"))
    return root


@pytest.fixture
def small(monkeypatch):
    """The same sizes as of the index in `place`."""
    monkeypatch.setattr(window, "SIZE", 8)
    monkeypatch.setattr(quantised, "LARGE", 20)


@pytest.fixture
def index(place):
    return Index.open(place / "index")


def build(place, out, **options):
    return building.build(str(place / "data"), out, **{"model": str(place / "model"), **options})


def contents(path):
    return {file.name: file.read_bytes() for file in sorted(path.iterdir())}


def test_a_value_of_many_entries_has_one_vector(index):
    told = index.manifest.modalities
    assert (told["composition"].values, told["composition"].found) == (len(FORMULAS), 50)
    assert (told["text"].values, told["text"].found) == (25, 50)
    (hit,) = index.shown(index.find(index.galleries["composition"].vectors[0], "composition", 1))
    assert [place.id for place in hit.places] == [f"s-{number:03d}" for number in range(0, 50, 5)]
    assert hit.cosine == pytest.approx(1)


def test_vectors_are_those_of_the_model(place, index):
    model = AlignedModel.from_pretrained(place / "model")
    texts = [tuple(steps) for steps in index.texts["steps"].to_pylist()]
    assert np.allclose(model.encode("text", texts, output="numpy"), index.galleries["text"].vectors, atol=1e-5)
    assert len(set(texts)) == len(texts)


def test_hits_tell_what_the_data_set_knows(place, index):
    (hit,) = index.shown(index.find(index.galleries["text"].vectors[2], "text", 1))
    assert hit.steps == ("Heat at 200 °C.", "Cool.")
    assert [p.id for p in hit.places] == ["s-004", "s-005"]
    assert [p.origin["doi"] for p in hit.places] == ["10.1/4", "10.1/5"]
    assert [dict(p.targets) for p in hit.places] == [{"gap": 0.4}, {"gap": 0.5}]
    assert index.sample(hit.places[0]).id == "s-004"


def test_an_index_is_opened_without_its_data(place, tmp_path):
    shutil.copytree(place / "index", tmp_path / "index")
    moved = Index.open(tmp_path / "index")
    manifest = moved.manifest.model_copy(
        update={"data": moved.manifest.data.model_copy(update={"place": str(tmp_path / "gone")})}
    )
    (tmp_path / "index" / "manifest.json").write_text(manifest.sealed().to_json())
    moved = Index.open(tmp_path / "index")
    (hit,) = moved.shown(moved.find(np.ones(16), "text", 1))
    with pytest.raises(Exception, match="gone"):
        moved.sample(hit.places[0])
    assert moved.sample(hit.places[0], place / "data").id == hit.places[0].id


class Killed(BaseException):
    """As sudden as a signal."""


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("windows", [1, 4])
def test_a_killed_build_goes_on_to_the_same_folder(place, tmp_path, monkeypatch, windows):
    def killing(what, done):
        if done >= 8 * windows:
            raise Killed

    with pytest.raises(Killed):
        build(place, tmp_path / "index", progress=killing)
    assert len(list((tmp_path / "index" / "work").glob("window-*.npz"))) == windows
    encoded = []
    honest = window.embedded
    monkeypatch.setattr(
        window, "embedded", lambda samples, *rest: encoded.append(len(samples)) or honest(samples, *rest)
    )
    build(place, tmp_path / "index")
    assert sum(encoded) == 50 - 8 * windows
    assert contents(tmp_path / "index") == contents(place / "index")


@pytest.mark.usefixtures("small")
def test_killed_while_the_files_are_written(place, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(finish, "_write_search", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            build(place, tmp_path / "index")
    with pytest.raises(SearchError, match="no finished index"):
        Index.open(tmp_path / "index")
    build(place, tmp_path / "index")
    assert contents(tmp_path / "index") == contents(place / "index")


@pytest.mark.usefixtures("small")
def test_what_stands_there_is_left_alone_or_refused(place, tmp_path):
    before = contents(place / "index")
    build(place, place / "index")
    assert contents(place / "index") == before
    with pytest.raises(SearchError, match="another index"):
        build(place, place / "index", model=str(place / "other"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("dear")
    with pytest.raises(SearchError, match=r"thesis\.tex"):
        build(place, tmp_path / "full")
    (tmp_path / "project" / "work").mkdir(parents=True)
    (tmp_path / "project" / "work" / "thesis.tex").write_text("dear")
    (tmp_path / "project" / "work" / "locksmiths.tex").write_text("dear")
    with pytest.raises(SearchError, match="holds work of something else"):
        build(place, tmp_path / "project")
    assert (tmp_path / "project" / "work" / "thesis.tex").read_text() == "dear"
    (tmp_path / "begun" / "work").mkdir(parents=True)
    (tmp_path / "begun" / "work" / "plan.json").write_text("{}")
    with pytest.raises(SearchError, match="beginning of another"):
        build(place, tmp_path / "begun")


@pytest.mark.usefixtures("small")
def test_what_another_index_differs_in_is_told(place, monkeypatch):
    with pytest.raises(SearchError, match=r"differs in the model \(sha256 \w{12}, now \w{12}\); remove it"):
        build(place, place / "index", model=str(place / "other"))
    monkeypatch.setattr("comma_explorer.__version__", "9.9.9")
    with pytest.raises(SearchError, match=r"differs in the version of comma-explorer \(\S+, now 9\.9\.9\); remove it"):
        build(place, place / "index")


@pytest.mark.usefixtures("small")
def test_what_a_user_puts_beside_the_windows_is_kept(place, tmp_path, monkeypatch):
    def put(*_):
        for name in ("thesis.tex", "locksmiths.tex", "window-000000.npz.bak"):
            (tmp_path / "index" / "work" / name).write_text("dear")

    monkeypatch.setattr(building, "_check_refused", put)
    build(place, tmp_path / "index")
    left = {path.name for path in (tmp_path / "index" / "work").iterdir()}
    assert left == {"thesis.tex", "locksmiths.tex", "window-000000.npz.bak"}


def test_values_that_cannot_be_embedded_are_counted_or_refused(tmp_path, place):
    bad = [replace(sample(n), fields={**sample(n).fields, "composition": ({"Na": -1.0 - n},)}) for n in range(2)]
    write([*bad, *(sample(n) for n in range(2, 50))], tmp_path / "data", ABOUT)
    model = str(place / "model")
    manifest = building.build(str(tmp_path / "data"), tmp_path / "index", model=model)
    assert manifest.modalities["composition"].refused == 2
    write(bad, tmp_path / "only", ABOUT)
    with pytest.raises(RefusedValuesError, match="2 of 2 composition"):
        building.build(str(tmp_path / "only"), tmp_path / "none", model=model)


def test_another_model_is_refused(place, index):
    index.check_model(str(place / "model"))
    with pytest.raises(SearchError, match="another"):
        index.check_model(str(place / "other"))


@pytest.mark.parametrize(
    "name", ["text.npy", "text.codes.npy", "found.parquet", "entries.parquet", "texts.parquet", "manifest.json"]
)
def test_a_changed_file_is_found(place, tmp_path, name):
    shutil.copytree(place / "index", tmp_path / "index")
    path = tmp_path / "index" / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(DamagedIndexError, match=name):
        Index.open(tmp_path / "index")
    path.unlink()
    with pytest.raises(SearchError):
        Index.open(tmp_path / "index")


@pytest.mark.parametrize(
    ("vectors", "modality", "n", "message"),
    [
        (np.ones(16), "structure", 1, "holds no structure"),
        (np.ones(15), "text", 1, "16 dimensions"),
        (np.zeros(16), "text", 1, "zero or not finite"),
        (np.full(16, np.nan), "text", 1, "zero or not finite"),
        (np.ones(16), "text", 0, "0 hits"),
    ],
)
def test_questions_that_cannot_be(index, vectors, modality, n, message):
    with pytest.raises(SearchError, match=message):
        index.find(vectors, modality, n)


elements = st.sets(st.sampled_from(["Li", "Fe", "O", "Pb", "Na", "Cl", "Zn"]), max_size=3)
filters = st.builds(
    lambda some, only, without, low, source: Filter(
        elements=some, only=only, without=without, ranges={} if low is None else {"gap": (low, low + 2)}, source=source
    ),
    elements,
    elements,
    elements,
    st.none() | st.floats(-1, 6),
    st.sampled_from([None, "handbook", "Text-Mined", "recipes"]),
)


def meets(where, values, place):
    """The conditions as the manual has them, for one place of a text."""
    formula = values.groups["formula"]
    known = set() if formula.startswith("?") else set(dict(FORMULAS)[formula].split())
    origin = values.provenance["text"][place]
    if (where.elements or where.only or where.without) and not known:
        return False
    return (
        set(where.elements) <= known
        and not known & set(where.without)
        and (not where.only or known <= set(where.only))
        and all(low <= values.targets.get(name, np.nan) <= high for name, (low, high) in where.ranges.items())
        and (where.source is None or where.source.casefold() in (origin["origin"].casefold(), origin["source"]))
    )


@settings(max_examples=60)
@given(where=filters, n=st.integers(1, 30), seed=st.integers(0, 99), few=st.sampled_from([0, 10**6]))
def test_no_condition_loses_a_hit(place, where, n, seed, few):
    """Against a check of every sample in plain Python, by the plain product and by the codes."""
    index = Index.open(place / "index", verify=False)
    samples = [sample(number) for number in range(50)]
    good = {values.id for values in samples if meets(where, values, 0)}
    query = np.random.default_rng(seed).standard_normal(16).astype(np.float32)
    query /= np.linalg.norm(query)
    allowed = np.array([any(f"s-{number:03d}" in good for number in (2 * row, 2 * row + 1)) for row in range(25)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gallery, "FEW", few)
        hits = index.find(query, "text", n, where=where)
    rows, _ = brute_force(index.galleries["text"].vectors, query, n, allowed)
    assert hits.rows[0].tolist() == rows.tolist()
    assert all({p.id for p in hit.places} <= good and hit.places for hit in index.shown(hits))


def test_a_source_that_one_modality_lacks_leaves_that_one_empty(index):
    found = {
        name: index.shown(index.find(np.ones(16), name, 3, Filter(source="handbook"))) for name in index.modalities
    }
    assert found["composition"] == ()
    assert {place.origin["origin"] for hit in found["text"] for place in hit.places} == {"handbook"}


def test_a_target_has_one_range():
    assert parse_ranges(["g=1:2", "h=:3"]) == {"g": (1.0, 2.0), "h": (-np.inf, 3.0)}
    with pytest.raises(SearchError, match="g has two ranges, of which 'g=3:4' is the second"):
        parse_ranges(["g=1:2", "g=3:4"])


@pytest.mark.usefixtures("small")
def test_a_run_stands_for_the_model_in_it(place, tmp_path):
    (tmp_path / "demo").mkdir()
    shutil.copytree(place / "model", tmp_path / "demo" / "model")
    manifest = build(place, tmp_path / "index", model=str(tmp_path / "demo"))
    assert manifest.model.title == "demo"
    assert Finder.open(tmp_path / "index", model=str(tmp_path / "demo")).index.manifest == manifest


def test_unknown_targets_and_sources_are_named(index):
    for where, message in (
        (Filter(ranges={"gpa": (0.0, 1.0)}), "did you mean 'gap'"),
        (Filter(source="hanbook"), "did you mean 'handbook'"),
    ):
        with pytest.raises(SearchError, match=message):
            index.find(np.ones(16), "text", 1, where)
    for wrong in (
        {"elements": ["Fr", "fe"]},
        {"ranges": {"gap": (2.0, 1.0)}},
        {"ranges": {"gap": (float("nan"), 1.0)}},
    ):
        with pytest.raises(SearchError):
            Filter(**wrong)


def test_ranges_are_read_as_they_are_written():
    assert parse_ranges(["a=1:2", "b=:3", "c=-1e-3:"]) == {"a": (1, 2), "b": (-np.inf, 3), "c": (-0.001, np.inf)}
    for wrong in ("a", "a=1", "=1:2", "a=x:2", "a=1:2:3"):
        with pytest.raises(SearchError, match="LOWEST"):
            parse_ranges([wrong])


def test_tables_without_rows_or_targets():
    entries = entries_table([])
    assert entries.column_names == ["id", "formula", "elements"]
    assert len(matching(Filter(elements=["O"]), entries, found_table([]))) == 0
    assert isinstance(found_table([]), pa.Table)


def test_the_manifest_names_every_file(place, index):
    written = {path.name for path in (place / "index").iterdir()} - {"manifest.json"}
    assert written == set(index.manifest.files)
    assert json.loads((place / "index" / "manifest.json").read_text())["model"]["modalities"] == ["composition", "text"]
