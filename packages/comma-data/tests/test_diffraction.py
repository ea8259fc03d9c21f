from collections import Counter
from pathlib import PurePosixPath

import numpy as np
import pytest
from comma_data.columns import read_columns
from comma_data.curate import curate
from comma_data.errors import DataError
from comma_data.file_names import protocol_in, specimen
from comma_data.patterns import FEWEST, MOST, PatternError, checked
from comma_data.pool import Processes
from comma_data.protocol import Operation
from comma_data.sample import Record, Refusal
from comma_data.sources.diffraction import read, reads
from hypothesis import given
from hypothesis import strategies as st

ANGLES = np.linspace(10, 20, 40)
COUNTS = np.arange(40) ** 2.0
HEADER = "# Wavelength (Angstrom): 1.54056\n"


def table(*, separator=" ", decimal=".", third=False):
    rows = (
        f"{a:.4f}{separator}{c:.1f}{separator + '0.5' if third else ''}" for a, c in zip(ANGLES, COUNTS, strict=True)
    )
    return "\n".join(rows).replace(".", decimal) + "\n"


def xrdml(*scans, wavelength='<kAlpha1 unit="Angstrom">1.540598</kAlpha1>', intended="K-Alpha 1"):
    used = f'<usedWavelength intended="{intended}">{wavelength}</usedWavelength>'
    body = "".join(f"<scan><dataPoints>{scan}</dataPoints></scan>" for scan in scans)
    return (
        '<?xml version="1.0"?><xrdMeasurements xmlns="http://www.xrdml.com/XRDMeasurement/2.2">'
        f"<xrdMeasurement>{used}{body}</xrdMeasurement></xrdMeasurements>"
    )


def scan(
    *, axis="2Theta", positions="<startPosition>10</startPosition><endPosition>20</endPosition>", more="", tag="counts"
):
    counts = " ".join(f"{c:g}" for c in COUNTS)
    return f'<positions axis="{axis}">{positions}</positions>{more}<{tag}>{counts}</{tag}>'


def powder_cif(*, name="a", more="_diffrn_radiation_wavelength 1.54056", intensity="_pd_meas_counts_total", head=""):
    rows = "\n".join(f"{a:.4f} {c:g}(2)" for a, c in zip(ANGLES, COUNTS, strict=True))
    return f"data_{name}\n{head}{more}\nloop_\n_pd_meas_2theta_scan\n{intensity}\n{rows}\n"


def outcome(tmp_path, name, content, **options):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read(tmp_path, **options))


