"""A VTN in the home's own network, as it announces itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundVtn:
    """What an announcement says; nobody has checked any of it.

    Attributes:
        name: of the service instance.
        url: its base URL, to be entered as ``vtn_url``; empty where it offers none over HTTPS.
        address: where it was heard.
        version: of OpenADR, as told.
        programs: names of its programs, as told.
        needs_login: whether client id and secret are needed, as told; None where it does not say.
    """

    name: str
    url: str
    address: str
    version: str = ""
    programs: tuple[str, ...] = ()
    needs_login: bool | None = None
