"""How the EVC provider of the demo street learns the electricity prices: it reads the grid operator's VTN itself."""

import asyncio
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NoReturn

import httpx

from homeapp.ports import Clock

_TIMEOUT_S = 10.0
_QUARTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class AnnouncedPrice:
    """An import price per kWh from ``start`` on, for a quarter hour."""

    start: datetime
    import_price: Decimal
    currency: str


class PriceReader:
    """A client of OpenADR 3.1 with credentials of its own; it reads programs and events.

    Args:
        url: base URL of the VTN.
        tls: trusts its certificate.
        poll_s: s of the street's time between two looks.

    Attributes:
        prices: as read last, ascending.
    """

    def __init__(
        self, *, url: str, client_id: str, client_secret: str, tls: ssl.SSLContext, clock: Clock, poll_s: float = 60.0
    ) -> None:
        self.prices: tuple[AnnouncedPrice, ...] = ()
        self._url = url
        self._credentials = {"client_id": client_id, "client_secret": client_secret}
        self._tls = tls
        self._clock = clock
        self._poll_s = poll_s
        self._read = asyncio.Event()

    async def run(self) -> NoReturn:
        """Read the prices again and again, until cancelled; a VTN that is out of reach is tried again."""
        while True:
            try:
                await self.read()
            except httpx.HTTPError:
                await self._clock.sleep(1.0)
            else:
                await self._clock.sleep(self._poll_s)

    async def read(self) -> None:
        """Read them once.

        Raises:
            httpx.HTTPError: no answer, or a refusal.
        """
        async with httpx.AsyncClient(verify=self._tls, trust_env=False, timeout=_TIMEOUT_S) as http:
            form = {"grant_type": "client_credentials", **self._credentials}
            told = (await http.post(f"{self._url}/auth/token", data=form)).raise_for_status().json()
            http.headers["Authorization"] = f"Bearer {told['access_token']}"
            prices: list[AnnouncedPrice] = []
            for program in (await http.get(f"{self._url}/programs")).raise_for_status().json():
                query = {"programID": program["id"]}
                for event in (await http.get(f"{self._url}/events", params=query)).raise_for_status().json():
                    prices += _prices(event)
        self.prices = tuple(sorted(prices, key=lambda price: price.start))
        self._read.set()

    async def has_read(self) -> None:
        """Wait until prices have been read."""
        await self._read.wait()


def _prices(event: dict[str, Any]) -> list[AnnouncedPrice]:
    currency = next(
        (item.get("currency", "") for item in event.get("payloadDescriptors", ()) if item["payloadType"] == "PRICE"), ""
    )
    found: list[AnnouncedPrice] = []
    for place, interval in enumerate(event.get("intervals", ())):
        values = {item["type"]: item["values"][0] for item in interval["payloads"]}
        if "PRICE" in values:
            start = datetime.fromisoformat(event["intervalPeriod"]["start"]) + place * _QUARTER
            found.append(AnnouncedPrice(start, Decimal(str(values["PRICE"])), currency))
    return found
