"""The HTTP API: whether it answers, finds its servers, is of this version, and knows the key."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from models.names import API_VERSION
from workers.operating.api_address import is_loopback
from workers.operating.doctor.circumstances import Circumstances
from workers.operating.doctor.finding import Away, Finding, fault, fine, not_checked, warning

TIMEOUT_SECONDS = 5
"""Longer than `/readyz` takes to give a server up."""
ASKED_WITH_THE_KEY = "/ocr-invoice-job-groups?limit=1&count=none"


@dataclass(frozen=True)
class Api:
    """A client of the API, and what led to it."""

    client: httpx.Client
    circumstances: Circumstances


@contextmanager
def reach(circumstances: Circumstances) -> Iterator[Api]:
    """Give a client of an API that answers; raises Away."""
    url = circumstances.api.url
    if url is None:
        raise Away(
            not_checked(
                f"JOBGROUPS_URL is not set, and no service runs in {circumstances.home}.",
                "Set it to where the API listens.",
            )
        )
    with httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS, trust_env=not is_loopback(url)) as client:
        try:
            alive = client.get("/healthz")
        except httpx.TransportError as error:
            raise Away(
                fault(
                    f"The API does not answer at {url}: {error}.",
                    "Start it: `jobgroups api`; or correct JOBGROUPS_URL. Its log says why it ended.",
                )
            ) from None
        if alive.status_code != httpx.codes.OK:
            raise Away(fault(f"What answers at {url} is not this API: {alive.status_code}.", "Correct JOBGROUPS_URL."))
        yield Api(client, circumstances)


def answers(api: Api) -> Finding:
    """Say whether it finds its servers."""
    ready = api.client.get("/readyz")
    if ready.status_code == httpx.codes.OK:
        return fine(f"It answers at {api.circumstances.api.url}, and is ready.")
    return fault(
        f"It is not ready: {ready.json()['detail']}.",
        "Its process may have other addresses than those here, or another network in between.",
    )


def version(api: Api) -> Finding:
    """Compare the API's version with this program's."""
    told = str(api.client.get("/openapi.json").raise_for_status().json()["info"]["version"])
    if told == API_VERSION:
        return fine(f"It is of version {told}, as this program.")
    return warning(
        f"It is of version {told}, and this program of {API_VERSION}.",
        "Upgrade the older of the two.",
    )


def key(api: Api) -> Finding:
    """Try the key."""
    if not api.circumstances.api.api_key:
        return not_checked("JOBGROUPS_API_KEY is not set.", "Set it to a key of `jobgroups keys create`.")
    headers = {"X-API-Key": api.circumstances.api.api_key.get_secret_value()}
    asked = api.client.get(ASKED_WITH_THE_KEY, headers=headers)
    if asked.status_code == httpx.codes.UNAUTHORIZED:
        return fault(
            "The API does not know the key in JOBGROUPS_API_KEY.",
            "`jobgroups keys list` shows which there are; make another: `jobgroups keys create NAME`.",
        )
    if asked.is_error:
        return fault(f"It reads nothing: {asked.json()['detail']}", "The lines above may say why.")
    return fine("The API knows the key in JOBGROUPS_API_KEY.")
