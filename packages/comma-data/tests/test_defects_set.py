"""The set of defect images: balanced classes, masks, the pristine host beside each, nothing in the grey levels."""

import re

import numpy as np
import pytest
from comma_data.config import Simulate
from comma_data.defect_set import defect_samples
from comma_data.errors import DataError, StructureError
from comma_data.hosts import choose_hosts, host_view
from comma_data.sample import Sample
from comma_data.simulate.defects.kinds import KINDS, PRISTINE
from comma_data.simulate.histogram import with_levels_of


def sample(identifier, numbers, fractions, cell, formula=None):
    cell = np.asarray(cell, dtype=float)
    structure = {
        "numbers": np.array(numbers),
        "positions": np.asarray(fractions, dtype=float) @ cell,
        "cell": cell,
        "periodic": np.ones(3, dtype=bool),
    }
    return Sample(
        id=identifier,
        fields={"structure": (structure,), "text": (("Fired at 900 °C.",),)},
        groups={"formula": formula or identifier, "material": identifier, "fold": "2"},
        provenance={"structure": ({"origin": "handbook"},)},
    )


def rock_salt(identifier, metal, anion, a):
    return sample(identifier, [metal, anion], [[0, 0, 0], [0.5] * 3], a / 2 * (np.ones((3, 3)) - np.eye(3)))


def caesium_chloride(identifier, one, other, a):
    return sample(identifier, [one, other], [[0, 0, 0], [0.5] * 3], a * np.eye(3))


def rutile(identifier, metal, a, c):
    sites = [[0, 0, 0], [0.5] * 3, [0.305, 0.305, 0], [0.695, 0.695, 0], [0.195, 0.805, 0.5], [0.805, 0.195, 0.5]]
    return sample(identifier, [metal] * 2 + [8] * 4, sites, np.diag([a, a, c]))


HOST = rutile("tio2", 22, 4.594, 2.959)
SETTINGS = Simulate(defects=2, sessions=3, image_size=64, seed=5)


@pytest.fixture(scope="module")
def made():
    return list(defect_samples(HOST, SETTINGS))


def test_every_class_is_equally_often_there(made):
    classes = [s.targets["defect"] for s in made]
    assert {kind: classes.count(kind) for kind in classes} == dict.fromkeys((PRISTINE, *KINDS), 2)
    assert len({s.id for s in made}) == len(made)
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", s.id) for s in made)


def test_a_sample_carries_the_pristine_host_its_groups_and_what_was_drawn(made):
    for one in made:
        assert one.fields["structure"][0] is HOST.fields["structure"][0]
        assert one.fields["composition"][0] == {"Ti": 2.0, "O": 4.0}
        assert "text" not in one.fields
        assert one.groups["fold"] == "2"
        assert one.groups["material"] == "tio2"
        assert one.groups["conditions"] in {"session-0", "session-1", "session-2"}
        known = one.provenance["image"][0]
        assert known["origin"] == "simulated"
        assert float(known["dose"]) > 0
        assert known["defect"] == one.targets["defect"]
        assert known["zone"] == "0 0 1"
    assert {k for s in made for k in s.provenance["image"][0]} >= {"defect_burgers", "defect_misorientation_deg"}


def test_images_are_of_16_bits_and_masks_mark_the_defect(made):
    for one in made:
        image, painted = one.fields["image"][0], one.annotations["image"][0]["mask"]
        assert image["pixels"].dtype == np.uint16
        assert image["pixels"].shape == painted.shape == (64, 64)
        assert 0.03 < image["nm_per_pixel"] < 0.06
        assert painted.dtype == np.uint8
        assert set(np.unique(painted)) <= {0, 1}
        assert painted.any() == (one.targets["defect"] != PRISTINE)
        assert painted.mean() < 0.5


def test_one_session_shares_specimen_probe_and_dose(made):
    for session in {s.groups["conditions"] for s in made}:
        known = [s.provenance["image"][0] for s in made if s.groups["conditions"] == session]
        for name in ("dose", "probe_fwhm_nm", "thickness_nm", "tilt_mrad"):
            assert len({k[name] for k in known}) == 1
        assert len({k["offset"] for k in known}) == len(known)


