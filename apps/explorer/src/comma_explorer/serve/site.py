"""The pages and their handlers."""

import logging
from asyncio import Semaphore
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from comma_data.errors import DataError
from comma_data.pages import show
from comma_data.pages.page import TEMPLATES as SHARED
from comma_data.pages.page import doi, environment, formula, words
from comma_encoders.errors import EncoderError
from jinja2 import Environment
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from comma_explorer.explain.page.render import SCRIPT, STYLE, fragment
from comma_explorer.search.errors import AbsentError, SearchError
from comma_explorer.serve.apart import AT_ONCE
from comma_explorer.serve.asked import LONGEST, MOST, Asked
from comma_explorer.serve.desk import Desk, Found
from comma_explorer.serve.guard import Guard, TooLargeError
from comma_explorer.serve.pictures import DRAWN, document

HERE = Path(__file__).parent
STATIC = {"app.css": "text/css", "app.js": "text/javascript", "turn.js": "text/javascript"}
"""Files that are given out, and their types; no other name leads anywhere."""
LARGEST = 32 * 2**20
"""Bytes that a page may send."""
MISTAKES = (SearchError, EncoderError, DataError)
"""What is the asker's to mend: it is told, and nothing else is."""
ATLAS = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob: data:; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; worker-src blob:; connect-src data: blob:; base-uri 'none'; "
    "form-action 'none'; sandbox allow-scripts allow-downloads"
)
"""The atlas brings its own program, whose map makes functions of text (regl); it gets no origin and no way out."""
HEADINGS = {**show.HEADINGS, "text": "Protocols", "structure": "Structures", "composition": "Compositions"}

log = logging.getLogger("comma.serve")


