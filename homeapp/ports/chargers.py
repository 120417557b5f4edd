"""Chargers and the endpoint that they connect to."""

from collections.abc import Collection
from enum import StrEnum
from typing import Protocol

from homeapp.model.device import Candidate
from homeapp.model.offer import Job
from homeapp.model.readings import EvceCommand, EvceState


class Admission(StrEnum):
    """What the OCPP endpoint does with a station at the door."""

    ADOPTED = "adopted"
    KNOCKING = "knocking"
    """unknown: let in to introduce itself, nothing more"""
    REFUSED = "refused"
    """known, but its password is wrong"""


class StationRegister(Protocol):
    """What the hub knows of charging stations; the OCPP endpoint asks and tells it. None of these blocks."""

    def admission(self, device_id: str, password: str | None) -> Admission:
        """Whether a station with this identity and Basic password (None: none sent) may come in."""

    def is_adopted(self, device_id: str) -> bool:
        """Whether it is a device of this home; asked of those that need no password."""

    def vendor(self, device_id: str) -> str:
        """Its vendor, as it told when it was adopted; empty where that is not known."""

    def agreed_firmware(self, device_id: str, location: str, signature: str) -> bool:
        """Whether the owner has agreed to firmware at this address, with this signature, and its time has come."""

    def turned_away(self, device_id: str, sentence: str) -> None:
        """A station of this home was not let in because of its certificate; ``sentence`` is for the owner."""

    def authorizes(self, device_id: str, id_token: str) -> bool:
        """Whether this token may charge here."""

    def knocked(self, candidate: Candidate) -> None:
        """An unknown station has introduced itself (again)."""

    def changed(self, state: EvceState) -> None:
        """An adopted station's state has changed."""


class StationCertificates(Protocol):
    """The hub as certificate authority of its stations (OCPP A00 to A05); asked by the OCPP endpoint.

    What says that it blocks is to be called in a thread of its own. Serial numbers are hexadecimal, lower case, without
    leading zeros, and of certificates that TLS has found to be of this authority and in force.
    """

    @property
    def authority_pem(self) -> str:
        """The certificate of the authority, PEM."""

    @property
    def organization(self) -> str:
        """The name of the organization in each certificate (A00.FR.509)."""

    @property
    def in_use(self) -> bool:
        """Whether any station has a certificate or had one, so that it is worth asking for it."""

    def objection(self, device_id: str, names: Collection[str], request_pem: str) -> str | None:
        """What is wrong with a request (PKCS#10, PEM) of a station, or None.

        Args:
            device_id: the station.
            names: its identity and serial number, one of which must be the common name, or that of its last one.
            request_pem: the request.
        """

    def sign(self, device_id: str, names: Collection[str], request_pem: str) -> str:
        """A new certificate and its authority's, PEM; the ones before it hold until it is first shown. Blocks.

        Raises:
            DeviceRefused: there is an objection.
            EnvironmentProblem: it cannot be noted in the data directory.
        """

    def refusal(self, device_id: str, serial: str | None) -> str | None:
        """Why a station that shows this certificate, or none, is not let in, for the log; None where it may be."""

    def shown_by(self, device_id: str, serial: str) -> None:
        """A station has come in with a certificate: from now on nothing less is enough (A05.FR.09). Blocks.

        Raises:
            EnvironmentProblem: it cannot be noted in the data directory.
        """

    def renewal_due(self, device_id: str) -> bool:
        """Whether its newest certificate is in force for less than 30 days."""

    def revoke(self, device_id: str) -> None:
        """None of its certificates holds any more; it is a stranger. Blocks.

        Raises:
            EnvironmentProblem: it cannot be noted in the data directory.
        """


class Evce(Protocol):
    """One adopted charging station."""

    @property
    def device_id(self) -> str:
        """The station's stable id."""

    @property
    def state(self) -> EvceState:
        """The newest state."""

    async def apply(self, command: EvceCommand) -> None:
        """Bring the station to ``command``; called every control cycle with the current wish.

        Idempotent: it talks to the station only when the wish has changed noticeably or half of the lease is over.
        A wish to charge starts a transaction where a car waits for one.

        Raises:
            DeviceUnreachable: the station is offline or did not answer in time.
            DeviceRefused: it rejected the limit.
            NotSupported: it cannot feed.
        """

    async def update_software(self, job: Job) -> None:
        """Have the station load and install software; how it goes on shows in ``state.software``.

        Where the job has a signature, the station is told to check it.

        Raises:
            DeviceUnreachable: the station is offline or did not answer in time.
            DeviceRefused: it charges or feeds just now, the job is incomplete, or the station does not take it.
        """


class EvceEndpoint(Protocol):
    """The server that charging stations connect to."""

    async def run(self, register: StationRegister) -> None:
        """Serve until cancelled.

        Raises:
            EnvironmentProblem: the port cannot be opened.
        """

    def evce(self, device_id: str) -> Evce | None:
        """The adopted station, or None while it has not connected since start."""

    async def enrol(self, device_id: str) -> str:
        """Give a knocking station a new password and return it; the station is expected to come back with it.

        Raises:
            DeviceUnreachable: it is not connected.
            DeviceRefused: it does not accept a password.
        """

    async def drop(self, device_id: str) -> None:
        """Close the station's connection, so that it comes back and is judged anew."""

    async def raise_security(self, device_id: str) -> None:
        """Give the station a certificate of its own and let it use that instead of its password (A02, A05).

        Returns once the station has begun to change over; that it did not succeed becomes a problem of the station.

        Raises:
            DeviceUnreachable: it is not connected, or did not answer in time.
            DeviceRefused: it is in use, or does not play along; nothing has changed then.
            NotSupported: its connection is not encrypted.
        """

    async def forget(self, device_id: str) -> None:
        """The station is no longer of this home: its certificates are revoked and its connection is closed.

        Raises:
            EnvironmentProblem: that cannot be noted in the data directory.
        """
