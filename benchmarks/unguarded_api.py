"""The HTTP stub without keys and limits, to see what they cost."""

from fastapi import Depends, Request

from api_stub import auth
from api_stub.known_keys import Caller


async def anybody(request: Request) -> None:
    """Take whoever calls for somebody who may do everything."""
    request.state.caller = Caller("anybody", may_write=True)


auth.admitted = Depends(anybody)  # before the routes are imported, which take it from there

if __name__ == "__main__":
    from api_stub.__main__ import main

    main()
