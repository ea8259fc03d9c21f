import io
import tarfile
from collections import Counter

import pytest
from comma_data.annotated import told
from comma_data.brat import read_annotation
from comma_data.curate import curate
from comma_data.doi import is_doi, plain_doi
from comma_data.errors import DataError
from comma_data.join import join
from comma_data.names import names_target
from comma_data.protocol import VIEWS, Operation, Protocol, plain_steps, steps
from comma_data.sample import Record, Refusal
from comma_data.sources.procedures import read
from comma_data.split import origins, without_leaks
from comma_data.text_files import TextError
from hypothesis import given
from hypothesis import strategies as st

BODY = (
    "Barium carbonate (BaCO3) and TiO2 were milled in ethanol for 90 min with a mortar. The powder was calcined at"
    " 1273 K and 1100 degC at a rate of 5 degC in air to give BaTiO3."
)
TEXT = f"10.1000/a.b\nOn BaTiO3\n{BODY}"


def annotation(text, *, target="BaTiO3", heated=("1273", "K"), extra=()):
    """Spans of the words by kind, the events on them, and relations."""
    spans = [
        ("T1", "Material", "Barium carbonate"),
        ("T2", "Material", "BaCO3"),
        ("T3", "Material", "TiO2"),
        ("T4", "Operation", "milled"),
        ("T5", "Material", "ethanol"),
        ("T6", "Number", "90"),
        ("T7", "Condition-Unit", "min"),
        ("T8", "Synthesis-Apparatus", "mortar"),
        ("T9", "Operation", "calcined"),
        ("T10", "Number", heated[0]),
        ("T11", "Condition-Unit", heated[1]),
        ("T12", "Number", "1100"),
        ("T13", "Condition-Unit", "degC"),
        ("T14", "Material", "air"),
        ("T15", "Operation", "give"),
        ("T16", "Material", target),
        ("T17", "Condition-Type", "rate"),
        ("T18", "Number", "5 "),
        ("T19", "Condition-Unit", "degC in"),
    ]
    lines = []
    for name, kind, words in spans:
        at = text.index(BODY[:10]) + text[text.index(BODY[:10]) :].rindex(words.strip())
        if name == "T7":
            at = text.index("min with")
        if name in {"T6", "T13"}:
            at = text.index(words)
        lines.append(f"{name}\t{kind} {at} {at + len(words.strip())}\t{words.strip()}")
    lines += [
        "E1\tOperation:T4 Recipe_Precursor:T1 Recipe_Precursor:T3 Solvent_Material:T5",
        "E2\tOperation:T9 Atmospheric_Material:T14 ",
        "E3\tOperation:T15 Recipe_Target:T16",
        "R1\tCoref_Of Arg1:T2 Arg2:T1\t",
        "R2\tNumber_Of Arg1:T6 Arg2:T7\t",
        "R3\tCondition_Of Arg1:T7 Arg2:E1\t",
        "R4\tApparatus_Of Arg1:T8 Arg2:E1\t",
        "R5\tNumber_Of Arg1:T10 Arg2:T11\t",
        "R6\tCondition_Of Arg1:T11 Arg2:E2\t",
        "R7\tNumber_Of Arg1:T12 Arg2:T13\t",
        "R8\tCondition_Of Arg1:T13 Arg2:E2\t",
        "R9\tNumber_Of Arg1:T18 Arg2:T19\t",
        "R10\tCondition_Of Arg1:T19 Arg2:E2\t",
        "R11\tType_Of Arg1:T17 Arg2:T19\t",
        "A1\tStart_Recipe E1",
        "#1\tAnnotatorNotes T1\tnote",
        *extra,
    ]
    return "\n".join(lines) + "\n"


def outcome(tmp_path, **files):
    for name, content in files.items():
        path = tmp_path / name.replace("__", ".")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read(tmp_path))


def test_an_annotated_text_becomes_a_protocol(tmp_path):
    (record,) = outcome(tmp_path, a__txt=TEXT, a__ann=annotation(TEXT))
    assert record.value == Protocol(
        target="BaTiO3",
        precursors=("BaCO3", "TiO2"),
        operations=(
            Operation(kind="mix", word="milled", hours=(1.5,), media=("ethanol",), device="mortar"),
            Operation(kind="heat", word="calcined", temperatures=(999.85, 1100.0), atmospheres=("air",)),
            Operation(kind="other", word="give"),
        ),
        method="full-text",
    )
    assert record.formula == "BaTiO3"
    known = record.provenance
    assert (known["doi"], known["title"], known["origin"]) == ("10.1000/a.b", "On BaTiO3", "literature")
    assert known["text"] == "annotation"


