"""What kind of program an event belongs to: one of a profile that the hub knows, or of OpenADR alone.

OpenADR 3.1 carries neither reward nor approval, so a profile adds private payload types (Definition, "Private
Strings"). The program's PROGRAM_TYPE names the profile and its version; elsewhere a private string means nothing.
"""

import re
from dataclasses import dataclass

from homeapp.providers.grid_sp.objects import Program

_PROFILE = re.compile(r"(HOMEAPP_DR_OFFER|V2G_OFFER)-1\.[0-9]{1,4}\.[0-9]{1,4}")
_CONFIRMING = "V2G_OFFER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What may be expected of a program.

    Attributes:
        private_terms: private payload types mean what the profile says.
        confirms: each acceptance is answered by an event that confirms or rejects it.
    """

    private_terms: bool = False
    confirms: bool = False


def profile_of(program: Program) -> Profile:
    """The profile that the program names, in a version that the hub understands; else plain OpenADR."""
    told = program.attribute("PROGRAM_TYPE")
    found = _PROFILE.fullmatch(told) if isinstance(told, str) else None
    if found is None:
        return Profile()
    return Profile(private_terms=True, confirms=found[1] == _CONFIRMING)
