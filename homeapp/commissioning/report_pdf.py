"""The commissioning report on paper: A4, the same content as the signed JSON. Not imported before one is written."""

from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer

_MARK = {"passed": "passed", "skipped": "LEFT OUT"}
_SITE = (
    ("phases", "Phases", ""),
    ("fuse_a", "Main fuse per phase", "A"),
    ("fuse_margin", "Part of it that is used", ""),
    ("max_current_a", "The charger's circuit", "A"),
    ("safe_current_a", "The charger without the hub (fail-safe)", "A"),
    ("feed_allowed", "Export of the car's energy", ""),
    ("feed_cap_a", "Most export per phase", "A"),
    ("time_zone", "Time zone", ""),
)


def draw(report: dict[str, Any], digest: str) -> bytes:
    """The document; ``digest`` is the SHA-256, hex, of the signed JSON. The same report makes the same bytes."""
    paper = BytesIO()
    document = SimpleDocTemplate(
        paper,
        pagesize=A4,
        title="Commissioning report",
        author="homeapp",
        lang=report["language"] or "en",
        leftMargin=20 * mm,
        rightMargin=20 * mm,
        topMargin=18 * mm,
        bottomMargin=18 * mm,
        invariant=1,
    )
    document.build([*_head(report, digest), *_site(report), *_devices(report), *_steps(report)])
    return paper.getvalue()


def _head(report: dict[str, Any], digest: str) -> list[Flowable]:
    gaps = ", ".join(_words(gap) for gap in report["gaps"]) or "none"
    lines = [
        f"Home: {report['home'] or 'without a name'}",
        f"Begun {_when(report['begun_at'])}, finished {_when(report['finished_at'])}",
        f"Installer: {report['installer'] or 'not named'}",
        f"Left out: {gaps}",
        f"Hub {report['hub']}, version {report['hub_version']}",
        f"SHA-256 of the signed report: {digest}",
    ]
    return [_text("Commissioning report", "Title"), *(_text(line) for line in lines), Spacer(0, 4 * mm)]


def _site(report: dict[str, Any]) -> list[Flowable]:
    site, limit = report["site"], report["grid_limit"]
    lines = [f"{name}: {_value(site[key])} {unit}" for key, name, unit in _SITE if site[key] is not None]
    lines.append(f"When the grid operator is lost under a limit: {limit['failsafe_w']:g} W")
    lines.append(f"No limit of the grid operator below: {limit['dso_floor_w']:g} W")
    return [_text("Grid connection", "Heading2"), *(_text(line) for line in lines)]


def _devices(report: dict[str, Any]) -> list[Flowable]:
    lines = [f"{item['name']}: {item['product']} ({item['id']})" for item in report["devices"]]
    return [_text("Devices", "Heading2"), *(_text(line) for line in lines or ["none"])]


def _steps(report: dict[str, Any]) -> list[Flowable]:
    drawn: list[Flowable] = []
    for step in report["steps"]:
        drawn.append(_text(_words(step["step"]).capitalize(), "Heading2"))
        for check in step["checks"]:
            drawn.append(_text(f"{_words(check['check']).capitalize()}: {_MARK[check['state']]}", "Heading4"))
            told = ("tried", "seen", "advice", "reason")
            drawn += [_text(f"{name.capitalize()}: {check[name]}") for name in told if check[name]]
    return drawn


def _text(words: str, style: str = "BodyText") -> Paragraph:
    return Paragraph(escape(_printable(words)), _styles()[style])


def _styles() -> dict[str, ParagraphStyle]:
    sheet = getSampleStyleSheet()
    return {name: sheet[name] for name in ("Title", "Heading2", "Heading4", "BodyText")}


def _printable(words: str) -> str:
    """The standard fonts of PDF know Latin letters only; all others are in the signed JSON."""
    return words.encode("cp1252", "replace").decode("cp1252")


def _when(instant: str) -> str:
    return f"{instant[:16].replace('T', ' ')} UTC"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
