"""The commissioning report on paper: A4, the same content as the signed JSON. Not imported before one is written."""

from datetime import datetime
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table

from homeapp.commissioning.report_words import CHECKS, STEPS
from homeapp.model.commissioning import CheckId, CheckState, Step

_INK, _DIM, _LINE, _TINT = HexColor(0x0F1720), HexColor(0x4B5866), HexColor(0xC9D2DB), HexColor(0xF1F4F7)
_GREEN, _AMBER, _AMBER_TINT = HexColor(0x08774A), HexColor(0x9A5B00), HexColor(0xFFF4DC)
_MARGIN, _WIDTH = 18 * mm, A4[0] - 36 * mm
_NAME_WIDTH, _MARK_WIDTH, _TITLE_WIDTH = 50 * mm, 8 * mm, 50 * mm
_FRAME = 6
"""What reportlab keeps free inside its frame, pt."""
_STYLES = {
    "title": ParagraphStyle("title", fontName="Helvetica-Bold", fontSize=22, leading=27, textColor=_INK),
    "kind": ParagraphStyle("kind", fontName="Helvetica", fontSize=11, leading=15, textColor=_DIM),
    "head": ParagraphStyle("head", fontName="Helvetica-Bold", fontSize=13, leading=17, textColor=_INK),
    "name": ParagraphStyle("name", fontName="Helvetica-Bold", fontSize=9.5, leading=13, textColor=_INK),
    "text": ParagraphStyle("text", fontName="Helvetica", fontSize=9.5, leading=13, textColor=_INK),
    "dim": ParagraphStyle("dim", fontName="Helvetica", fontSize=8.5, leading=11.5, textColor=_DIM),
}
_SITE = (
    ("phases", "Phases", ""),
    ("fuse_a", "Main fuse per phase", "A"),
    ("fuse_margin", "Part of it that is used", "%"),
    ("max_current_a", "The charger's circuit", "A"),
    ("safe_current_a", "The charger without the hub", "A"),
    ("feed_allowed", "Export of the car's energy", ""),
    ("feed_cap_a", "Most export per phase", "A"),
    ("time_zone", "Time zone", ""),
)
Report = dict[str, Any]


def draw(report: Report, digest: str) -> bytes:
    """The document; ``digest`` is the SHA-256, hex, of the signed JSON. The same report makes the same bytes."""
    paper = BytesIO()
    document = SimpleDocTemplate(
        paper,
        pagesize=A4,
        title="Commissioning report",
        author="homeapp",
        lang=report["language"] or "en",
        leftMargin=_MARGIN - _FRAME,
        rightMargin=_MARGIN - _FRAME,
        topMargin=_MARGIN - _FRAME,
        bottomMargin=22 * mm,
        invariant=1,
    )

    def foot(canvas: Canvas, _document: SimpleDocTemplate) -> None:
        _foot(canvas, digest)

    story = [*_head(report, digest), *_gaps(report), *_steps(report), *_site(report), *_devices(report)]
    document.build(story, onFirstPage=foot, onLaterPages=foot)
    return paper.getvalue()


def _foot(canvas: Canvas, digest: str) -> None:
    canvas.setStrokeColor(_LINE)
    canvas.line(_MARGIN, 17 * mm, A4[0] - _MARGIN, 17 * mm)
    canvas.setFillColor(_DIM)
    canvas.setFont("Helvetica", 7.5)
    canvas.drawString(_MARGIN, 12.5 * mm, f"SHA-256 {digest}")
    canvas.drawRightString(A4[0] - _MARGIN, 12.5 * mm, f"Page {canvas.getPageNumber()}")


def _head(report: Report, digest: str) -> list[Flowable]:
    told = [
        ("Installer", report["installer"] or "not named"),
        ("Begun", _when(report, report["begun_at"])),
        ("Finished", _when(report, report["finished_at"])),
        ("Hub", f"version {report['hub_version']}, key {report['hub']}"),
        ("Signed report", f"SHA-256 {digest}"),
        ("To verify", "homeapp report verify FILE, with this file or with commissioning-report.jws"),
    ]
    return [
        _text(report["home"] or "This home", "title"),
        _text("Commissioning report, signed by the hub of this home", "kind"),
        Spacer(0, 4 * mm),
        _facts(told, 30 * mm),
    ]


def _gaps(report: Report) -> list[Flowable]:
    """What was left out, before anything else."""
    checks = [check for step in report["steps"] for check in step["checks"]]
    gaps = [check for check in checks if check["state"] == CheckState.SKIPPED]
    if not gaps:
        words = f"All {len(checks)} checks have passed; nothing was left out."
        return [Spacer(0, 5 * mm), _ruled([[_Mark(good=True), _text(words, "name")]], (_MARK_WIDTH, None), _TINT)]
    rows = [[_Mark(good=False), _text(CHECKS[CheckId(gap["check"])], "name"), _text(gap["reason"])] for gap in gaps]
    passed = len(checks) - len(gaps)
    return [
        Spacer(0, 5 * mm),
        _text(f"Left out: {len(gaps)} of {len(checks)} checks; {passed} have passed", "head"),
        Spacer(0, 2 * mm),
        _ruled(rows, (_MARK_WIDTH, _TITLE_WIDTH, None), _AMBER_TINT),
    ]


