"""The certificate that the stations of these tests trust."""

import ssl

import pytest

from kit.evce_street import make_certificate


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    folder = tmp_path_factory.mktemp("tls")
    make_certificate(folder)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "hub.pem")
    return server, ssl.create_default_context(cafile=str(folder / "hub.pem"))