def test_the_set_repeats_and_depends_on_its_seed(made):
    again = next(iter(defect_samples(HOST, SETTINGS)))
    np.testing.assert_array_equal(again.fields["image"][0]["pixels"], made[0].fields["image"][0]["pixels"])
    other = next(iter(defect_samples(HOST, Simulate(defects=2, sessions=3, image_size=64, seed=6))))
    assert (other.fields["image"][0]["pixels"] != made[0].fields["image"][0]["pixels"]).mean() > 0.5


def test_levels_are_taken_over_and_the_order_stays():
    rng = np.random.default_rng(0)
    own, other = rng.integers(0, 60_000, (2, 32, 32)).astype(np.uint16)
    matched = with_levels_of(own, other)
    np.testing.assert_array_equal(np.sort(matched, axis=None), np.sort(other, axis=None))
    assert np.corrcoef(np.argsort(np.argsort(own.ravel())), np.argsort(np.argsort(matched.ravel())))[0, 1] > 0.999


def test_levels_of_a_class_are_those_of_pristine_images():
    """Two pristine micrographs under the conditions of a defect image: its levels are exactly one of theirs."""
    from comma_data import defect_set

    one = list(defect_samples(HOST, Simulate(defects=1, image_size=64)))[-1]
    seed = int(one.provenance["image"][0]["seed"])
    seen = host_view(HOST.fields["structure"][0])
    under = defect_set.during(
        defect_set.session(0, int(one.groups["conditions"].split("-")[1])), np.random.default_rng([seed, 0])
    )
    image, _, _ = defect_set._image(seen, PRISTINE, under, Simulate(image_size=64), seed)
    np.testing.assert_array_equal(
        np.sort(image["pixels"], axis=None), np.sort(one.fields["image"][0]["pixels"], axis=None)
    )


def test_without_matching_the_levels_are_the_images_own(made):
    own = list(defect_samples(HOST, SETTINGS.model_copy(update={"match_levels": False})))
    for one, matched in zip(own, made, strict=True):
        pixels, levelled = one.fields["image"][0]["pixels"], matched.fields["image"][0]["pixels"]
        assert (pixels != levelled).any()
        order = np.argsort(pixels, axis=None, kind="stable")
        assert (np.diff(levelled.ravel()[order].astype(int)) >= 0).all()


def test_a_host_without_a_zone_for_every_kind_is_refused():
    gold = sample("gold", [79], [[0, 0, 0]], 4.078 / 2 * (np.ones((3, 3)) - np.eye(3)))
    with pytest.raises(StructureError, match="antisite") as caught:
        next(defect_samples(gold, SETTINGS))
    assert caught.value.code == "no-zone"


CANDIDATES = [
    *(rock_salt(f"salt-{i}", 19 + i, 9, 5.0) for i in range(4)),
    *(caesium_chloride(f"chloride-{i}", 55, 17 + i, 4.1) for i in range(4)),
    *(rutile(f"rutile-{i}", 22 + i, 4.5, 3.0) for i in range(4)),
    sample("gold", [79], [[0, 0, 0]], 4.078 / 2 * (np.ones((3, 3)) - np.eye(3))),
    Sample(id="text-only", fields={"text": (("Fired.",),)}, groups={}),
]


def test_hosts_are_of_different_types_and_do_not_depend_on_the_order():
    chosen = choose_hosts(CANDIDATES, 5)
    assert [s.id for s in choose_hosts(CANDIDATES[::-1], 5)] == [s.id for s in chosen]
    kinds = [s.id.split("-")[0] for s in chosen]
    assert max(kinds.count(k) for k in kinds) == 2
    assert {"rutile", "salt"} <= set(kinds)
    assert not {"gold", "text"} & set(kinds)


def test_a_formula_is_a_host_once():
    same = [rutile(f"rutile-{i}", 22, 4.5 + 0.1 * i, 3.0) for i in range(3)]
    repeated = [Sample(id=s.id, fields=s.fields, groups={**s.groups, "formula": "TiO2"}) for s in same]
    assert len(choose_hosts(repeated, 1)) == 1
    with pytest.raises(DataError, match="1 of 2 hosts"):
        choose_hosts(repeated, 2)
