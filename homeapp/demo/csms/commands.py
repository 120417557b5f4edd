"""What the provider can have a station do, in words of no version of OCPP."""

from collections.abc import Mapping
from typing import Protocol

from homeapp.demo.csms.orders import NetworkOrder, ProfileOrder, ProfileSelection, SoftwareOrder
from homeapp.demo.ocpp.schemas import Json


class Commands(Protocol):
    """Commands to one connected station.

    Each returns the status of the station's answer, or the whole answer where there is more in it.

    All raise:
        CallRefused: the station answered with a CALLERROR.
        ConnectionGone: it is not connected any more.
        TimeoutError: it did not answer.
        ValueError: the command cannot be said in the station's version.
    """

    async def raw(self, action: str, payload: Json) -> Json:
        """Any CALL, whether a schema knows it or not."""

    async def set_profile(self, order: ProfileOrder) -> str:
        """SetChargingProfile."""

    async def clear_profiles(self, selection: ProfileSelection) -> str:
        """ClearChargingProfile."""

    async def get_profiles(self, request_id: int, selection: ProfileSelection, /) -> str:
        """GetChargingProfiles; the reports follow. Not in 1.6."""

    async def composite_schedule(self, evse: int, duration_s: int, unit: str = "W") -> Json:
        """GetCompositeSchedule."""

    async def start(self, token: str, evse: int = 1, profile: ProfileOrder | None = None) -> str:
        """Start a transaction from afar."""

    async def stop(self, transaction_id: str) -> str:
        """Stop a transaction from afar."""

    async def update_software(self, order: SoftwareOrder) -> str:
        """UpdateFirmware; in 1.6 SignedUpdateFirmware where it is signed. Empty where the answer has no status."""

    async def send_local_list(self, version: int, tokens: Mapping[str, str], *, full: bool = True) -> str:
        """SendLocalList: status by token."""

    async def set_variable(self, name: str, value: str) -> str:
        """SetVariables of ``Component.Variable``; in 1.6 ChangeConfiguration of a key."""

    async def get_variable(self, name: str) -> str | None:
        """GetVariables; in 1.6 GetConfiguration. None where the station does not tell it."""

    async def set_network_profile(self, order: NetworkOrder, /) -> str:
        """SetNetworkProfile. Not in 1.6."""

    async def install_certificate(self, kind: str, pem: str) -> str:
        """InstallCertificate."""

    async def trigger(self, message: str, evse: int | None = None) -> str:
        """TriggerMessage."""

    async def reset(self, *, when_idle: bool = False) -> str:
        """Reset; in 1.6 Hard, or Soft where it may wait."""

    async def unlock(self, evse: int = 1) -> str:
        """UnlockConnector."""

    async def set_availability(self, *, operative: bool, evse: int = 0) -> str:
        """ChangeAvailability."""

    async def data_transfer(self, vendor: str, message: str, data: str) -> str:
        """DataTransfer."""

    async def update_dynamic_schedule(self, profile_id: int, update: Json, /) -> str:
        """UpdateDynamicSchedule. Only in 2.1."""

    async def allow_transfer(self, transaction_id: str, modes: list[str], /) -> str:
        """NotifyAllowedEnergyTransfer. Only in 2.1."""
