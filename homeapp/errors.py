"""Every error the hub raises on purpose.

HomeappError
├── EnvironmentProblem          the machine or its owner can mend it; never a bug
│   ├── DataDirectoryBusy       a second hub on the same data directory
│   ├── HubNotRunning           nobody answers on the local socket
│   ├── StoreUnavailable        disk full, database damaged or locked
│   ├── SecretStoreUnavailable  no keyring and no sealed credential
│   └── SettingsInvalid         a setting is missing or malformed
├── DeviceError                 a meter or charger
│   ├── DeviceUnreachable       no answer; try again later
│   ├── DeviceRefused           it answered no (credentials, disabled interface)
│   ├── PairingPending          somebody has to do something at the device first
│   ├── ProtocolError           it said something the protocol does not allow
│   └── NotSupported            it cannot do this
├── ProviderError               a service provider or the way to it
│   ├── ProviderUnreachable     try again later
│   ├── ProviderRefused         final: trying again with the same message is useless
│   ├── NotConsented            the owner has not agreed that this leaves the home
│   └── MessageRejected         an inbound message failed a check (signature, audience, expiry, replay, schema)
└── RequestRefused              a call over the contract cannot be carried out
    ├── NotFound
    ├── FileRefused             a file that is to be imported is not what it should be
    ├── NotAllowed              the caller's role is too low
    ├── WrongPin                and how long to wait before the next try
    └── WrongState              expired, already answered, revised since it was shown

Each carries a sentence for the person in front of the screen: what happened and what to do.
"""


class HomeappError(Exception):
    """Base of all errors the hub raises on purpose; ``str(error)`` is a sentence for the user."""


class EnvironmentProblem(HomeappError):
    """The machine, its disk or its configuration is at fault, not the program."""


class DataDirectoryBusy(EnvironmentProblem):
    """Another hub holds the lock of this data directory."""


class HubNotRunning(EnvironmentProblem):
    """No hub answers for this data directory."""


class StoreUnavailable(EnvironmentProblem):
    """A database cannot be opened, read or written."""


class SecretStoreUnavailable(EnvironmentProblem):
    """There is no place that may keep a secret."""


class SettingsInvalid(EnvironmentProblem):
    """A setting is missing, unknown or has the wrong form."""


class DeviceError(HomeappError):
    """A meter or charger did not do what was asked."""


class DeviceUnreachable(DeviceError):
    """No answer in time, or the connection was lost; retry later."""


class DeviceRefused(DeviceError):
    """The device answered and said no; retrying the same is useless until somebody changes something."""


class PairingPending(DeviceError):
    """The device waits for a person, for instance to press its button."""


class ProtocolError(DeviceError):
    """The device sent something its protocol does not allow."""


class NotSupported(DeviceError):
    """The device has no such capability."""


class ProviderError(HomeappError):
    """A service provider, or the way to it, failed."""


class ProviderUnreachable(ProviderError):
    """No link or no answer in time; retry later."""


class ProviderRefused(ProviderError):
    """The provider's side refused the message for good."""


class NotConsented(ProviderError):
    """Something was about to leave the home that the owner has not agreed to."""


class MessageRejected(ProviderError):
    """An inbound message failed a check and was not acted upon.

    Attributes:
        code: which check failed: ``signature``, ``audience``, ``expired``, ``replay``, ``schema``, ``value``,
            ``issuer``, ``clock`` (dated in the future), ``purpose`` (this provider may not ask for this), ``sealed``
            (encrypted for somebody else).
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class RequestRefused(HomeappError):
    """A call over the local contract cannot be carried out."""


class NotFound(RequestRefused):
    """The thing that the call names does not exist."""


class FileRefused(RequestRefused):
    """A file that is to be imported cannot be used; nothing of it was taken."""


class NotAllowed(RequestRefused):
    """The caller's role does not permit the call."""


class WrongPin(RequestRefused):
    """The PIN is not right, or it was tried too often."""


class WrongState(RequestRefused):
    """The thing exists but cannot take this step now."""