def sound(record):
    assert isinstance(record, Record), record
    value = record.value
    assert value["two_theta"].dtype == value["intensity"].dtype == np.float64
    np.testing.assert_allclose(value["two_theta"], ANGLES, atol=1e-4)
    np.testing.assert_allclose(value["intensity"], COUNTS)
    return value["wavelength"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.xy", HEADER + table()),
        ("a.xye", HEADER + table(separator="\t", third=True)),
        ("a.csv", "angle, counts, lambda = 0.154056 nm\n" + table(separator=",")),
        ("a.csv", HEADER + "2theta;intensity\n" + table(separator=";", decimal=",")),
        ("a.dat", "; λ: 1.54056 Å\n" + table(separator="   ", decimal=",") + "\n\n"),
        ("A.XY", "\ufeffLambda1=1.54056\r\n" + table(separator=", ").replace("\n", "\r\n")),
        ("a.xrdml", xrdml(scan(), wavelength="<kAlpha1>1.54056</kAlpha1>")),
        ("a.xrdml", xrdml(scan(tag="intensities"), wavelength="<kAlpha1>1.54056</kAlpha1>")),
        (
            "a.xrdml",
            xrdml(
                scan(positions="<listPositions>" + " ".join(f"{a:.4f}" for a in ANGLES) + "</listPositions>"),
                wavelength="<kAlpha1>1.54056</kAlpha1>",
            ),
        ),
        ("a.cif", powder_cif()),
        ("a.cif", powder_cif(intensity="_pd_proc_intensity_total")),
        ("a.cif", powder_cif(more="") + "data_b\n_diffrn_radiation_wavelength 1.54056\n"),
    ],
)
def test_every_format_gives_the_same_pattern(tmp_path, name, content):
    (record,) = outcome(tmp_path, name, content)
    assert sound(record) == pytest.approx(1.54056)
    assert (record.key, record.modality, record.formula) == (PurePosixPath(name).stem, "xrd", None)
    assert record.provenance["origin"] == "measured"


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.xy", table(), "no-wavelength"),
        ("a.xy", HEADER, "no-data"),
        ("a.xy", "", "no-data"),
        ("a.xy", HEADER + "1 2\n" * 3, "too-few-points"),
        ("a.xy", HEADER + "1 2\n" * 40, "angles-not-rising"),
        ("a.xy", HEADER + table() + "20.1 -3\n", "negative-intensity"),
        ("a.xy", HEADER + table() + "20.1 nan\n", "bad-number"),
        ("a.xy", HEADER + table() + "20.1 1e999\n", "bad-number"),
        ("a.xy", HEADER + table() + "181 3\n", "angle-out-of-range"),
        ("a.xy", HEADER + table() + "20.1 1_0\n", "bad-line"),
        ("a.xy", HEADER + table() + "the end\n", "bad-line"),
        ("a.xy", HEADER + table() + "21 2 3\n", "bad-columns"),
        ("a.xy", HEADER + "1 2 3 4\n" * 40, "bad-columns"),
        ("a.xy", HEADER + "".join(f"{a} 7\n" for a in range(10, 60)), "no-signal"),
        ("a.xy", "# wavelength 154.056\n" + table(), "wavelength-out-of-range"),
        ("a.xy", b"\xff\xfe\x00", "not-utf-8"),
        ("a.xrdml", xrdml(), "no-scan"),
        ("a.xrdml", xrdml(scan(axis="Omega")), "no-two-theta"),
        ("a.xrdml", xrdml(scan(positions="<commonPosition>10</commonPosition>")), "no-two-theta"),
        ("a.xrdml", xrdml(scan(positions="<startPosition>10</startPosition>")), "no-two-theta"),
        ("a.xrdml", xrdml(scan(tag="nothing")), "no-data"),
        ("a.xrdml", xrdml(scan().replace("<counts>", "<counts>x ")), "bad-number"),
        ("a.xrdml", xrdml(scan(), wavelength=""), "no-wavelength"),
        (
            "a.xrdml",
            xrdml(scan(more="<beamAttenuationFactors>1 2</beamAttenuationFactors>")),
            "different-lengths",
        ),
        ("a.xrdml", "<a><b></a>", "bad-xml"),
        ("a.xrdml", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "xml-entities"),
        ("a.xrdml", xrdml(scan()).encode("utf-16"), "not-utf-8"),
        ("a.cif", "data_a\n_cell_length_a 4\n", "no-pattern"),
        ("a.cif", "data_a\n_x 'open\n", "cif-syntax"),
        ("a.cif", powder_cif(more=""), "no-wavelength"),
        ("a.cif", powder_cif(more="_diffrn_radiation_probe neutron"), "not-x-ray"),
        ("a.cif", powder_cif().replace("_pd_meas_2theta_scan", "_pd_meas_time_of_flight"), "no-two-theta"),
        ("a.cif", powder_cif().replace(" 0(2)", " ?"), "bad-number"),
    ],
)
def test_what_is_no_pattern_is_refused_with_a_code(tmp_path, name, content, code):
    (tmp_path / "b.xy").write_text(HEADER + table())
    refusal, record = outcome(tmp_path, name, content)
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.key) == (code, "a")
    assert name in refusal.message
    sound(record)


def test_the_option_is_for_files_that_do_not_say(tmp_path):
    (tmp_path / "b.xy").write_text(table())
    said, unsaid = outcome(tmp_path, "a.xy", HEADER + table(), wavelength=0.7)
    assert (sound(said), sound(unsaid)) == (pytest.approx(1.54056), 0.7)


