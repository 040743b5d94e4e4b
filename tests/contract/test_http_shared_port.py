"""Several processes of the HTTP stub behind one port."""

import subprocess
from pathlib import Path

import httpx
import psutil

from tests.commands import eventually
from tests.contract.http_api import GROUPS, STUB, Service, client_of, environment_of, free_port, stub_of


def listener_count(port: int) -> int:
    connections = psutil.net_connections("tcp")
    return sum(each.laddr.port == port and each.status == psutil.CONN_LISTEN for each in connections)


def answers(url: str, api_key: str) -> bool:
    with client_of(url, api_key) as client:
        return client.get(GROUPS, params={"limit": 1}).status_code == httpx.codes.OK


def test_processes_that_share_a_port_serve_it_together_and_alone(service: Service, tmp_path: Path) -> None:
    port = free_port()
    with stub_of(service, tmp_path, port=port, port_shared=True) as url:
        with stub_of(service, tmp_path, port=port, port_shared=True):
            eventually(lambda: listener_count(port) == 2)
            assert all(answers(url, service.api_key) for _ in range(20))
        assert listener_count(port) == 1
        assert all(answers(url, service.api_key) for _ in range(5))


def test_a_port_that_somebody_has_alone_is_refused_in_a_sentence(service: Service, tmp_path: Path) -> None:
    port = free_port()
    with stub_of(service, tmp_path, port=port):
        environment = environment_of(service, port=port, port_shared=True)
        refused = subprocess.run(STUB, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert refused.returncode == 2
    assert refused.stderr == f"api_stub: cannot listen on 127.0.0.1, port {port}: Address already in use\n"