@pytest.mark.parametrize(
    ("written", "temperatures"),
    [("-78", (-78.0, 1100.0)), ("1,250", (1100.0, 1250.0)), ("950-1,250", (950.0, 1100.0, 1250.0))],
)
def test_numbers_keep_their_minus_and_their_thousands(tmp_path, written, temperatures):
    text = TEXT.replace("1273 K", f"{written} ℃")
    (record,) = outcome(tmp_path, a__txt=text, a__ann=annotation(text, heated=(written, "℃")))
    assert record.value.operations[1].temperatures == temperatures


def test_without_annotation_the_steps_stay_as_they_were_written(tmp_path):
    (record,) = outcome(tmp_path, a__txt=TEXT)
    first, second = BODY.split(". ")
    assert record.value == (f"{first}.", second)
    assert record.formula is None
    assert record.provenance["text"] == "full"
    (record,) = outcome(tmp_path, a__txt="Mixed and fired.\nThen cooled.")
    assert record.value == ("Mixed and fired.", "Then cooled.")
    assert record.provenance["doi"] == record.provenance["title"] == ""


SPELLINGS = ("", "https://doi.org/", "http://dx.doi.org/", "https://www.doi.org/", "doi.org/", "doi:", "DOI: ", "DOI ")


@given(
    registrant=st.from_regex(r"10\.[0-9]{4,9}", fullmatch=True),
    suffix=st.text(st.sampled_from("abcXYZ019.-_();/:<>"), min_size=1),
    front=st.sampled_from([*SPELLINGS, "HTTPS://DOI.ORG/", "doi: https://doi.org/"]),
)
def test_every_spelling_of_a_doi_is_one(registrant, suffix, front):
    doi = f"{registrant}/{suffix}"
    assert is_doi(front + doi)
    assert plain_doi(f" {front}{doi} ") == plain_doi(plain_doi(front + doi)) == doi.lower()
    assert not is_doi(f"{front}{doi} and more")
    assert not is_doi(f"See {front}{doi}")


@pytest.mark.parametrize("front", SPELLINGS)
def test_a_first_line_is_the_doi_in_any_spelling(tmp_path, front):
    first, other = outcome(tmp_path, a__txt=TEXT, b__txt=f"{front}10.1000/A.b\n{TEXT.partition(chr(10))[2]}")
    assert other.value == first.value
    assert (other.provenance["doi"], other.provenance["title"]) == ("10.1000/a.b", "On BaTiO3")


@pytest.mark.parametrize("line", ["https://doi.org/", "doi: unknown", "https://example.org/10.1000/a", "doi:10.1/a"])
def test_a_first_line_that_is_no_doi_is_text(tmp_path, line):
    (record,) = outcome(tmp_path, a__txt=f"{line}\nFired.")
    assert record.provenance["doi"] == ""
    assert " ".join(record.value).startswith(line)


def test_two_texts_of_one_doi_do_not_stand_on_two_sides(tmp_path):
    first, second = outcome(
        tmp_path,
        a__txt="10.1000/x\nOne\nNaCl was fired at 600 K.",
        b__txt="https://doi.org/10.1000/X\nTwo\nKCl was ground and fired at 700 K.",
    )
    joined = join(curate([first, second]).accepted)
    assert len({sample.groups["fold"] for sample in joined.samples}) == 1
    held = origins([joined.samples[0]])
    assert without_leaks(joined.samples[1], held)[1].doi == 1


@pytest.mark.parametrize(
    ("targets", "formula"),
    [
        (["BaTiO3"], "BaTiO3"),
        (["Ba2Ti2O6", "BaTiO3 powder", "barium titanate"], "BaTiO3"),
        (["BaTiO3", "TiO2"], None),
        (["BaTiO3", "BaTiO3/C"], None),
        (["BaTiO3", "BaTiO3 on TiO2"], None),
        (["BaTiO3", "graphene@BaTiO3"], None),
        (["BaxSr1-xTiO3"], None),
        (["BaTiO3 nanowires"], None),
        (["Cu(II)"], None),
        (["BTO"], None),
        ([], None),
    ],
)
def test_the_target_is_known_only_where_it_is_the_only_one(targets, formula):
    text = "made; " + "; ".join(targets)
    spans = ["T1\tOperation 0 4\tmade"]
    at = 6
    for i, target in enumerate(targets, start=2):
        spans.append(f"T{i}\tMaterial {at} {at + len(target)}\t{target}")
        at += len(target) + 2
    roles = " ".join(f"Recipe_Target{i}:T{i}".replace(f"Target{i}", "Target") for i in range(2, len(targets) + 2))
    found = told(read_annotation("\n".join([*spans, f"E1\tOperation:T1 {roles}"]), text))
    assert found.formula == formula
    assert found.protocol is None