@pytest.mark.parametrize(
    "line",
    [
        "Lambda=1.54056",
        "lambda1: 1.54056",
        "wavelength 1: 1.54056",
        "Wavelengths: 1.54056, 1.54439",
        "Wavelength (Å) 1.54056",
        "Wavelength (A\N{COMBINING RING ABOVE}ngström): 1.54056",
        "wavelength = 1.54056(2) A",
        "K-Alpha1 wavelength,1.54056",
        "K-Alpha1 wavelength;1,54056",
        "Wavelength: 1,54056 Å  start 10.0",
        "Wavelength (Cu Kα₁): 1.54056 [Å]",
        "wavelength CuKa1 = 1.54056",
        "Wavelength: 1.54056E+00",
        "Detector: LAMBDA 750K, wavelength 1.54056",
        "Wavelength [nm]: 0.154056",
        "Wavelength / nm: 0.154056",
        'wavelength_nm = "0.154056"',
        '"Wavelength","0.154056","nm"',
        "wavelength 154.056 pm",
        "Wavelength: 1.54056e-10 m",
        '"wavelength": 1.54056e-10,',
    ],
)
def test_headers_state_the_wavelength_in_their_units(line):
    assert read_columns(f"# {line}\n{table()}").wavelength == pytest.approx(1.54056)


@pytest.mark.parametrize(
    "line",
    [
        "Wavelength: CuKa, 2theta 5.0 to 90.0",
        "Wavelength: CuKa 5.0 90.0",
        "Detector: LAMBDA 750K, distance 1.2 m",
        "Detector: LAMBDA 1.2 m",
        "Lambda 1.2.0 (software)",
        "LAMBDA=CU",
        "wavelength 8.04 keV",
        "Δλ/λ = 0.5",
        "sin(theta) / lambda 0.6",
        "wavelength,1,10,90",
        "wavelength",
    ],
)
def test_a_number_of_something_else_is_no_wavelength(tmp_path, line):
    (record,) = outcome(tmp_path, "a.xy", f"# {line}\n{table()}", wavelength=0.7)
    assert sound(record) == 0.7


@given(
    angstroms=st.floats(0.05, 9.9),
    word=st.sampled_from(["wavelength", "Wavelength", "WAVE LENGTH", "lambda", "Lambda1", "λ", "K-Alpha1 wavelength"]),
    unit=st.sampled_from([("", 1), ("Å", 1), ("A", 1), ("Angstrom", 1), ("nm", 0.1), ("pm", 100)]),
    brackets=st.sampled_from(["()", "[]", "  "]),
    separator=st.sampled_from([" ", ":", " = ", ",", ";", "\t"]),
    decimal=st.sampled_from(".,"),
    in_front=st.booleans(),
    behind=st.sampled_from(["", "  start 10.0", "; 2theta 5.0 to 90.0"]),
)
def test_a_wavelength_is_read_in_its_unit_wherever_that_stands(  # noqa: PLR0917 - the parts of a line
    angstroms, word, unit, brackets, separator, decimal, in_front, behind
):
    name, factor = unit
    number = f"{angstroms * factor:.6f}".replace(".", "." if factor == 100 else decimal)
    stated = f"{brackets[0]}{name}{brackets[1]}" if name else ""
    line = f"{word} {stated}{separator}{number}{behind}" if in_front else f"{word}{separator}{number} {stated}{behind}"
    assert read_columns(f"# {line}\n1 2\n").wavelength == pytest.approx(angstroms, abs=1e-5)


@given(between=st.text(st.sampled_from("abk :=,(2.3Å%m")), number=st.floats(0.05, 10.0))
def test_what_stands_behind_other_words_is_never_taken(between, number):
    line = f"# wavelength: x{between} start {number:.4f}\n1 2\n"
    assert read_columns(line).wavelength is None


def column_file(head, *columns, separator=" "):
    rows = (separator.join(f"{value:.9g}" for value in row) for row in zip(*columns, strict=True))
    return HEADER + head + "\n" + "\n".join(rows) + "\n"


Q = 4 * np.pi * np.sin(np.radians(ANGLES / 2)) / 1.54056
D = 2 * np.pi / Q
INDEX = np.arange(40.0)


