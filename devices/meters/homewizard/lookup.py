"""Which HomeWizard meter answers at an address, as far as it tells without a token.

A meter with version 2 of the API shows who it is in its certificate, whose common name carries product and serial (API
v2, "SSL Certificate Validation"); an older one in ``/api`` (API v1, "Basic"), where the owner has opened its local API.
"""

import asyncio
import ssl
from dataclasses import dataclass

from devices.meters.homewizard import api_v1, api_v2
from devices.meters.homewizard.link import ANSWER_WITHIN_S, Endpoint, authority, http_link
from devices.meters.homewizard.measurement import json_object
from devices.meters.homewizard.products import (
    DRIVER,
    clean_serial,
    device_id,
    is_meter,
    read_certificate_name,
)
from devices.meters.homewizard.trust import tls_context
from homeapp.errors import DeviceError, DeviceRefused, DeviceUnreachable, HomeappError, NotFound, ProtocolError
from homeapp.model.device import Candidate, DeviceKind
from homeapp.ports import Clock

_NOT_ENABLED = 202


async def look(address: str, clock: Clock, ca_pem: str | None) -> Candidate:
    """The meter at ``address``, a literal IP address with a port or without; version 2 is preferred.

    Raises:
        NotFound: something answers there that is none of these meters.
        DeviceUnreachable: nothing does.
        DeviceError: there is a meter that cannot be used as it is.
    """
    secure, plain = authority(address, api_v2.PORT), authority(address, api_v1.PORT)
    seen, older = await asyncio.gather(_certificate(secure, ca_pem), _by_v1(plain, clock))
    if seen.name and await _speaks_v2(secure, seen.name, ca_pem):
        return _by_certificate(seen.name, secure, clock)
    if isinstance(older, Candidate):
        return older
    if isinstance(older, DeviceRefused | NotFound):
        raise older
    tried = secure if secure == plain else f"{secure} (API version 2) or {plain} (version 1)"
    if not seen.answers and isinstance(older, DeviceUnreachable):
        raise DeviceUnreachable(
            f"Nothing answers at {tried}. Check the address in the router, that the meter has power and Wi-Fi, and "
            "that it is in the same network as the hub, not a guest one."
        ) from older
    raise NotFound(
        f"What answers at {tried} is no HomeWizard meter. Check the address in the router; the HomeWizard app shows "
        "the meter's own."
    ) from older


@dataclass(frozen=True, slots=True)
class _Seen:
    """What came of a TLS handshake.

    Attributes:
        answers: something takes connections there.
        name: common name in a certificate that the maker's authority vouches for; else empty.
    """

    answers: bool
    name: str = ""


async def _certificate(where: str, ca_pem: str | None) -> _Seen:
    context = await asyncio.to_thread(tls_context, ca_pem)
    # Who it is, is the question here; that the maker vouches for the answer is checked all the same.
    context.check_hostname = False
    host, _, port = where.rpartition(":")
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port), ssl=context)
    except ssl.SSLError:
        return _Seen(answers=True)
    except OSError:
        return _Seen(answers=False)
    certificate = writer.get_extra_info("peercert") or {}
    writer.transport.abort()
    names = (value for part in certificate.get("subject", ()) for key, value in part if key == "commonName")
    return _Seen(answers=True, name=next(names, ""))


async def _speaks_v2(where: str, name: str, ca_pem: str | None) -> bool:
    """Whether version 2 of the API is there: without a token its answer is that one is needed."""
    context = await asyncio.to_thread(tls_context, ca_pem)
    try:
        async with http_link(Endpoint(where, context, name, api_v2.VERSION_HEADER)) as link:
            return (await link.request("GET", "/api")).status in (200, 401)
    except DeviceError:
        return False


def _by_certificate(name: str, where: str, clock: Clock) -> Candidate:
    certified = read_certificate_name(name)
    if certified is None:
        raise NotFound(f"The HomeWizard product at {where} is no meter that the hub can use ({name[:60]}).")
    return Candidate(
        device_id=device_id(certified.serial),
        kind=DeviceKind.METER,
        driver=DRIVER,
        address=where,
        product=f"HomeWizard {certified.product}",
        seen_at=clock.now(),
        properties={"api": "v2", "serial": certified.serial, "id": name, "certificate_type": certified.kind},
    )


async def _by_v1(where: str, clock: Clock) -> Candidate | HomeappError:
    """The meter with version 1, or why there is none."""
    try:
        async with http_link(Endpoint(where)) as link:
            answer = await link.request("GET", "/api")
        if answer.status == 403 and not _is_closed(answer.body):
            return ProtocolError("Something else forbids what it is asked.")
        about = json_object(api_v1.checked(answer).body)
    except DeviceError as error:
        return error
    serial, product_type, name = clean_serial(about.get("serial")), about.get("product_type"), about.get("product_name")
    if serial is None or not isinstance(product_type, str):
        return ProtocolError("It does not say which product it is.")
    if not is_meter(product_type):
        return NotFound(f"The HomeWizard product at {where} is no meter that the hub can use.")
    return Candidate(
        device_id=device_id(serial),
        kind=DeviceKind.METER,
        driver=DRIVER,
        address=where,
        product=f"HomeWizard {name if isinstance(name, str) and name.isprintable() else product_type}"[:64],
        seen_at=clock.now(),
        properties={"api": "v1", "product_type": product_type, "serial": serial, "api_enabled": "1"},
    )


def _is_closed(body: bytes) -> bool:
    """Whether this is how a meter says that its local API is switched off (API v1, "Error Handling")."""
    error = json_object(body).get("error")
    return isinstance(error, dict) and error.get("id") == _NOT_ENABLED
