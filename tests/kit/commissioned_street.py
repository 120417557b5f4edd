"""The demo street, commissioned from answers that are written down: what its installer does, and what it answers."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from homeapp import api
from homeapp.client import connect, connect_again
from homeapp.commissioning.answers_file import Answers, read_answers
from homeapp.commissioning.walk import Desk, Walk
from homeapp.demo.commissioning import USUAL
from homeapp.demo.operator.descriptors import printed_fingerprint
from homeapp.demo.owner import Owner
from homeapp.demo.street import Street
from homeapp.model.commissioning import CommissioningView
from homeapp.model.offer import Choice

INSTALLER_PIN, OWNER_PIN = "918273645", "564738291"
KETTLE_W = 2000.0

ANSWERS = """\
installer = "Demo installer"

[place]
time_zone = "Europe/Amsterdam"
language = "nl"
name = "Street 1"

[grid]
phases = 3
fuse_a = 35.0

[car]
capacity_kwh = 60.0
source = "registration certificate"

[meter]
name = "Smart meter"

[charger]
name = "Charger"

[owner]
floor_pct = 40.0
"""


class Installer:
    """Goes through commissioning at a street, and does there what a line asks for.

    Attributes:
        lines: what the walk has told.
        pins: what is typed for a PIN, in this order; those of the street after that.
    """

    def __init__(self, street: Street, directory: Path) -> None:
        self.street = street
        self.directory = directory
        self.lines: list[str] = []
        self.pins: list[str] = []
        self.on_line: Callable[[str], None] = lambda _line: None
        self._asked = asyncio.Event()
        self._sent = False

    async def write_answers(self, text: str = ANSWERS, skip: str = "") -> Answers:
        """The file, with the descriptors of all providers beside it."""
        async with connect(self.street.home.socket) as client:
            ports = self.street.commissioning(client).ports
        # Another street of this machine may be heard too.
        text = text.replace("[meter]", f'[meter]\nid = "{self.street.meter_id}"')
        text = text.replace("[charger]", f'[charger]\nid = "{self.street.charger_id}"')
        parts = [text, "[owner.share]\n"]
        parts += [f"{sp_id} = {[str(kind) for kind in kinds]}\n" for sp_id, kinds in USUAL.items()]
        for sp_id in self.street.providers.customers:
            descriptor = self.street.providers.descriptor(sp_id, ports[sp_id])
            (self.directory / f"{sp_id}.jws").write_text(descriptor)
            parts.append(
                f'[[provider]]\ndescriptor = "{sp_id}.jws"\nfingerprint = "{printed_fingerprint(descriptor)}"\n'
                f'enrol_user = "{self.street.providers.hub_ae_ids[sp_id]}"\n'
            )
        path = self.directory / "answers.toml"
        path.write_text("".join([*parts, skip]))
        return read_answers(path)

    async def walk(self, answers: Answers) -> CommissioningView:
        """Once, as far as it goes.

        Raises:
            HubNotRunning: the hub went away.
        """
        requests = asyncio.create_task(self._request())
        try:
            async with AsyncExitStack() as stack:
                client = await stack.enter_async_context(connect(self.street.home.socket))
                await self.street.commissioning(client).introduce()
                desk = Desk(
                    directory=self.directory,
                    say=self._hear,
                    ask_secret=self._secret,
                    reconnect=lambda: connect_again(client, stack, 60.0),
                )
                return await Walk(client, answers, desk).run()
        finally:
            requests.cancel()
            await asyncio.gather(requests, return_exceptions=True)

    def _hear(self, line: str) -> None:
        self.lines.append(line)
        self.on_line(line)
        if "kettle" in line:
            self.street.extra_load_w += KETTLE_W
        elif "meter_direction" in line:
            self.street.extra_load_w = 0.0
        elif "plugged in now" in line:
            self.street.plug_in()
        elif "providers_linked" in line:
            self._asked.set()
        elif line.startswith("please"):
            self.street.meter.press_button()

    def _secret(self, question: str) -> str:
        if question.startswith("Password of "):
            user = question.split()[2]
            return self.street.providers.registration.one_time_password(user)
        if self.pins:
            return self.pins.pop(0)
        return INSTALLER_PIN if "installer" in question else OWNER_PIN

    async def _request(self) -> None:
        """A provider asks for a power feed in an hour, and the owner declines."""
        await self._asked.wait()
        if not self._sent:
            start = self.street.in_minutes(60)
            await self.street.providers.evc_sp.offer_power_feed(
                start, start + timedelta(minutes=5), 3000.0, Decimal("1.00"), 50.0, start, "Try it", offer_id="dry-run"
            )
            self._sent = True
        async with connect(self.street.home.socket) as client:
            owner = Owner(client)
            await owner.look()
            case = await owner.receives("evc_sp/dry-run")
            await client.call(api.DecideOffer(key=case.offer.key, digest=case.digest, choice=Choice.DECLINE))
