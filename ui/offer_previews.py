"""What taking part in a request would change; asked for while somebody looks at it."""

from PySide6.QtCore import QElapsedTimer, QObject, Signal

from homeapp import api
from homeapp.errors import HomeappError
from homeapp.model.offer import OfferCase
from homeapp.model.plan import OfferPreview
from ui.hub_link import HubLink

_FRESH_MS = 60_000


class OfferPreviews(QObject):
    """The preview of one request at a time.

    Signals:
        changed: it has come, or cannot be had.
    """

    changed = Signal()

    def __init__(self, link: HubLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._wanted = ""
        self._asked = QElapsedTimer()
        self._preview: OfferPreview | None = None
        self.problem = ""

    def of(self, case: OfferCase) -> OfferPreview | None:
        """The preview of what is shown, or None while it is not known; asks for it."""
        if self._wanted != case.digest or not self._asked.isValid() or self._asked.elapsed() > _FRESH_MS:
            self._ask(case)
        return self._preview if self._preview is not None and self._preview.digest == case.digest else None

    def _ask(self, case: OfferCase) -> None:
        digest = case.digest
        if digest != self._wanted:
            self.problem = ""
        self._wanted = digest
        self._asked.start()

        def take(preview: OfferPreview) -> None:
            if digest == self._wanted:
                self._preview, self.problem = preview, ""
                self.changed.emit()

        def refuse(error: HomeappError) -> None:
            if digest == self._wanted:
                self._preview, self.problem = None, str(error)
                self.changed.emit()

        self._link.call(api.PreviewOffer(key=case.offer.key, digest=digest), take, refuse, owner=self)
