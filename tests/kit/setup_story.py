"""How a home of the demo street is commissioned at its screen, from a wizard that opens by itself to Home.

Runs as a program of its own: ``python -m kit.setup_story qt|x DIRECTORY``; Qt's platform is that of the environment.
The user's own folder is in that directory, so that no file of whoever runs it is seen or shown.
"""

import os
import shutil
import sys
import time
from pathlib import Path

from homeapp.demo.by_hand import REQUEST_TITLE
from homeapp.demo.papers import Papers
from kit.installers_hands import LATER_S, AtTheScreen, Hands, QtHands, XHands
from kit.setup_screen import PICTURES, SetupScreen
from kit.street_beside_the_screen import StreetBesideTheScreen

HOME, INSTALLER = "Street 1", "Demo installer"
INSTALLER_PIN, OWNER_PIN = "918273645", "564738291"
__all__ = ["HOME", "INSTALLER", "PICTURES"]
GRID_OPERATOR = "Grid operator"
_BUTTON_TRIES = 5


class SetupStory:
    """One home from nothing to its report; each method is a step of the wizard.

    Attributes:
        interrupted: the screen is closed and the hub killed on the way.
    """

    def __init__(self, street: StreetBesideTheScreen, hands: Hands, *, interrupted: bool, kiosk: bool) -> None:
        self.street, self.interrupted = street, interrupted
        self.screen = SetupScreen(street.street.home.socket, kiosk=kiosk)
        self.at = AtTheScreen(hands)
        self._begun = time.monotonic()

    def tell(self) -> None:
        """All of it."""
        self.at.window = self.screen.open()
        for step in (
            self.place,
            self.grid,
            self.meter,
            self.charger,
            self.car,
            self.providers,
            self.owner,
            self.pins,
            self.test_run,
            self.report,
        ):
            try:
                step()
            except AssertionError:
                self.screen.picture("stuck")
                raise
            print(f"{time.monotonic() - self._begun:6.1f} s  {step.__name__}", flush=True)
        self.afterwards()
        self.screen.close()

    def place(self) -> None:
        """Name, time zone and a watch."""
        at = self.at
        at.wait_for("Place and time")
        at.wait_for("Step 1 of 10")
        self.screen.picture("place-empty")
        at.type_on_screen("The home's name", HOME)
        at.press("Time zone: Europe/Amsterdam")
        at.press("Europe")
        at.press("Berlin")
        at.press("Time zone: Europe/Berlin")
        at.press("Europe")
        at.press("Amsterdam")
        at.press("Yes")
        at.wait_for("Your watch said")
        self._save("place", "Grid connection")

    def grid(self) -> None:
        """The numbers on the fuses."""
        at = self.at
        at.step("Main fuse, per phase", "35\N{NO-BREAK SPACE}A")
        if self.interrupted:
            self._reopen("Grid connection")
            at.step("Main fuse, per phase", "35\N{NO-BREAK SPACE}A")
        self._save("grid", "Smart meter")
        if self.interrupted:
            at.press("Back")
            at.wait_for(
                lambda: at.value("Main fuse, per phase") == "35\N{NO-BREAK SPACE}A", "the fuse as it was entered"
            )
            at.press("Next")

    def meter(self) -> None:
        """The one of this street among all that announce themselves; its button, and a kettle."""
        at, serial = self.at, self.street.street.meter_id.partition(":")[2]
        at.wait_for(serial)
        self.screen.picture("meter-found")
        at.press("Adopt: HomeWizard P1 meter", beside=serial)
        at.press("Try again: HomeWizard P1 meter", beside=serial)
        at.wait_for(lambda: "button" in " ".join(at.read()), "what to do at the meter")
        self.screen.picture("meter-button")
        for _try in range(_BUTTON_TRIES):
            self.street.run(self.street.by_hand.press_button())
            at.press("Try again: HomeWizard P1 meter", beside=serial, unless="Grid connection now")
            at.look()
            # The meter's half minute is three seconds in the street.
            at.wait_for(lambda: at.sees("Grid connection now") or at.can_press("Try again: HomeWizard P1 meter"))
            if at.sees("Grid connection now"):
                break
        at.press("Start: Direction", within_s=LATER_S)
        at.wait_for("Now: switch on")
        self.street.run(self.street.by_hand.switch_kettle())
        self.screen.picture("meter-kettle")
        at.wait_for("Direction: Passed", within_s=LATER_S)
        self.street.run(self.street.by_hand.switch_kettle())
        self._on("meter", "Charger")

    def charger(self) -> None:
        """It knocks, is adopted, and shows that it keeps to limits and is safe alone."""
        at = self.at
        at.wait_for("Knocking now")
        self.screen.picture("charger-knocks")
        at.press("Adopt: Demo Street charger")
        at.wait_for("Connected, floor installed: Passed", within_s=LATER_S)
        if self.interrupted:
            self.street.run(self.street.street.home.kill_hub())
            at.wait_for(lambda: not at.can_press("Start: Keeps to limits"), "a screen without its hub")
            self.screen.picture("charger-hub-killed")
            self.street.run(self.street.street.home.start_hub())
            at.wait_for(lambda: at.can_press("Start: Keeps to limits"), "the same step again", LATER_S)
            self._reopen("Charger")
            assert at.sees("Connected, floor installed: Passed")
        self.street.run(self.street.by_hand.plug_in())
        at.press("Start: Keeps to limits")
        at.wait_for("Keeps to limits: Running")
        self.screen.picture("charger-limited")
        at.wait_for("Keeps to limits: Passed", within_s=LATER_S)
        at.press("Start: Safe without the hub")
        at.wait_for("Safe without the hub: Running")
        self.screen.picture("charger-floor")
        at.wait_for("Safe without the hub: Passed", within_s=LATER_S)
        self._on("charger", "Car")

    def car(self) -> None:
        """What the owner's papers say of it."""
        at = self.at
        at.step("Usable battery", "65\N{NO-BREAK SPACE}kWh")
        at.step("Usable battery", "60\N{NO-BREAK SPACE}kWh")
        at.press("From where that is known: Papers")
        at.type_text("Address of the data link", "127.0.0.1")
        self._save("car", "Prices and providers")

    def providers(self) -> None:
        """Descriptors as files, fingerprints as on paper, passwords that hold once, and a request on trial."""
        at = self.at
        first, *_others = self.street.papers.values()
        (Path.home() / "Downloads").mkdir(parents=True)
        shutil.copy(first.descriptor, Path.home() / "Downloads" / first.descriptor.name)
        for papers in self.street.papers.values():
            self._pair(papers)
        for name in (GRID_OPERATOR, *(papers.company for papers in self.street.papers.values())):
            self._allow(f"Customer link for {name}")
        self.screen.picture("providers-entered")
        at.press("Price: Dynamic")
        at.press("Save and check")
        at.press("Start: A request on trial", within_s=LATER_S)
        at.wait_for("A request on trial: Running")
        self.street.run(self.street.by_hand.send_request())
        at.wait_for(lambda: REQUEST_TITLE in at.read() and at.can_press("Decline"), "the request", LATER_S)
        self.screen.picture("providers-request")
        at.press("Decline")
        at.wait_for("A request on trial: Passed", within_s=LATER_S)
        self._on("providers", "Owner's wishes")

    def _pair(self, papers: Papers) -> None:
        at, company = self.at, papers.company
        lies_ready = Path.home() / "Downloads" / papers.descriptor.name
        at.press("Add a provider")
        if lies_ready.exists():
            at.wait_for(str(lies_ready.parent))
            self.screen.picture("providers-files")
            at.press(f"Read {lies_ready.name}")
        else:
            at.press("Type its path")
            at.type_text("Path of the descriptor", str(papers.descriptor))
            self.screen.picture("providers-path")
            at.press("Read")
        at.wait_for(f"Fingerprint: {papers.fingerprint.replace(' ', '-')}")
        self.screen.picture("providers-fingerprint")
        at.press("It is the same as on the print")
        at.type_text(f"User for {company}", papers.user)
        at.type_text(f"Password for {company}", papers.password)
        at.press(f"Enrol: {company}")
        at.wait_for(lambda: at.is_beside("Enrolled", company), f"the enrolment with {company}", LATER_S)

    def _allow(self, what: str) -> None:
        """The owner reads the words, and agrees."""
        self.at.press(what)
        self.at.wait_for("Your decision")
        self.at.press("Allow")
        self.at.wait_for(f"{what}: allowed")

    def owner(self) -> None:
        """What the car is for, and what may leave the home."""
        at = self.at
        at.step("Never below", "40\N{NO-BREAK SPACE}%")
        for what in ("Charging for EVC provider", "Energy readings for EVC provider", "Charging for PEV provider"):
            self._allow(what)
        self._save("owner", "PINs")

    def pins(self) -> None:
        """From here on nobody changes anything without one."""
        at = self.at
        for role, pin in (("The installer's PIN", INSTALLER_PIN), ("The owner's PIN", OWNER_PIN)):
            at.press(f"{role}: Set a PIN")
            for _twice in range(2):
                self._key_in(pin)
        self._on("pins", "Test run")

    def test_run(self) -> None:
        """All together."""
        if self.at.can_press("Check"):
            self.at.press("Check")
        self.at.wait_for("Test run: Passed", within_s=LATER_S)
        self._on("test-run", "Report")

    def report(self) -> None:
        """Signed by the hub."""
        at = self.at
        at.type_text("Your name, for the report", INSTALLER)
        self.screen.picture("report")
        at.press("Sign the report")
        at.wait_for("Signed by this hub")
        self.screen.picture("report-signed")

    def afterwards(self) -> None:
        """Home; also for whoever switches the screen on the next day."""
        self.at.press("Done")
        self.at.wait_for("Home")
        self._reopen("Home")
        self.at.wait_for(lambda: not self.at.sees("Connecting to the hub"), "what the hub tells", LATER_S)
        self.at.look()
        assert not self.at.sees("Step 1 of 10")
        self.screen.picture("home")

    def _save(self, name: str, following: str) -> None:
        self.screen.picture(f"{name}-entered")
        self.at.press("Save and check")
        self._on(name, following)

    def _on(self, name: str, following: str) -> None:
        """What is settled is left by one button."""
        self.at.wait_for(lambda: self.at.can_press("Next"), f"the end of {name}", LATER_S)
        self.screen.picture(f"{name}-settled")
        self.at.press("Next")
        self.at.wait_for(following)

    def _reopen(self, title: str) -> None:
        self.screen.close()
        self.at.window = self.screen.open()
        self.at.wait_for(title)

    def _key_in(self, pin: str) -> None:
        for digit in pin:
            self.at.press(digit)
        self.at.press("Enter")


def main() -> None:
    """Tell it; what goes wrong ends the program with its trace."""
    kind, directory = sys.argv[1], Path(sys.argv[2])
    os.environ["HOME"] = str(directory / "user")
    with StreetBesideTheScreen(directory) as street:
        if kind == "qt":
            SetupStory(street, QtHands(), interrupted=True, kiosk=False).tell()
        else:
            SetupStory(street, XHands(), interrupted=False, kiosk=True).tell()


if __name__ == "__main__":
    main()
