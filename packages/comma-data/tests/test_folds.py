"""What folds are made of, and that nothing stands on two sides whatever it is."""

import json

import numpy as np
import pytest
from comma_data.config import SplitBy
from comma_data.errors import ConfigError
from comma_data.folds import audits, chemical_system, prototype, regrouped
from comma_data.join import join
from comma_data.sample import RawImage, RawPattern, RawStructure, Record
from comma_data.sources import recipes
from comma_data.split import FOLDS, fold, group_of


@pytest.fixture
def samples(make):
    """Rock salts, a text alone, pictures of two frames and two scans of a specimen."""
    structure, text = make["structure_record"], make["text_record"]
    pixels = RawImage(pixels=np.zeros((4, 4), dtype=np.uint8), nm_per_pixel=None)
    pattern = RawPattern(two_theta=np.arange(3.0), intensity=np.ones(3), wavelength=1.54)

    def alone(key, modality, value, **groups):
        return Record(source="x", key=key, modality=modality, value=value, formula=None, groups=groups)

    images = [alone(f"i{n}", "image", pixels, image_frame=f"frame {n // 4}") for n in range(8)]
    scans = [alone(f"x{n}", "xrd", pattern, specimen="mixture") for n in range(2)]
    return join([structure("a"), structure("b"), text("t", "KCl"), *images, *scans]).samples


def placed(samples, **split):
    return regrouped(samples, SplitBy.model_validate(split))


def test_by_formula_frames_and_specimens_stay_together(samples):
    found = placed(samples)
    folds = {s.id: s.groups["fold"] for s in found}
    assert folds["a"] == folds["b"] == str(fold("NaCl"))
    assert folds["t"] == str(fold("KCl"))
    assert len({folds[f"i{n}"] for n in range(4)}) == 1
    assert folds["i0"] == str(fold("frame 0"))
    assert folds["x0"] == folds["x1"] == str(fold("mixture"))
    assert {s.id for s in found if "split" in s.groups} == {"x0", "x1", *(f"i{n}" for n in range(8))}
    assert all(int(s.groups["fold"]) == fold(group_of(s)) for s in found)
    assert all(audit["compared_image_frame"] == 2 for audit in audits(found, by="formula"))


def test_by_chemical_system(samples):
    assert chemical_system(next(s for s in samples if s.id == "a")) == "Cl-Na"
    found = {s.id: s for s in placed(samples, by="chemical_system")}
    assert found["a"].groups["split"] == "Cl-Na"
    assert int(found["a"].groups["fold"]) == fold("Cl-Na")
    assert found["i0"].groups["split"] == "frame 0"
    assert len(audits(tuple(found.values()), by="chemical_system")) == FOLDS


def test_by_prototype_a_lone_text_stays_with_its_formula(samples):
    assert prototype(next(s for s in samples if s.id == "a")) == "AB 225"
    found = {s.id: s for s in placed(samples, by="prototype", salt="other:")}
    assert int(found["a"].groups["fold"]) == fold("AB 225", "other:")
    assert group_of(found["t"]) == "KCl"
    audits(tuple(found.values()), by="prototype")


@pytest.fixture
def polymorphs(make):
    """NaCl twice as rock salt and once as CsCl, with a picture and a molecule of it, and a picture of KCl."""
    structure = make["structure_record"]
    other = RawStructure(
        numbers=np.array([11, 17]),
        positions=np.array([[0.0] * 3, [1.7] * 3]),
        cell=3.4 * np.eye(3),
        periodic=np.ones(3, dtype=bool),
    )
    molecule = make["rock_salt"]() | {"cell": np.zeros((3, 3)), "periodic": np.zeros(3, dtype=bool)}
    pixels = RawImage(pixels=np.zeros((4, 4), dtype=np.uint8), nm_per_pixel=None)
    images = [Record(source="x", key=f"i{f}", modality="image", value=pixels, formula=f) for f in ("NaCl", "KCl")]
    return [structure("b1"), structure("b2"), structure("a-cscl", value=other), structure("m", value=molecule), *images]


def test_by_prototype_what_is_no_crystal_stays_with_the_crystals_of_its_formula(polymorphs):
    found = {s.id: group_of(s) for s in placed(join(polymorphs).samples, by="prototype")}
    assert found == {
        "b1": "AB 225",
        "b2": "AB 225",
        "a-cscl": "AB 221",
        "m": "AB 225",
        "inacl": "AB 225",
        "ikcl": "KCl",
    }
    without = {s.id: group_of(s) for s in placed(join(polymorphs[1:]).samples, by="prototype")}
    assert without["inacl"] == without["m"] == "AB 221"  # one crystal each: the first by name


def test_by_prototype_a_recipe_without_doi_and_paragraph_leaves_training(polymorphs, tmp_path):
    known = {"material_string": "NaCl", "composition": [{"elements": {"Na": "1", "Cl": "1"}}]}
    fired = {"type": "HeatingOperation", "token": "fired"}
    recipe = {"doi": None, "target": known, "precursors": [{"material_formula": "Na2CO3"}], "operations": [fired]}
    (tmp_path / "mine.json").write_text(json.dumps([recipe]))
    samples = join([*polymorphs, *recipes.read(tmp_path / "mine.json")]).samples
    apart = placed(samples, by="prototype", salt="0")
    assert len({s.groups["fold"] for s in apart if "text" in s.fields}) > 1
    counts = audits(apart, by="prototype")
    assert any(audit["texts_removed_from_train"] for audit in counts)
    assert all(audit["compared_paragraph"] == 1 for audit in counts)


def test_by_the_users_groups(samples, tmp_path):
    table = tmp_path / "groups.csv"
    table.write_text("id,group\n" + "".join(f"{s.id},g{i % 3}\n" for i, s in enumerate(samples)))
    split = SplitBy(by="groups", table="groups.csv")
    found = regrouped([s for s in samples if "image" not in s.fields and "xrd" not in s.fields], split, root=tmp_path)
    assert {group_of(s) for s in found} <= {"g0", "g1", "g2"}
    table.write_text("id,group\na,g0\n")
    with pytest.raises(ConfigError, match=r"no group for \d+ of \d+ samples"):
        regrouped(samples, split, root=tmp_path)
    table.write_text("name,group\na,g0\n")
    with pytest.raises(ConfigError, match="columns id and group"):
        regrouped(samples, split, root=tmp_path)
    with pytest.raises(ConfigError, match="columns id and group"):
        regrouped(samples, split, root=tmp_path / "nowhere")


def test_white_space_in_a_table_of_groups_breaks_no_group_apart(samples, tmp_path):
    (tmp_path / "groups.csv").write_text(
        " id, group \n" + "".join(f" {s.id}{' ' * (i % 2)},{' ' * (i % 3)}melt 1 \n" for i, s in enumerate(samples))
    )
    found = regrouped(samples, SplitBy(by="groups", table="groups.csv"), root=tmp_path)
    assert {group_of(s) for s in found} == {"melt 1"}
    assert len({s.groups["fold"] for s in found}) == 1
