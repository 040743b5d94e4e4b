"""Requests to the HTTP API, and its refusals as an exit status and a sentence."""

import time
from collections.abc import Iterator
from typing import Any, Self
from uuid import uuid4

import httpx

from workers.exit_codes import ExitCode
from workers.operating.api_address import is_loopback
from workers.operating.failures import Failure

GROUPS = "/ocr-invoice-job-groups"
MERGE_PATCH = "application/merge-patch+json"
ANSWER_SECONDS = 30
CONNECT_SECONDS = 5
PAUSES_SECONDS = (0.5, 1.0, 2.0)
"""Before a request is repeated whose answer was lost, or that the service could not take just then."""

_STATUSES = {
    "not_found": ExitCode.NOT_FOUND,
    "already_exists": ExitCode.CONFLICT,
    "version_conflict": ExitCode.CONFLICT,
    "unauthorized": ExitCode.USAGE,
    "forbidden": ExitCode.USAGE,
    "rate_limited": ExitCode.UNREACHABLE,
    "too_many_wrong_keys": ExitCode.UNREACHABLE,
    "unavailable": ExitCode.UNREACHABLE,
}
"""By the `code` of a problem document; any other is a refusal."""


class Api:
    """The HTTP API at `url`, as whoever holds `key` may use it. A context manager."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._client = httpx.Client(
            base_url=url,
            headers={"X-API-Key": key},
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            trust_env=not is_loopback(url),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def read(self, path: str, **parameters: Any) -> Any:
        """Return the JSON document at `path`. Raises Failure."""
        return self._ask("GET", path, params=parameters).json()

    def pages(self, path: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Give the page at `path`, then those that its `Link: next` leads to. Raises Failure."""
        response = self._ask("GET", path, params=parameters)
        yield response.json()
        while following := response.links.get("next"):
            response = self._ask("GET", following["url"])
            yield response.json()

    def write(self, method: str, path: str, body: Any = None, *, expected_version: int | None = None) -> Any:
        """Carry a command out and return the answer. Under one Idempotency-Key: repeated, it takes effect once.

        Raises Failure, also where the service has taken the command and not carried it out within the wait.
        """
        headers = {"Idempotency-Key": str(uuid4())}
        if expected_version is not None:
            headers["If-Match"] = f'"{expected_version}"'
        if body is not None:
            headers["Content-Type"] = MERGE_PATCH if method == "PATCH" else "application/json"
        response = self._ask(method, path, json=body, headers=headers)
        if response.status_code == httpx.codes.ACCEPTED:
            raise Failure(
                f"the service has accepted it and not carried it out yet; {self._url}{response.headers['Location']} "
                "tells what becomes of it",
                ExitCode.UNREACHABLE,
            )
        return response.json()

    def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        for pause in (*PAUSES_SECONDS, None):
            try:
                response = self._client.request(method, path, **request)
            except httpx.TransportError as error:
                failed = Failure(f"{self._url} does not answer: {error or repr(error)}", ExitCode.UNREACHABLE)
            else:
                if response.is_success:
                    return response
                failed = _failure(response)
                if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    break
            if pause is not None:
                time.sleep(pause)
        raise failed


def _failure(response: httpx.Response) -> Failure:
    try:
        problem = response.json()
        code, detail = problem["code"], problem["detail"]
    except (ValueError, LookupError, TypeError):
        told = f"{response.request.url} answered {response.status_code}, and not as this service answers"
        return Failure(told, ExitCode.UNREACHABLE)
    wrong = [f"{error['field'] or 'the body'}: {error['message']}" for error in problem.get("errors", ())]
    if wrong:
        detail = "the service refused it, because some fields are wrong"
    return Failure(detail, _STATUSES.get(code, ExitCode.REJECTED), *wrong)
