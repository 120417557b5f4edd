"""The adopted charger in commissioning: link, floor, control, plug, and power against limit while it is tested."""

from PySide6.QtWidgets import QHBoxLayout

from homeapp.model.device import DeviceLink, DeviceView
from homeapp.model.live import LiveCharger
from ui import words
from ui.setup import charger_words, device_words
from ui.setup.live_figure import LiveFigure
from ui.theme import Tone
from ui.tr import tr
from ui.view import Seen, View
from ui.widgets.banner import Banner
from ui.widgets.card import Card
from ui.widgets.chip import Badge
from ui.widgets.icon_line import IconLine
from ui.widgets.text import Text

_UNKNOWN = Seen(None, None, stale=True)


class AdoptedCharger(Card):
    """Figures first, since somebody stands at the car while it is tested."""

    def __init__(self) -> None:
        super().__init__(tr("Your charger"))
        self.badge = Badge()
        self.particulars = Text("", px=15, tone=Tone.TEXT2, lines=0)
        self.trouble = Banner("alert-triangle", Tone.AMBER, lines=0)
        self.plug = IconLine("plug-connected")
        self.power, self.limit = LiveFigure(tr("Measured at the charger")), LiveFigure(tr("Limit it has taken"))
        self.security, self.floor = IconLine("shield-lock"), IconLine("shield-check")
        self.control, self.feed = IconLine("adjustments"), IconLine("bolt")
        whose = QHBoxLayout()
        whose.setSpacing(12)
        whose.addWidget(self.particulars, 1)
        whose.addWidget(self.badge)
        figures = QHBoxLayout()
        figures.setSpacing(20)
        figures.addWidget(self.power, 1)
        figures.addWidget(self.limit, 1)
        self.body.addLayout(whose)
        self.body.addWidget(self.trouble)
        self.body.addWidget(self.plug)
        self.body.addLayout(figures)
        for line in (self.security, self.floor, self.control, self.feed):
            self.body.addWidget(line)

    def show_charger(self, charger: DeviceView, view: View, *, testing: bool, tested: bool) -> None:
        """Show this one; ``testing`` while its power is looked at, ``tested`` where no car is needed any more."""
        online = charger.link is DeviceLink.ONLINE
        self.entitle(device_words.name(charger))
        link, tone = words.link_words(charger.link) if view.alive else (tr("Unknown"), Tone.TEXT2)
        self.badge.say(link, tone)
        self.particulars.say(device_words.particulars(charger))
        self.trouble.say("" if online or not view.alive else charger.problem or words.link_advice(charger))
        live = device_words.live_charger(charger, view)
        self.plug.say(*charger_words.plug_words(live if view.alive else None))
        self.plug.setVisible(online and not testing and not tested)
        self._show_figures(live, view)
        protocol = device_words.protocol_words(charger.properties.get("protocol", ""))
        self.security.say("shield-lock", charger_words.security_words(charger.charger, protocol))
        self.floor.say("shield-check", charger_words.floor_words(view.site.safe_current_a, online=online))
        self.control.say("adjustments", charger_words.control_words(charger.charger))
        refusal = (charger.charger.feed_refusal or "") if charger.charger is not None else ""
        self.feed.say("bolt", refusal)
        self.feed.setVisible(bool(refusal))

    def _show_figures(self, live: LiveCharger | None, view: View) -> None:
        power = view.seen(live.power_w) if live is not None else _UNKNOWN
        current = view.seen(live.current_a) if live is not None else _UNKNOWN
        note = charger_words.power_note(current.value, power.value)
        shown = charger_words.amount(current.value, power.value)
        self.power.show_seen(power, shown, note, tone=Tone.GREEN if note else Tone.TEXT)
        granted_w = view.snapshot.granted_w if view.snapshot is not None and live is not None and live.primary else None
        limit = charger_words.limit_seen(live, granted_w, view.since_snapshot_s, alive=view.alive)
        limit_a = live.limit_a if live is not None else None
        told = tr("at most, on each phase") if limit_a is not None else tr("at most")
        self.limit.show_seen(limit, charger_words.amount(limit_a, granted_w), told)
