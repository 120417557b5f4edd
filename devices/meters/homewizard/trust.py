"""Proof of who a v2 meter is: HomeWizard's own certificate authority (API v2, "SSL Certificate Validation")."""

import ssl

from homeapp.errors import DeviceRefused

# "Appliance Access CA", published by the maker; valid 2021-12-18 to 2031-12-16, SHA-256 fingerprint
# 4e:c2:77:e6:20:33:fa:e8:bc:37:3e:3f:2a:97:66:76:d3:f6:65:68:38:73:f1:ea:8e:3b:df:78:ac:68:00:03
HOMEWIZARD_CA_PEM = """\
-----BEGIN CERTIFICATE-----
MIIDITCCAgkCFDn7cwYLioTM3VxdAygLl/Px9ovFMA0GCSqGSIb3DQEBCwUAME0x
CzAJBgNVBAYTAk5MMQswCQYDVQQIDAJaSDETMBEGA1UECgwKSG9tZVdpemFyZDEc
MBoGA1UEAwwTQXBwbGlhbmNlIEFjY2VzcyBDQTAeFw0yMTEyMTgxOTEyMTJaFw0z
MTEyMTYxOTEyMTJaME0xCzAJBgNVBAYTAk5MMQswCQYDVQQIDAJaSDETMBEGA1UE
CgwKSG9tZVdpemFyZDEcMBoGA1UEAwwTQXBwbGlhbmNlIEFjY2VzcyBDQTCCASIw
DQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBAPBIvW8NRffqdvzHZY0M32fQHiGm
pJgNGhiaQmpJfRDhT9yihM0S/hYcN8IqnfrMqoCQb/56Ub0+dZizmtfcGsE+Lpm1
K1znkWqSDlpnuTNOb70TrsxBmbFuNOZQEi/xOjzT2j98wT0GSfxz1RVq6lZhDRRz
xoe08+Xo4+ttUGanfOggJi0BXygeFEVBpbctVVJ9EgqeEE9itjcMlcxMe1QN14f8
hCcOnId+9PSsdmyUCLrTB0FVYrbNfbJPk/vMU57fu6swBjWhYBxPx9ZhFy+7WnPR
9BFg4seHNVQIqZNrf1YwBXlmZQIL32SRPaiH/+AVNMrYGXBvncY0Km6ZHIMCAwEA
ATANBgkqhkiG9w0BAQsFAAOCAQEA6ybM8xm0PCXg8Rr/q0v1vPxQy44PmwXTDj0e
r2vW4ZMiEwXZCp0Kk2K16KJYz4iJyfiQk8ikAIMiRSbyXzmyQ7XmL1O4l4d8E1Pg
8EImvcyoBxFhd0Lq7VKriLc8Bw8SXbahPMGT+Y8Yz0uIsLAYVwlkLfgppVPmBaLD
QautcQnI8WxPvCIQf5anyzgAyJC5ac6/CkB+iyPcuWcG3RMYvXnC0QoTlRa5YMlE
FweVDlT2C/MdDyOxiAD/H1EP/eaySnU0zsxyD0yNFRKsQfQ+UJEPd2GS1AGA1lTy
CGdyYj/Gghrusw0hM4rYXQSERWGF0mpEnuJ+7bHDolHu0rzgTQ==
-----END CERTIFICATE-----
"""


def tls_context(extra_ca_pem: str | None = None) -> ssl.SSLContext:
    """A client context that trusts nobody but the maker's authority and, where given, one more; reads no files.

    The authority is an X.509 v1 certificate, which ``ssl.create_default_context`` of Python 3.13 and later would
    reject, so that the context is built by hand. The name in the meter's certificate is its common name.

    Raises:
        DeviceRefused: the extra authority is not a PEM certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = True
    context.load_verify_locations(cadata=HOMEWIZARD_CA_PEM)
    if extra_ca_pem is not None:
        try:
            context.load_verify_locations(cadata=extra_ca_pem)
        except (ssl.SSLError, ValueError) as error:
            raise DeviceRefused("The additional meter certificate authority is not a PEM certificate.") from error
    return context
