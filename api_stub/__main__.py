"""`python -m api_stub`: serve HTTP on JOBGROUPS_HOST and JOBGROUPS_PORT until SIGTERM or Ctrl-C."""

import sys
from typing import NoReturn

import uvicorn
from pydantic import ValidationError

from api_stub.app import create_app
from api_stub.auth import NoApiKeys
from settings import MissingSetting, Settings

SHUTDOWN_SECONDS = 4
"""How long requests that wait for an outcome may hold up the end; their commands are carried out all the same."""
EXIT_STATUS_NOT_STARTED = 2


def main() -> None:
    """Serve until told to stop."""
    try:
        settings = Settings()
        app = create_app(settings)
    except (MissingSetting, NoApiKeys) as error:
        _refuse(str(error))
    except ValidationError as error:
        _refuse(_explain(error))
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_level=settings.log_level.lower(),
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


def _explain(error: ValidationError) -> str:
    # Without the value: it may hold a password.
    return "; ".join(f"JOBGROUPS_{'_'.join(map(str, each['loc'])).upper()}: {each['msg']}" for each in error.errors())


def _refuse(problem: str) -> NoReturn:
    sys.stderr.write(f"api_stub: {problem}\n")
    raise SystemExit(EXIT_STATUS_NOT_STARTED)


if __name__ == "__main__":
    main()