@pytest.mark.parametrize(
    ("head", "columns", "separator"),
    [
        ("# q_A^-1 I", (Q, COUNTS), " "),
        ("#          q_nm^-1             I        sigma", (Q * 10, COUNTS, COUNTS), " "),
        ("q (1/A),I", (Q, COUNTS), ","),
        ("Q / \N{ANGSTROM SIGN}⁻¹ Intensity", (Q, COUNTS), " "),
        ('"q [1/nm]";"NaCl, 300 K"', (Q * 10, COUNTS), ";"),
        ("q,I\n1/A,counts", (Q, COUNTS), ","),
        ("d (A),I", (D[::-1], COUNTS[::-1]), ","),
        ("# d-spacing (nm)\tCounts", (D / 10, COUNTS), "\t"),
        ("d spacing (Å) Intensity (a.u.)", (D, COUNTS), " "),
        ("2theta_rad I", (np.radians(ANGLES), COUNTS), " "),
        ("# 2th_rad I", (np.radians(ANGLES), COUNTS), " "),
        ("theta(deg) I", (ANGLES / 2, COUNTS), " "),
        ("θ [rad]; counts", (np.radians(ANGLES / 2), COUNTS), ";"),
        ("point,two_theta,counts", (INDEX, ANGLES, COUNTS), ","),
        ("counts,two_theta", (COUNTS, ANGLES), ","),
        ("2theta,d (A),I", (ANGLES, D, COUNTS), ","),
        ("No.,2Theta (deg),Theta (deg),d (A),Icalc,Iobs", (INDEX, ANGLES, ANGLES / 2, D, INDEX, COUNTS), ","),
        ("2theta,I_calc,I_obs", (ANGLES, INDEX, COUNTS), ","),
        ("2theta,I,sigma,Icalc", (ANGLES, COUNTS, INDEX, INDEX), ","),
        ("Pos. [°2Th.],Intensity [counts]", (ANGLES, COUNTS), ","),
        ("2 theta  Intensity", (ANGLES, COUNTS), " "),
        ("x y", (ANGLES, COUNTS), " "),
        ("q scan", (ANGLES, COUNTS), " "),
        ("D:\\data, counts.raw", (ANGLES, COUNTS), " "),
        ("# theta 0.5", (ANGLES, COUNTS), " "),
        ("Sample d", (ANGLES, COUNTS), " "),
        ("Scan axis,2Theta", (ANGLES, COUNTS), ","),
        ("Time,12:30", (ANGLES, COUNTS), ","),
        ("Theta,fixed", (ANGLES, COUNTS), ","),
        ("2theta (Cu radiation),I", (ANGLES, COUNTS), ","),
        ("[Data]\nAngle,       PSD,", (ANGLES, COUNTS), ","),
    ],
)
def test_the_names_of_columns_say_what_they_are(tmp_path, head, columns, separator):
    (record,) = outcome(tmp_path, "a.csv", column_file(head, *columns, separator=separator))
    assert sound(record) == pytest.approx(1.54056)


@pytest.mark.parametrize(
    ("head", "columns", "code"),
    [
        ("q I", (Q, COUNTS), "no-unit"),
        ("d,I", (D, COUNTS), "no-unit"),
        ("q_A^-1 I sigma", (Q, COUNTS), "bad-columns"),
        ("r_mm I", (ANGLES, COUNTS), "no-two-theta"),
        ("# Energy (keV),counts", (ANGLES, COUNTS), "no-two-theta"),
        ("q_A^-1 I", (Q * 9, COUNTS), "angle-out-of-range"),
        ("d (A) I", (D - D.min(), COUNTS), "angle-out-of-range"),
        ("q_A^-1 I", (-Q[::-1], COUNTS), "angle-out-of-range"),
        ("q_A^-1 I", (np.where(INDEX == 7, np.nan, Q), COUNTS), "bad-number"),
    ],
)
def test_columns_that_are_no_two_theta_are_refused(tmp_path, head, columns, code):
    (refusal,) = outcome(tmp_path, "a.csv", column_file(head, *columns, separator="," if "," in head else " "))
    assert isinstance(refusal, Refusal)
    assert refusal.code == code


def test_q_takes_the_wavelength_of_the_option_and_needs_one(tmp_path):
    text = column_file("q (1/A),I", Q, COUNTS, separator=",").removeprefix(HEADER)
    (record,) = outcome(tmp_path, "a.csv", text, wavelength=1.54056)
    assert sound(record) == 1.54056
    (refusal,) = outcome(tmp_path, "a.csv", text)
    assert refusal.code == "no-wavelength"
    assert "option `wavelength`" in refusal.message


