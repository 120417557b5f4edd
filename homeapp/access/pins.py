"""PINs: what one must be like, how it is kept (argon2id, RFC 9106), and the pause after wrong ones."""

from itertools import pairwise

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from homeapp.api import Role
from homeapp.errors import SecretStoreUnavailable, WrongState

LONGEST = 12
FREE_TRIES = 5
"""Wrong PINs in a row before the first pause."""

_SHORTEST = {Role.HOUSEHOLD: 4, Role.OWNER: 6, Role.INSTALLER: 6}
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 60.0, 3600.0


def hasher() -> PasswordHasher:
    """19 MiB and two passes: what OWASP asks for at least, about a tenth of a second on a Raspberry Pi."""
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def pause_s(failures: int) -> float:
    """How long no PIN is looked at after so many wrong ones in a row, s: one minute, then doubling up to one hour."""
    if failures < FREE_TRIES:
        return 0.0
    return min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(failures - FREE_TRIES, 10))


def is_pin(text: str) -> bool:
    """True where it can be anybody's PIN; anything else is not worth a hash."""
    return text.isascii() and text.isdigit() and len(text) <= LONGEST


def check_pin(role: Role, pin: str) -> None:
    """Whether ``pin`` may become the PIN of ``role``.

    Raises:
        WrongState: too short, too long, no number, or too easy to guess; the sentence says what is wanted.
    """
    shortest = _SHORTEST.get(role)
    if shortest is None:
        raise WrongState("A guest needs no PIN.")
    if not is_pin(pin) or len(pin) < shortest:
        raise WrongState(f"A PIN of the {role} has {shortest} to {LONGEST} digits and nothing else.")
    steps = {(int(second) - int(first)) % 10 for first, second in pairwise(pin)}
    if steps in ({0}, {1}, {9}):
        raise WrongState("This PIN is too easy to guess: no run like 123456 and not one digit over and over.")


def matches(made_by: PasswordHasher, kept: str, pin: str) -> bool:
    """Whether ``pin`` is the one that ``kept`` (a PHC string) was made from. Blocks for a tenth of a second.

    Raises:
        SecretStoreUnavailable: what is kept is no such string.
    """
    try:
        return made_by.verify(kept, pin)
    except VerifyMismatchError:
        return False
    except (VerificationError, InvalidHashError) as error:
        raise SecretStoreUnavailable(
            "A PIN that is kept can no longer be read. Stop the hub and remove all PINs with: homeapp pin reset"
        ) from error