def _steps(report: Report) -> list[Flowable]:
    """One table, so that a page is filled before the next one begins; a title stays with its first check."""
    rows: list[list[Any]] = []
    style: list[tuple[Any, ...]] = []
    for number, step in enumerate(report["steps"], 1):
        at = len(rows)
        rows.append([_text(f"{number}  {STEPS[Step(step['step'])]}", "head"), "", ""])
        rows += [_check(report, check) for check in step["checks"]]
        style += [
            ("SPAN", (0, at), (-1, at)),
            ("NOSPLIT", (0, at), (-1, at + 1)),
            ("TOPPADDING", (0, at), (-1, at), 12),
        ]
    table = _ruled(rows, (_MARK_WIDTH, _TITLE_WIDTH, None))
    table.setStyle(style)
    return [table]


def _check(report: Report, check: Report) -> list[object]:
    skipped = check["state"] == CheckState.SKIPPED
    told: list[Flowable] = []
    if skipped:
        told.append(_text(f"Left out: {check['reason']}"))
    if check["seen"]:
        told.append(_text(check["seen"]))
    told += [_text(check[name], "dim") for name in ("tried", "advice") if check[name]]
    state = "left out" if skipped else "passed"
    when = f" {_when(report, check['at'])}" if check["at"] else ""
    title = [_text(CHECKS[CheckId(check["check"])], "name"), _text(f"{state}{when}", "dim")]
    return [_Mark(good=not skipped), title, told]


def _site(report: Report) -> list[Flowable]:
    site, limit = report["site"], report["grid_limit"]
    told = [(name, _value(site[key], unit)) for key, name, unit in _SITE if site[key] is not None]
    told.append(("Grid operator lost under a limit", f"{limit['failsafe_w']:g} W"))
    told.append(("No limit of it below", f"{limit['dso_floor_w']:g} W"))
    told += [("", "")] * (len(told) % 2)
    half = len(told) // 2
    rows = [
        [_text(name, "dim"), _text(words), _text(other, "dim"), _text(others)]
        for (name, words), (other, others) in zip(told[:half], told[half:], strict=True)
    ]
    return _titled("Settings of the grid connection", _ruled(rows, (_NAME_WIDTH, 26 * mm, _NAME_WIDTH, None)))


def _devices(report: Report) -> list[Flowable]:
    told = [(item["name"] or item["kind"], f"{item['product']} ({item['id']})") for item in report["devices"]]
    return _titled("Devices of the home", _facts(told, _NAME_WIDTH) if told else _text("none"))


def _titled(title: str, body: Flowable) -> list[Flowable]:
    return [KeepTogether([Spacer(0, 5 * mm), _text(title, "head"), Spacer(0, 1.5 * mm), body])]


def _facts(told: list[tuple[str, str]], width: float) -> Table:
    return _ruled([[_text(name, "dim"), _text(words)] for name, words in told], (width, None))


def _ruled(rows: list[list[Any]], widths: tuple[float | None, ...], tint: Color | None = None) -> Table:
    """Rows with a line below each, the last column as wide as there is room."""
    left = _WIDTH - sum(width or 0.0 for width in widths)
    table = Table(rows, colWidths=[left if width is None else width for width in widths])
    style: list[tuple[Any, ...]] = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 4),
        ("LEFTPADDING", (0, 0), (0, -1), 0 if tint is None else 6),
        ("RIGHTPADDING", (0, 0), (-1, -1), 4),
        ("TOPPADDING", (0, 0), (-1, -1), 4),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, _LINE),
    ]
    if tint is not None:
        style.append(("BACKGROUND", (0, 0), (-1, -1), tint))
    table.setStyle(style)
    return table


class _Mark(Flowable):  # type: ignore[misc]
    """A green check mark, or an amber flag, drawn: not every reader has a font with signs."""

    def __init__(self, *, good: bool) -> None:
        super().__init__()
        self.width, self.height, self._good = 10, 13, good

    def draw(self) -> None:
        canvas: Canvas = self.canv
        color = _GREEN if self._good else _AMBER
        canvas.setStrokeColor(color)
        canvas.setFillColor(color)
        canvas.setLineWidth(1.8 if self._good else 1.2)
        canvas.setLineCap(1)
        path = canvas.beginPath()
        corners = ((0.5, 5.5), (3.5, 2.5), (9, 9)) if self._good else ((1, 9.5), (9, 7), (1, 4.5))
        path.moveTo(*corners[0])
        for corner in corners[1:]:
            path.lineTo(*corner)
        canvas.drawPath(path, stroke=1, fill=0 if self._good else 1)
        if not self._good:
            canvas.line(1, 1, 1, 9.5)


def _text(words: str, style: str = "text") -> Paragraph:
    return Paragraph(escape(_printable(words)), _STYLES[style])


def _printable(words: str) -> str:
    """The standard fonts of PDF know Latin letters only; all others are in the signed JSON."""
    return words.encode("cp1252", "replace").decode("cp1252")


def _when(report: Report, instant: str) -> str:
    """By the clock of the home."""
    local = datetime.fromisoformat(instant).astimezone(ZoneInfo(report["site"]["time_zone"]))
    return local.strftime("%Y-%m-%d %H:%M %Z")


def _value(value: object, unit: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if unit == "%" and isinstance(value, float):
        return f"{value:.0%}"
    return f"{value:g} {unit}" if isinstance(value, float) else str(value)
