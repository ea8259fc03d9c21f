"""Texts that would do something if a page took them for more than text, and a data set that is full of them."""

import numpy as np
from comma_data.sample import Sample
from comma_data.split import fold
from comma_data.writer import Description, write

MARK = "window.__pwned=1"
OUTSIDE = "http://127.0.0.2:9/x"
"""Where nothing may be asked for."""
SHAPES = (
    "<script>{m}</script>",
    "</script><script>{m}</script>",
    "<img src=x onerror={m}>",
    '"><img src=x onerror={m}>',
    "'><svg onload={m}>",
    "<svg><script>{m}</script></svg>",
    "<iframe srcdoc='<script>parent.{m}</script>'></iframe>",
    "<a href=javascript:{m}>x</a>",
    "javascript:{m}//",
    "<style>@import '{o}';</style>",
    "<link rel=stylesheet href={o}>",
    "<img src={o}>",
    "<object data={o}></object>",
    "<base href={o}>",
    "<meta http-equiv=refresh content='0;url={o}'>",
    "<form action={o}><button autofocus onfocus={m}>",
    "<input autofocus onfocus={m}>",
    "<details open ontoggle={m}>",
    "<body onload={m}>",
    "<math><mi xlink:href='javascript:{m}'>x</mi></math>",
    "{{{{ self.__init__.__globals__ }}}}",
    "{{% for x in ().__class__.__bases__ %}}{{{{x}}}}{{% endfor %}}",
    "${{{m}}}",
    "`${{{m}}}`",
    "<!--<script>{m}</script>",
    "]]><script>{m}</script>",
    "\\u003cscript\\u003e{m}\\u003c/script\\u003e",
    "&lt;script&gt;{m}&lt;/script&gt;",
    "&#60;script&#62;{m}&#60;/script&#62;",
    "%3Cscript%3E{m}%3C/script%3E",
    "x' onmouseover='{m}",
    'x" onmouseover="{m}',
    "\u202e<script>{m}</script>",
    "\u2028<script>{m}</script>",
)


def payloads(count=100):
    """So many different texts."""
    made = []
    for number in range(count):
        shape = SHAPES[number % len(SHAPES)]
        made.append(f"{shape.format(m=MARK, o=OUTSIDE)} {number}")
    return made


def samples(texts):
    """A crystal for each text, of a formula of its own, with it wherever a data set holds words of others."""
    for number, text in enumerate(texts):
        formula = f"Na{number + 1}Cl" if number else "NaCl"
        structure = {
            "numbers": np.array([11, 17]),
            "positions": np.array([[0.0, 0, 0], [2.8, 2.8, 2.8 + number / 1000]]),
            "cell": 5.64 * np.eye(3),
            "periodic": np.ones(3, bool),
        }
        yield Sample(
            id=f"s-{number:03d}",
            fields={"structure": (structure,), "text": ((f"{text}.", f"Heat at {number} °C."),)},
            groups={"formula": formula, "fold": str(fold(formula))},
            targets={"gap": number / 10},
            provenance={
                "structure": (
                    {"origin": "computed", "source": text, "key": text, "prototype": text, "space_group": text},
                ),
                "text": ({"origin": "text-mined", "source": text, "doi": text, "joined_by": "entry"},),
            },
        )


def hostile_data(folder, count=100):
    """The data set."""
    description = Description(name=payloads(1)[0], build={}, inputs={}, counts={}, joined={})
    write(samples(payloads(count)), folder, description)
    return folder
