"""How the demo VTN says no: problem objects of OpenADR 3.1 (RFC 7807)."""

from http import HTTPStatus


class VtnRefusal(Exception):
    """A request is answered with an error status.

    Attributes:
        status: of HTTP.
        error: code of RFC 6749 clause 5.2 where a login failed, else empty.
    """

    def __init__(self, status: int, detail: str, *, error: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.error = error

    def problem(self) -> dict[str, object]:
        """The body of the answer: ``problem``, and ``authError`` besides where it is one."""
        told: dict[str, object] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": str(self),
        }
        return told | ({"error": self.error} if self.error else {})