@pytest.mark.parametrize(
    "line",
    [
        "T1\tMaterial 0 5",
        "T1\tMaterial 0 x\twords",
        "T1\tMaterial 0 4\tBaTi",
        "T1\tMaterial 0 99999\t10.1",
        "E9\tOperation",
        "E9\tOperation:T99 ",
        "E9\tOperation:T4 Recipe_Target:T99",
        "R9\tOf Arg1:T1",
        "R9\tOf Arg1:T1 Arg2:T99",
        "nonsense",
    ],
)
def test_a_damaged_annotation_is_refused(tmp_path, line):
    with pytest.raises(TextError) as error:
        read_annotation(annotation(TEXT, extra=[line]), TEXT)
    assert error.value.code == "bad-annotation"
    refusal, other = outcome(tmp_path, a__txt=TEXT, a__ann=annotation(TEXT, extra=[line]), b__txt="Fired.")
    assert (refusal.code, refusal.key) == ("bad-annotation", "a")
    assert isinstance(other, Record)


def test_an_annotation_of_another_text_is_refused(tmp_path):
    (refusal,) = outcome(tmp_path, a__txt=TEXT.replace("milled", "ground"), a__ann=annotation(TEXT))
    assert refusal.code == "bad-annotation"
    assert "grou" in refusal.message


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"\xff", "not-utf-8"), (b"", "empty-text"), (b"10.1000/x\ntitle\n \n", "empty-text"), (b"a\x00", "bad-text")],
)
def test_texts_that_cannot_be_used_are_counted(tmp_path, content, code):
    refusal, record = outcome(tmp_path, a__txt=content, b__txt="Fired.")
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.key) == (code, "a")
    assert record.key == "b"


def kept_though_undecodable(items, content):
    """Records that a strict reading of these bytes could not have given."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return [item for item in items if isinstance(item, Record)]
    return []


def test_a_lenient_decoder_would_be_seen(tmp_path, monkeypatch):
    content = b"Fired at 900 \xb0C."
    assert not kept_though_undecodable(outcome(tmp_path, a__txt=content), content)
    monkeypatch.setattr("comma_data.sources.procedures.decoded", lambda data: data.decode("utf-8", "ignore"))
    assert kept_though_undecodable(outcome(tmp_path, a__txt=content), content)


def test_an_annotation_alone_is_counted(tmp_path):
    record, refusal = outcome(tmp_path, a__txt="Fired.", b__ann="")
    assert record.key == "a"
    assert (refusal.code, refusal.key) == ("annotation-alone", "b")


def test_texts_of_one_name_in_two_folders_keep_their_own_annotation(tmp_path):
    for folder, content in (("one", TEXT), ("two", "Fired.")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.txt").write_text(content)
    (tmp_path / "one" / "a.ann").write_text(annotation(TEXT))
    first, second = read(tmp_path)
    assert isinstance(first.value, Protocol)
    assert second.value == ("Fired.",)
    (alone,) = read(tmp_path / "one" / "a.txt")
    assert alone.provenance["text"] == "full"


def test_an_archive_that_holds_an_annotation_twice_tells_it_to_no_text(tmp_path):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        for name, content in (("a.ann", annotation(TEXT)), ("a.txt", TEXT), ("a.ann", "")):
            info = tarfile.TarInfo(name)
            info.size = len(content.encode())
            tar.addfile(info, io.BytesIO(content.encode()))
    record, refusal = read(path)
    assert record.provenance["text"] == "full"
    assert refusal.code == "annotation-alone"


def test_a_missing_path_stops_the_build(tmp_path):
    with pytest.raises(DataError, match="none"):
        list(read(tmp_path / "none"))


def test_every_real_procedure_is_read_and_hides_its_target(data_root):
    items = list(read(data_root / "procedures"))
    found = Counter((type(i.value).__name__, i.formula is not None) for i in items if isinstance(i, Record))
    assert found == {("tuple", False): 106, ("Protocol", True): 18, ("tuple", True): 1}
    assert all(item.provenance["doi"].startswith("10.") for item in items)
    for item in items:
        for view in VIEWS:
            value = item.value
            text = steps(value, view) if isinstance(value, Protocol) else plain_steps(value, item.formula, view)
            words = " ".join(text).replace(". ", " ").split()
            assert not (item.formula and any(names_target(word, item.formula) for word in words)), (item.key, view)
