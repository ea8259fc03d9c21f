"""Fault 16: texts that are empty, endless, in another encoding, or hold characters that nobody sees."""

import random
import time
import unicodedata
from pathlib import Path

from comma_data.protocol import VIEWS, plain_steps
from comma_data.sample import Record, Refusal
from comma_data.sources import procedures, texts
from comma_data.temperatures import temperatures

from benchmarks.reliability.outcome import Outcome

FAULT = 16
WHAT = "byte-fuzzed texts, as files and as rows: decoded strictly or refused, composed, capped, 1 s each"
LONGEST = 1.0
"""Seconds of the processor."""

SOUND = (
    """BaCO3 and TiO2 (99.9 %) were ball-milled in ethanol for 12 h. The mixture was dried, e.g. at 80 °C, pressed and
fired at 1,100 °C for 6 h in air.
Then it was quenched to 77 K.""",
    "Zr(OPr)₄ was dissolved in n-propanol; the gel formed at 353 K with citric acid. Pechini’s method was used.",
    """10.1000/x.y
On the growth of α-Fe2O3
FeCl3·6H2O was hydrolysed at pH 2.5 and 100 °C for 24 h. Yield: 85 wt.%.""",
)
HOSTILE = (
    b"",
    b" \n\t ",
    b"\xef\xbb\xbf",
    b"\xef\xbb\xbfMixed.",
    "Mixed.".encode("utf-16"),
    "Fired at 900 °C".encode("latin-1"),
    b"x" * 10_000_000,
    b"Ba " * 16_000,
    b"(" * 50_000,
    b"1 to " * 10_000,
    b"e.g. A " * 7_000,
    b"a\x00b",
    b"\xed\xa0\x80 lone",
    b"\xc0\xaf overlong",
    b"\xf4\x90\x80\x80 beyond",
    "abc \u202e drawkcab".encode(),
    "\u2066isolate\u2069".encode(),
    "a\u200bb\u00adc\ufeffd".encode(),
    ("a" + "\u0316\u0300" * 20_000).encode(),
    "\ufdfa".encode() * 16_000,
    b"\x1b[2J",
    "25 \uf0b0C".encode(),
    b'","\n"r2,"""',
    b"\r\n\r\n\r",
    "\u2028\u2029\x85".encode(),
)
"""Texts, and what is put into sound ones."""


def run(*, full: bool, folder: Path) -> Outcome:
    """Write each text as a file and as a row of a table, read it, and tell it in every view."""
    rng = random.Random(FAULT)
    cases = [*HOSTILE, *(_mutant(rng) for _ in range((1000 if full else 100) - len(HOSTILE)))]
    lost, slowest, accepted = 0, 0.0, 0
    for number, data in enumerate(cases):
        began = time.process_time()  # of the processor: other work on the machine is no fault
        good, taken = _trial(data, folder)
        seconds = time.process_time() - began
        slowest, accepted = max(slowest, seconds), accepted + taken
        if not good or seconds > LONGEST:
            lost += 1
            print(f"case {number}, {data[:60]!r}: {seconds:.1f} s")
    note = f"{accepted} of {2 * len(cases)} readings accepted; slowest text {slowest:.2f} s"
    return Outcome(tried=len(cases), survived=len(cases) - lost, lost=lost, note=note)


def _mutant(rng: random.Random) -> bytes:
    """A sound text with one to four bytes or snippets put in, taken out or changed."""
    data = bytearray(rng.choice(SOUND).encode())
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(5)
        if kind == 0:
            data[at : at + 1] = bytes([rng.randrange(256)])
        elif kind == 1:
            del data[at : at + rng.randint(1, 40)]
        elif kind == 2:
            data[at:at] = rng.choice(HOSTILE)[:200]
        elif kind == 3:
            data[at:at] = chr(rng.choice([rng.randrange(0xD800), rng.randrange(0xE000, 0x110000)])).encode()
        else:
            del data[at:]
    return bytes(data)


def _trial(data: bytes, folder: Path) -> tuple[bool, int]:
    """Whether both readings went as promised, and how many of them were accepted."""
    file, table = folder / "case.txt", folder / "case.csv"
    file.write_bytes(data)
    table.write_bytes(b'id,text\nr1,"' + data.replace(b'"', b'""') + b'"\nr2,Fired.\n')
    try:
        (first,) = procedures.read(file)
        row, after = texts.read(table)
        good = _promised(first, data) and _promised(row, data) and after.key == "r2" and isinstance(after, Record)
        good = good and (isinstance(first, Refusal) or _told(first.value))
        return good, isinstance(first, Record) + isinstance(row, Record)
    except Exception as error:  # noqa: BLE001 - any exception is a loss
        print(repr(error)[:200])
        return False, 0


def _promised(item: Record | Refusal, data: bytes) -> bool:
    """Refused with a code, or a text of visible, composed characters that strictly stand in the file."""
    if isinstance(item, Refusal):
        return bool(item.code) and item.message.isprintable()
    return (
        bool(item.value)
        and all(step.strip() and unicodedata.is_normalized("NFC", step) for step in item.value)
        and not any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co"} for s in item.value for c in s if c != "\t")
        and set(" ".join(item.value).split()) <= set(_visible(data.decode("utf-8")).split())
    )


def _told(text: tuple[str, ...]) -> bool:
    """Whether every view can be told, and its temperatures searched."""
    list(temperatures("\n".join(text)))
    told = [plain_steps(text, formula, view) for formula in ("BaTiO3", None) for view in VIEWS]
    return all(isinstance(step, str) for steps in told for step in steps)


def _visible(text: str) -> str:
    return unicodedata.normalize("NFC", "".join(c for c in text if unicodedata.category(c) != "Cf"))
