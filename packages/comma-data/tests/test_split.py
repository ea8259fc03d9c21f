import hashlib
from dataclasses import replace
from itertools import pairwise

import pytest
from comma_data.errors import ConfigError, LeakError
from comma_data.split import (
    SALT,
    Removed,
    Split,
    audit,
    first_labels,
    fold,
    group_hash,
    origins,
    without_leaks,
)
from hypothesis import given
from hypothesis import strategies as st


@given(st.text())
def test_a_fold_is_a_function_of_salt_and_formula(formula):
    assert fold(formula) == fold(formula)
    assert 0 <= fold(formula) < 5


def test_the_folds_are_pinned_even_and_of_our_own_salt():
    assert SALT == "comma-materials/2026:"
    assert [fold(f) for f in ("BaTiO3", "NaCl", "SiC")] == [
        int(hashlib.sha256(b"comma-materials/2026:" + f).hexdigest(), 16) % 5 for f in (b"BaTiO3", b"NaCl", b"SiC")
    ]
    sizes = [sum(fold(f"F{i}") == k for i in range(5000)) for k in range(5)]
    assert min(sizes) > 900
    assert any(fold(f"F{i}", "other:") != fold(f"F{i}") for i in range(20))


@pytest.mark.parametrize("k", range(5))
def test_test_validation_and_train_are_all_and_apart(k):
    folds = {f"s{i}": i % 5 for i in range(25)}
    ids = Split(test_fold=k).ids(folds)
    assert {folds[i] for i in ids["test"]} == {k}
    assert {folds[i] for i in ids["validation"]} == {(k + 1) % 5}
    assert sorted(i for part in ids.values() for i in part) == sorted(folds)


@pytest.mark.parametrize("k", [-1, 5, 1.5, "a"])
def test_a_fold_that_is_none_is_refused(k):
    with pytest.raises(ConfigError, match="0 to 4"):
        Split(test_fold=k)


def texts(make, identifier, *known, formula="NaCl"):
    return make["sample"](
        identifier,
        formula=formula,
        fields={"text": tuple((f"step {i}",) for i in range(len(known)))},
        annotations={"text": tuple(make["barium_titanate"]() for _ in known)},
        provenance={"text": tuple({"doi": d, "paragraph": p} for d, p in known)},
    )


def test_training_texts_known_elsewhere_are_removed_and_counted(make):
    held = origins([texts(make, "t", ("10/1", "p1"), ("10/2", "p2"), formula="KCl")])
    assert held == {group_hash(name) for name in ("10/1", "10/2", "p1", "p2")}
    sample = texts(make, "a", ("10/1", "p1"), ("10/9", "p2"), ("10/9", "p9"), ("10/2", ""))
    cleaned, removed = without_leaks(sample, held)
    assert removed == Removed(doi=2, paragraph=1)
    assert removed.total == 3
    assert cleaned.fields["text"] == (("step 2",),)
    assert len(cleaned.annotations["text"]) == len(cleaned.provenance["text"]) == 1
    assert without_leaks(cleaned, held) == (cleaned, Removed())


def test_a_sample_whose_texts_all_leak_keeps_its_other_values(make):
    sample = make["sample"]("a")
    cleaned, removed = without_leaks(sample, origins([sample]))
    assert removed.total == 1
    assert "text" not in cleaned.fields
    assert cleaned.fields["structure"] == sample.fields["structure"]


def test_an_empty_paragraph_is_nobodys(make):
    held = origins([texts(make, "t", ("", ""))])
    assert held == frozenset()


def test_counts_add():
    assert sum([Removed(doi=1), Removed(paragraph=2)], Removed()) == Removed(doi=1, paragraph=2)


def test_the_audit_counts_what_it_compared(make):
    parts = {"train": [texts(make, "a", ("10/1", "p1"))], "test": [texts(make, "b", ("10/2", "p2"), formula="KCl")]}
    assert audit(parts) == {"formula": 2, "image_frame": 0, "specimen": 0, "doi": 2, "paragraph": 2}


@pytest.mark.parametrize(
    ("planted", "message"),
    [
        ({"known": ("10/9", "p9"), "formula": "NaCl"}, "formula 'NaCl'"),
        ({"known": ("10/1", "p9"), "formula": "KCl"}, "doi '10/1'"),
        ({"known": ("10/9", "p1"), "formula": "KCl"}, "paragraph 'p1'"),
    ],
)
def test_the_audit_finds_every_planted_leak(make, planted, message):
    innocent = texts(make, "c", ("10/3", "p3"), formula="MgO")
    parts = {
        "train": [texts(make, "a", ("10/1", "p1"))],
        "validation": [innocent],
        "test": [texts(make, "b", planted["known"], formula=planted["formula"])],
    }
    with pytest.raises(LeakError, match=message) as error:
        audit(parts)
    assert "sample a" in str(error.value)
    assert "sample b" in str(error.value)


@pytest.mark.parametrize(
    ("groups", "known", "advised"),
    [
        ({}, ("10/1", "p9"), {"without_leaks"}),
        ({}, ("10/9", "p1"), {"without_leaks"}),
        ({"image_frame": "IMG"}, ("10/9", "p9"), {"micrographs.frames = 'file'", "a split by groups"}),
        ({"specimen": "s"}, ("10/9", "p9"), {"a split by groups"}),
        ({"formula": "NaCl"}, ("10/9", "p9"), {"a split by groups"}),
    ],
)
def test_a_leak_is_answered_with_what_helps_against_its_kind(make, groups, known, advised):
    def planted(identifier, formula, text):
        sample = texts(make, identifier, text)
        return replace(sample, groups={"fold": "0", "formula": formula, **groups})

    with pytest.raises(LeakError) as error:
        audit({"train": [planted("a", "NaCl", ("10/1", "p1"))], "test": [planted("b", "KCl", known)]})
    every = ("without_leaks", "micrographs.frames = 'file'", "a split by groups")
    assert {advice for advice in every if advice in str(error.value)} == advised


@given(order=st.permutations(range(12)), few=st.integers(1, 12), more=st.integers(1, 12))
def test_a_budget_of_labels_is_nested_and_asks_for_no_order(make, order, few, more):
    samples = [make["sample"](f"s-{i}", groups={"formula": f"A{i // 3}", "material": f"s-{i}"}) for i in range(12)]
    few, more = sorted((few, more))
    chosen = [sample.id for sample in first_labels([samples[i] for i in order], more)]
    assert chosen == [sample.id for sample in first_labels(samples, more)]
    assert chosen[:few] == [sample.id for sample in first_labels(samples, few)]
    formulas = [int(name.removeprefix("s-")) // 3 for name in chosen]
    assert sum(a != b for a, b in pairwise(formulas)) == len(set(formulas)) - 1


def test_more_labels_than_there_are_is_refused(make):
    with pytest.raises(ConfigError, match="2 labels are asked for; there are 1"):
        first_labels([make["sample"]("a")], 2)
    assert len(first_labels([make["sample"]("a")], 0)) == 1
