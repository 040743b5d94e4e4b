"""What browsers send with forms."""

from urllib.parse import parse_qs

from fastapi import Request

from api_stub.problems import Problem

MAX_FORM_BYTES = 16 * 1024
"""The largest form has a key and an address in it."""


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form, the last of those with the same name; raises Problem (413, 422)."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise Problem("payload_too_large", f"a form may have {MAX_FORM_BYTES} bytes at most")
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError:
        raise Problem.wrong_fields("must be application/x-www-form-urlencoded in UTF-8", "") from None
    return {name: values[-1] for name, values in fields.items()}