@dataclass(frozen=True, kw_only=True)
class Site:
    """Handlers over a desk."""

    desk: Desk
    _reading: Semaphore = field(default_factory=lambda: Semaphore(AT_ONCE), repr=False)
    """Files that wait for their turn hold no thread that a search could have."""
    _explaining: Semaphore = field(default_factory=lambda: Semaphore(1), repr=False)
    """So for explanations."""

    async def home(self, request: Request) -> Response:
        """The form, and below it what was found."""
        try:
            asked = Asked.parse(request.query_params)
        except MISTAKES as error:
            return self._home(self.desk.left(Asked.typed(request.query_params)), problem=str(error))
        if not asked.asks:
            return self._home(asked)
        try:
            found = await run_in_threadpool(self.desk.answer, asked)
        except MISTAKES as error:  # what is gone would make every later question of this form fail again
            return self._home(self.desk.left(asked), problem=str(error))
        return self._home(asked, found=found)

    def _home(self, asked: Asked, *, found: Found | None = None, problem: str = "") -> Response:
        index = self.desk.finder.index
        sent = self.desk.sent.remembered(asked.files)
        told = {note for question in sent.values() for note in question.notes}
        liked = [(m, row, self.desk.hit(m, row).places[0]) for m, row in asked.like]
        page = (
            _environment()
            .get_template("home.html")
            .render(
                asked=asked,
                found=found,
                problem=problem,
                sent=sent,
                notes=[n for question in (found.questions if found else ()) for n in question.notes if n not in told],
                liked=liked,
                headings=HEADINGS,
                counts={name: told.values for name, told in index.manifest.modalities.items()},
                about=index.manifest,
                known=self.desk.sent.known,
                targets=self.desk.targets,
                drawn=DRAWN if self.desk.data is not None else (),
                shown=self.desk.data is not None,
                single=bool(asked.words) + len(asked.files) + len(asked.like) == 1,
                atlas=self.desk.atlas is not None,
                longest=LONGEST,
                most=MOST,
            )
        )
        return HTMLResponse(page, status_code=400 if problem else 200)

    async def receive(self, request: Request) -> Response:
        """Take a file; the answer is its key."""
        name = unquote(request.headers.get("x-name", "file"))
        content = await request.body()
        try:
            async with self._reading:
                key = await run_in_threadpool(self.desk.sent.keep, name, content)
        except MISTAKES as error:
            return JSONResponse({"problem": str(error)}, status_code=400)
        return JSONResponse({"key": key})

    async def picture(self, request: Request) -> Response:
        """A value of the index as SVG."""
        modality, row = request.path_params["modality"], request.path_params["row"]
        if modality not in DRAWN:
            return self._told(f"{modality} has no picture", 404)
        try:
            value = await run_in_threadpool(self.desk.value, modality, row)
        except MISTAKES as error:
            return self._refused(error)
        policy = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:"}
        return Response(document(modality, value), media_type="image/svg+xml", headers=policy)

    async def entry(self, request: Request) -> Response:
        """Everything that the data set holds of one material."""
        try:
            sample = await run_in_threadpool(self.desk.sample, request.path_params["identifier"])
        except MISTAKES as error:
            return self._refused(error)
        return HTMLResponse(show.page(sample))

    async def why(self, request: Request) -> Response:
        """What makes a hit similar to the question."""
        try:
            asked = Asked.parse(request.query_params)
            modality, row = request.path_params["modality"], request.path_params["row"]
            async with self._explaining:
                found = await run_in_threadpool(self.desk.why, asked, modality, row)
        except MISTAKES as error:
            return self._refused(error)
        page = _environment().get_template("why.html").render(asked=asked, body=fragment(found))
        return HTMLResponse(page)

    async def atlas(self, _request: Request) -> Response:
        """The atlas, where the server was started with one."""
        if self.desk.atlas is None:
            return self._told("this server was started without an atlas: `comma serve --atlas FILE`", 404)
        return FileResponse(self.desk.atlas, media_type="text/html", headers={"content-security-policy": ATLAS})

    async def static(self, request: Request) -> Response:
        """A file of the package."""
        name = request.path_params["name"]
        if name not in STATIC:
            return self._told("there is no such page", 404)
        text = SCRIPT if name == "turn.js" else (HERE / "static" / name).read_text(encoding="utf-8")
        if name == "app.css":
            text = (SHARED / "style.css").read_text(encoding="utf-8") + STYLE + text
        return Response(text, media_type=STATIC[name])

    def _refused(self, error: Exception) -> Response:
        """What is not there is 404, damaged data are the server's fault, and anything else is the asker's."""
        status = 404 if isinstance(error, AbsentError) else 500 if isinstance(error, DataError) else 400
        return self._told(str(error), status)

    def _told(self, problem: str, status: int) -> Response:
        page = _environment().get_template("problem.html").render(problem=problem, missing=status == 404)
        return HTMLResponse(page, status_code=status)

    async def lost(self, _request: Request, _error: Exception) -> Response:
        """An address that leads nowhere."""
        return self._told("there is no such page", 404)

    async def too_large(self, _request: Request, error: Exception) -> Response:
        """A body that went on beyond the bound."""
        return PlainTextResponse(str(error), status_code=413)

    async def failed(self, _request: Request, error: Exception) -> Response:
        """A fault of ours: told on the terminal, not to the page."""
        log.error("a request failed", exc_info=error)
        return self._told("this failed; the terminal says why", 500)


def app_of(desk: Desk, *, token: str, port: int) -> Guard:
    """The guarded web app."""
    site = Site(desk=desk)
    routes = [
        Route("/", site.home),
        Route("/sent", site.receive, methods=["POST"]),
        Route("/picture/{modality:str}/{row:int}", site.picture),
        Route("/entry/{identifier:str}", site.entry),
        Route("/why/{modality:str}/{row:int}", site.why),
        Route("/atlas", site.atlas),
        Route("/static/{name:str}", site.static),
    ]
    handlers: dict[Any, Callable[..., Any]] = {
        404: site.lost,
        405: site.lost,
        TooLargeError: site.too_large,
        500: site.failed,
    }
    app = Starlette(routes=routes, exception_handlers=handlers)
    return Guard(app=app, token=token, port=port, largest=LARGEST)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return environment(HERE / "templates", formula=formula, doi=doi, words=words)