@given(
    axis=st.sampled_from(
        [("q", "A^-1", Q), ("q", "1/nm", Q * 10), ("d", "nm", D / 10), ("theta", "deg", ANGLES / 2)]
        + [(name, "rad", np.radians(ANGLES)) for name in ("2theta", "2θ", "two_theta", "2Th", "tth", "Two Theta")]
    ),
    brackets=st.sampled_from(["()", "[]"]),
    intensity=st.sampled_from(["I", "Intensity", "counts", "I_obs", "cps", "Intensity (a.u.)"]),
    more=st.lists(st.sampled_from(["no", "sigma", "error", "I_calc"]), unique=True, max_size=2),
    separator=st.sampled_from([",", ";", "\t"]),
    comment=st.sampled_from(["", "# ", "; "]),
    seed=st.randoms(use_true_random=False),
)
def test_columns_are_found_in_any_order(axis, brackets, intensity, more, separator, comment, seed):  # noqa: PLR0917
    name, unit, values = axis
    columns = [(f"{name} {brackets[0]}{unit}{brackets[1]}", values), (intensity, COUNTS), *((m, INDEX) for m in more)]
    seed.shuffle(columns)
    names, numbers = zip(*columns, strict=True)
    found = read_columns(column_file(comment + separator.join(names), *numbers, separator=separator))
    np.testing.assert_allclose(found.two_theta, ANGLES, atol=1e-4)
    np.testing.assert_allclose(found.intensity, COUNTS)


@given(line=st.text(st.sampled_from("qd2θthetaI ,;_()/^-1nmÅ.#")))
def test_wild_names_are_columns_or_a_typed_error(line):
    try:
        found = read_columns(column_file(f"# {line}", Q, COUNTS))
    except PatternError as error:
        assert error.code in {"no-unit", "no-two-theta", "bad-columns", "angle-out-of-range", "bad-line"}  # noqa: PT017
        return
    assert len(found.two_theta) == len(found.intensity) == 40


def test_scans_and_blocks_are_a_record_each(tmp_path):
    items = outcome(tmp_path, "a.xrdml", xrdml(scan(), scan(axis="Omega"), scan()))
    assert [item.key for item in items] == ["a-1", "a-2", "a-3"]
    assert [isinstance(item, Record) for item in items] == [True, False, True]
    head = "_chemical_formula_sum 'O3 Ba Ti'\n"
    (tmp_path / "a.xrdml").unlink()
    items = outcome(tmp_path, "c.cif", powder_cif(name="x", head=head) + powder_cif(name="y"))
    assert [(item.key, item.formula) for item in items] == [("c-1", "BaTiO3"), ("c-2", None)]


def test_the_wavelength_is_that_of_the_intended_line(tmp_path):
    stated = {"kAlpha1": 1.54, "kAlpha2": 1.57, "kBeta": 1.39, "ratioKAlpha2KAlpha1": 0.5}
    lines = "".join(f"<{name}>{value}</{name}>" for name, value in stated.items())
    for intended, expected in (("K-Alpha 1", 1.54), ("K-Alpha 2", 1.57), ("K-Beta", 1.39), ("K-Alpha", 1.55)):
        (record,) = outcome(tmp_path, "a.xrdml", xrdml(scan(), wavelength=lines, intended=intended))
        assert sound(record) == pytest.approx(expected)
    (tmp_path / "a.xrdml").unlink()
    several = "loop_\n_diffrn_radiation_wavelength\n_diffrn_radiation_wavelength_wt\n1.57 0.5\n1.54 1.0"
    (record,) = outcome(tmp_path, "a.cif", powder_cif(more=several))
    assert sound(record) == 1.54


def test_attenuated_counts_are_multiplied(tmp_path):
    factors = f"<beamAttenuationFactors>{'1 2 ' * 20}</beamAttenuationFactors>"
    (record,) = outcome(tmp_path, "a.xrdml", xrdml(scan(more=factors)))
    np.testing.assert_allclose(record.value["intensity"], COUNTS * np.tile([1, 2], 20))


@given(
    angles=st.lists(st.floats(width=32), max_size=40),
    counts=st.lists(st.floats(width=32), max_size=40),
    wavelength=st.none() | st.floats(),
)
def test_the_guard_lets_only_patterns_through(angles, counts, wavelength):
    try:
        value = checked(angles, counts, wavelength)
    except PatternError as error:
        assert error.code  # noqa: PT017 - either outcome is right, by the numbers
        return
    assert len(value["two_theta"]) == len(value["intensity"]) >= FEWEST
    assert (np.diff(value["two_theta"]) > 0).all()
    assert value["two_theta"][0] >= 0
    assert (value["intensity"] >= 0).all()
    assert np.isfinite(value["intensity"]).all()


