"""The guides say what is so: their Python and console blocks run, and every other command is one that there is."""

import contextlib
import io
import re
import shlex
import traceback
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer.main
from comma_align.cli import read_config
from comma_app.cli import make_app
from comma_app.study.config import read_study
from comma_data.command import run as finish
from comma_data.config import read_build

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "guides"
GUIDES = sorted(path for path in FOLDER.glob("*.md") if path.stem != "README")
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(comma[^`]+)`")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
SCRIPTS = ("comma", "comma-data", "comma-encoders")
FIRST = FOLDER / "own-data.md"
ROOT = FOLDER.parent.parent
ELSEWHERE = {"pip", "torchrun", "export", "kill", "python"}
"""Programs that a guide names and that are not ours."""
READERS = {("data", "build"): read_build, ("align", "run"): read_config, ("study",): read_study}
"""Commands whose settings (`--set`) are read as well."""
COMMAND = typer.main.get_command(make_app())


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, what stands behind it, and where it begins."""

    language: str
    rest: str
    text: str
    line: int

    @property
    def expected(self) -> int | None:
        """The exit code that the last command of a `console run` block has to have; None where nothing is run."""
        found = re.fullmatch(r"run(?:=(\d+))?", self.rest)
        return int(found[1] or 0) if found else None


def blocks(path: Path) -> list[Block]:
    text = path.read_text(encoding="utf-8")
    return [
        Block(found[1], found[2].strip(), found[3], text.count("\n", 0, found.start()) + 1)
        for found in BLOCK.finditer(text)
    ]


def commands(text: str) -> list[list[str]]:
    """The words of each command of a console block, without comments; `a && b` are two, redirections are cut off."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while words:
            end = next((i for i, word in enumerate(words) if word in {"&&", "||", "|", ";"}), len(words))
            cut = next((i for i, word in enumerate(words[:end]) if word in {">", "2>"}), end)
            found.append(words[:cut])
            words = words[end + 1 :]
    return found


def ours(words: list[str]) -> list[str] | None:
    """What `comma` is given by a command, alone or behind torchrun; None where another program is meant."""
    words = words[words.index("--no-python") + 1 :] if "--no-python" in words else words
    while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        words = words[1:]
    if not words or words[0] not in SCRIPTS:
        return None
    return [*words[0].split("-")[1:], *words[1:]]


def missing(shown: str, said: str) -> list[str]:
    """Lines of an answer as the guide shows it that the answer does not have; `...` stands for what was left out.

    White space does not count, and numbers may differ a little, as they do between processors.
    """
    lines = [_parts(line) for line in said.splitlines()]
    return [line for line in shown.splitlines() if line.strip() not in {"", "..."} and not _found(line, lines)]


def _found(line: str, lines: list[tuple[str, list[str]]]) -> bool:
    words, numbers = _parts(line)
    return any(words == others and all(map(_near, numbers, found)) for others, found in lines)


def _near(shown: str, said: str) -> bool:
    """The same whole number, or nearly the same decimal fraction."""
    return shown == said or ("." in shown and abs(float(shown) - float(said)) <= 0.02 + 0.02 * abs(float(shown)))


def _parts(line: str) -> tuple[str, list[str]]:
    """The words with a mark for each number, and the numbers."""
    return " ".join(NUMBER.sub("#", line).split()), NUMBER.findall(line)


class Place:
    """A folder with the embedded set and what earlier guides left; each guide runs in it once."""

    def __init__(self, folder):
        self.folder = folder
        self.done = set()

    def run(self, guide):
        if guide not in self.done:
            self.done.add(guide)
            with contextlib.chdir(self.folder):
                Reader(guide).read()


class Reader:
    """Goes through a guide as its reader does."""

    def __init__(self, guide):
        self.guide, self.said, self.space = guide, "", {"__name__": "__main__"}

    def read(self):
        for block in blocks(self.guide):
            getattr(self, f"on_{block.language}")(block)

    def where(self, block):
        return f"{self.guide.name}, line {block.line}"

    def on_toml(self, block: Block):
        Path(block.rest).write_text(block.text, encoding="utf-8")

    def on_python(self, block):
        """Run in one program with those before; one that has a file's name becomes that file, which can be imported."""
        if block.rest:
            Path(block.rest).write_text(block.text, encoding="utf-8")
            return
        with captured() as said:
            exec(compile("\n" * block.line + block.text, str(self.guide), "exec"), self.space)  # noqa: S102 our own
        self.said = said.getvalue()

    def on_console(self, block):
        self.said = ""
        asked = [(words, ours(words)) for words in commands(block.text)]
        for number, (words, given) in enumerate(asked):
            if given is None:
                assert words[0] in ELSEWHERE, f"{self.where(block)}: what is {words[0]}?"
            elif block.expected is None:
                parse(given, self.where(block))
            else:
                code, said = typed(given)
                self.said += said
                last = number == len(asked) - 1
                assert code == (block.expected if last else 0), (
                    f"{self.where(block)}: {words} ended with {code}: {said}"
                )

    def on_text(self, block):
        """The first text behind a block that was run is what that block said."""
        if self.said:
            lacking = missing(block.text, self.said)
            assert not lacking, f"{self.where(block)}: not said: {lacking}; said: {self.said}"
            self.said = ""


@contextlib.contextmanager
def captured():
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        yield said


def typed(words):
    """Exit code and answer of a command."""
    if words[:2] == ["data", "build"]:
        words = [*words, "--workers", "0"]  # the same bytes, without the start of processes
    with captured() as said:
        try:
            finish(lambda: COMMAND.main(words, prog_name="comma"))
        except SystemExit as end:
            return end.code or 0, said.getvalue()
        except Exception:  # noqa: BLE001 - the report of a bug is the answer
            return 1, said.getvalue() + traceback.format_exc()
    return 0, said.getvalue()


def parse(words, where):
    """Refuse a command, an option or a setting that does not exist."""
    command, context, names = COMMAND, None, []
    rest = list(words)
    while True:
        context = command.make_context(command.name or "comma", rest, parent=context)
        if not hasattr(command, "commands"):
            break
        rest = [*getattr(context, "_protected_args", []), *context.args]
        name, command, rest = command.resolve_command(context, rest)
        assert command is not None, f"{where}: no command {name!r}"
        names.append(name)
    given = context.params
    reader = next((read for of, read in READERS.items() if tuple(names[: len(of)]) == of), None)
    named = next((given[key] for key in ("name", "config") if key in given), None)
    if reader and named and Path(named).suffix != ".toml":
        reader(named, settings=given.get("set_") or [])


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guides")
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(folder):
        for name in ("COMMA_DATA", "COMMA_INDEX"):
            patch.delenv(name, raising=False)
        patch.syspath_prepend(folder)
        small = ["--set", "simulate.patterns=0", "--set", "simulate.images=0"]
        code, said = typed(["data", "build", "textbook", "--out", "data/textbook", *small])
        assert code == 0, said
        made = Place(folder)
        made.run(FIRST)
        yield made


@pytest.mark.slow
@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_a_guide_is_true(guide, place):
    place.run(guide)


@pytest.mark.parametrize("guide", [*GUIDES, FOLDER / "README.md"], ids=lambda guide: guide.stem)
def test_commands_within_sentences_are_ones_that_there_are(guide):
    """Those with options; one without may be the name of a command."""
    for span in INLINE.findall(BLOCK.sub("", guide.read_text(encoding="utf-8"))):
        for words in map(ours, commands(" ".join(span.split()))):
            if words is not None and any(word.startswith("--") for word in words):
                parse(words, f"{guide.name}: {span}")


def test_the_index_names_every_guide():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [guide.name for guide in GUIDES if f"]({guide.name})" not in text] == []
    assert "](docs/guides/README.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "words", [["data", "biuld"], ["eval", "property", "--targt"], ["align", "run", "demo", "--set", "epoch=3"]]
)
def test_a_command_that_does_not_exist_is_refused(words):
    with pytest.raises(Exception, match=words[-1].partition("=")[0]):
        parse(words, "here")


def test_an_answer_that_differs_is_found():
    said = "rank 1  BaTiO3  cosine 0.912\n"
    assert missing("rank 1 BaTiO3 cosine 0.91\n...\n", said) == []
    assert missing("rank 1 BaTiO3 cosine 0.5\n", said) == ["rank 1 BaTiO3 cosine 0.5"]
    assert missing("rank 2 BaTiO3 cosine 0.91\n", said)
    assert missing("rank 1 SrTiO3 cosine 0.91\n", said)
