"""Content and drawings to one HTML file that loads nothing from elsewhere."""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from aftercar.report.first_page import first_page_fit
from aftercar.report.page_timelines import print_rules
from aftercar.report.populations import CUT_WORDS
from aftercar.report.sign_off import with_sign_off
from aftercar.report.svg import inert
from aftercar.report.words import MEASUREMENT_WORDS, RISK_WORDS, chip

LONGEST_NAME = 24  # letters of a patient's id at the foot of a sheet, beside its number


def render_patient(content: dict, figures: Mapping[str, object]) -> str:
    """Return the page of a patient; it holds no script at all. Without signatures: not signed."""
    if "sign_off" not in content:
        content = with_sign_off(content, [], [])
    kinds = {m["category"]["status"] for m in content["mechanisms"]}
    order = ("SIGNAL", "SIGNAL_CONFLICTING", "NO_SIGNAL")
    worst = next(
        (word for word in order if word in kinds and content["landmark"]), "NOT_ASSESSABLE"
    )
    if content["ended"]:  # a page that begins with a relapse or death never looks clear
        worst = "SIGNAL"
    kind = "failed" if content["report_status"]["status"] == "FAILED" else RISK_WORDS[worst][1]
    legend = [
        *(chip("risk", w) for w in RISK_WORDS),
        *(chip("measurement", w) for w in MEASUREMENT_WORDS),
    ]
    version = content["provenance"]["versions"]["aftercar"]
    status = content["report_status"]["status"]
    name = content["patient_id"][:LONGEST_NAME]
    timelines: Any = figures["timelines"]
    return _render(
        "patient.html.j2",
        margin=f"{name} · AfterCAR {version} · {status} · research use only",
        rules=print_rules(timelines) if timelines else "",
        c=content,
        charts=figures,
        answer_kind=kind,
        fit=first_page_fit(content),
        cut_sources=", ".join(f"{word} {said}" for word, said in CUT_WORDS.items()),
        legend=legend,
    )


def render_cohort(content: dict, figures: Mapping[str, object]) -> str:
    """Return the cohort page; without its script the table is neither sorted nor filtered."""
    return _render("cohort.html.j2", script="cohort.js", c=content, charts=figures)


def render_quality(content: dict, figures: Mapping[str, object]) -> str:
    """Return the page on quality by batch; it holds no script at all."""
    return _render("quality.html.j2", c=content, charts=figures)


def _render(
    template: str, *, script: str = "", margin: str = "", rules: str = "", **variables: object
) -> str:
    """Fill a template; `margin` is printed at the foot of every sheet of paper.

    `rules` are added to the style.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("aftercar.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_refuse_missing,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["inert"] = lambda words: inert(_refuse_missing(words))
    environment.filters["sentence"] = lambda words: f"{words[:1].upper()}{words[1:]}"
    style = _source(environment, "page.css")
    if margin:
        style += f'@page{{@bottom-left{{content:"{margin}";font:8pt Arial,sans-serif}}}}\n'
    style += rules
    policy = f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; base-uri 'none'"
    policy += "; form-action 'none'"
    if script:
        variables["script"] = Markup(_source(environment, script))
        policy += f"; script-src '{_hash(str(variables['script']))}'"
    page = environment.get_template(template)
    return page.render(style=Markup(style), policy=Markup(policy), **variables)


def _source(environment: Any, name: str) -> str:
    """Return a file of the templates as it stands, as its hash needs."""
    return environment.loader.get_source(environment, name)[0]


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _refuse_missing(value: object) -> object:
    """Raise where a template would print a missing value: a page says in words what is missing."""
    if value is None or (isinstance(value, float) and value != value):
        raise ValueError("a template prints a missing value; write in words what is missing")
    return value