@given(text=st.text(st.sampled_from("0123456789.,;e-+ \n#nai\t")))
def test_wild_columns_are_numbers_or_a_typed_error(text):
    try:
        found = read_columns(text)
    except PatternError as error:
        assert error.code in {"no-data", "bad-line", "bad-columns"}  # noqa: PT017 - either is right, by the text
        return
    assert len(found.two_theta) == len(found.intensity) > 0


def test_endless_files_are_refused_before_they_are_parsed(tmp_path):
    (refusal,) = outcome(tmp_path, "a.xy", b"1 2\n" * 4_000_000)
    assert refusal.code == "too-many-points"
    (refusal,) = outcome(tmp_path, "a.xy", b"1 2\n" * 10_000_000)
    assert refusal.code == "file-too-large"
    with pytest.raises(PatternError, match=str(MOST)):
        checked(np.arange(MOST + 1.0), np.arange(MOST + 1.0), 1.5)


def test_deep_xml_does_no_harm(tmp_path):
    (refusal,) = outcome(tmp_path, "a.xrdml", "<a>" * 100_000 + "</a>" * 100_000, engine=Processes(workers=1))
    assert refusal.code in {"no-scan", "bad-xml"}


def test_names_become_protocols():
    heated = protocol_in("Cr2O3-2ZnO_1100C_60min")
    assert heated.precursors == ("Cr2O3", "ZnO")
    assert heated.amounts == (("Cr2O3", 1.0), ("ZnO", 2.0))
    assert heated.operations == (Operation(kind="heat", word="heated", temperatures=(1100.0,), hours=(1.0,)),)
    assert protocol_in("2FeC2O4(H2O)2-Y2O3_200C_2h").amounts == (("FeC2O4(H2O)2", 2.0), ("Y2O3", 1.0))
    mixed = protocol_in("NiO_0p7469-TiO2_0p7987--8min")
    assert dict(mixed.amounts) == pytest.approx({"NiO": 0.01, "TiO2": 0.01}, rel=1e-3)
    assert mixed.operations == (Operation(kind="mix", word="mixed"),)
    assert (mixed.target, mixed.weighed) == ("", True)


@pytest.mark.parametrize(
    "name", ["", "scan1", "BaTiO3", "Foo-2ZnO_1100C_60min", "Cr2O3-xZnO_1100C_60min", "NiO_0p0-ZnO_0p1", "a" * 300]
)
def test_other_names_tell_no_protocol(name):
    assert protocol_in(name) is None
    assert specimen(name) == name


def test_a_name_that_tells_nothing_is_counted_and_its_pattern_kept(tmp_path):
    record, refusal = outcome(tmp_path, "scan1.xy", HEADER + table(), names="precursors")
    sound(record)
    assert refusal.code == "name-unread"


def test_the_table_beside_structures_is_no_pattern(tmp_path):
    (tmp_path / "a.csv").write_text(HEADER + table(separator=","))
    (tmp_path / "properties.csv").write_text("material_id,gap\na,1\n")
    assert [record.key for record in read(tmp_path)] == ["a"]
    assert [reads(tmp_path / name) for name in ("a.csv", "properties.csv")] == [True, False]


def test_a_missing_path_stops_the_build(tmp_path):
    with pytest.raises(DataError, match="none"):
        list(read(tmp_path / "none"))


def test_every_real_pattern_comes_with_its_protocol(data_root):
    items = list(read(data_root / "xrd", names="precursors"))
    assert Counter(item.modality for item in items) == {"xrd": 60, "text": 60}
    patterns, texts = items[::2], items[1::2]
    assert [p.key for p in patterns] == [t.key for t in texts]
    assert {p.value["wavelength"] for p in patterns} == {1.540598}
    assert all(p.formula is None and p.groups == t.groups for p, t in zip(patterns, texts, strict=True))
    assert Counter(Counter(p.groups["specimen"] for p in patterns).values()) == {1: 20, 2: 20}
    curated = curate(items)
    assert not curated.refused
    assert len(curated.accepted) == 120
