"""The one table of drivers and of what finds their devices.

A new driver is imported and entered here and nowhere else. The imports are written out so that a frozen build has them.
"""

from devices.mdns import MdnsDiscoverer
from devices.meters import homewizard
from devices.pev.doip import DoipPev
from homeapp.ports import Clock, Discoverer, MeterDriver, Pev


def meter_drivers(*, clock: Clock, time_zone: str, ca_pem: str | None = None) -> dict[str, MeterDriver]:
    """Every meter driver by its name.

    Args:
        clock: the hub's.
        time_zone: IANA name of the site's zone.
        ca_pem: certificate authority of simulated meters, or None.
    """
    drivers: tuple[MeterDriver, ...] = (homewizard.HomeWizardDriver(clock=clock, time_zone=time_zone, ca_pem=ca_pem),)
    return {driver.name: driver for driver in drivers}


def discoverers(*, clock: Clock, interfaces: tuple[str, ...] = ()) -> tuple[Discoverer, ...]:
    """Everything that looks for devices on the local network.

    Args:
        clock: the hub's.
        interfaces: IPv4 addresses of the interfaces to look on; empty for all.
    """
    services = {**homewizard.SERVICES}
    return (MdnsDiscoverer(clock=clock, interfaces=interfaces, services=services),)


def pev(*, address: str, port: int, clock: Clock) -> Pev:
    """The car behind the DoIP entity at a literal IP address; no I/O yet.

    Args:
        address: IPv4 or IPv6.
        port: TCP, 13400 in ISO 13400-2.
        clock: the hub's.
    """
    return DoipPev(address=address, port=port, clock=clock)
