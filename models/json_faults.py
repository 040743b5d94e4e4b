"""Why bytes are no JSON, in words for people. They quote nothing: there may be secrets in it."""

import json


def fault_of_json(error: Exception) -> str:
    """Return what is to be said of the bytes whose decoding raised `error`."""
    match error:
        case json.JSONDecodeError():
            return f"is not JSON (line {error.lineno}, column {error.colno})"
        case UnicodeDecodeError():
            return f"is not {error.encoding.upper()} (byte {error.start + 1})"
        case ValueError():
            return f"is not JSON: {error}"
        case RecursionError():
            return "nests too deep"
        case _:
            return f"cannot be read ({type(error).__name__}: {error})"
