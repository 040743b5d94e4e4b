"""The base of everything that crosses a wire, and the JSON values that every store here can hold."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_validator
from pydantic.alias_generators import to_camel

MAX_JSON_DEPTH = 32
MAX_EXACT_INTEGER = 2**63 - 1


class Contract(BaseModel):
    """camelCase on the wire, snake_case in Python; an unknown key is an error, so that a typo is never ignored.

    What was wrong is not quoted in the text of an error: it may hold a secret, and ends up in a log.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        serialize_by_alias=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """The same, since it is frozen: pydantic copies a default, and all that is in it, for every model that takes
        it."""
        return self


class Request(Contract):
    """What somebody else wrote: camelCase is the one spelling that is read."""

    model_config = ConfigDict(validate_by_name=False, validate_by_alias=True)


def storable_text(text: str) -> str:
    """Return `text`; raises ValueError for the characters that PostgreSQL or UTF-8 cannot hold."""
    if "\x00" in text:
        raise ValueError("must not contain the character U+0000")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("must not contain unpaired surrogates")
    return text


def storable_json(value: Any, depth: int = MAX_JSON_DEPTH) -> Any:
    """Return `value`, any JSON value.

    Raises ValueError for what JSON allows and jsonb or an exact 64-bit reader does not: U+0000, unpaired surrogates,
    numbers beyond 64 bits, and deep nesting.
    """
    if depth == 0:
        raise ValueError(f"must not nest deeper than {MAX_JSON_DEPTH} levels")
    match value:
        case str():
            storable_text(value)
        case int() | float():
            _storable_number(value)
        case list():
            for item in value:
                storable_json(item, depth - 1)
        case dict():
            for key, item in value.items():
                storable_text(key)
                storable_json(item, depth - 1)
    return value


def _storable_number(value: float) -> None:
    # jsonb gives a whole number back as an integer, however it was written: 1e19 would return as one beyond 64 bits.
    if not abs(value) <= MAX_EXACT_INTEGER:
        raise ValueError("must not contain numbers beyond 64-bit integers")


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = BeforeValidator(_whole)
"""Last in the annotation of a StrictInt: 3.0 is an integer as well (JSON Schema, core, 4.2.3), "3" is none."""

JsonObject = Annotated[dict[str, Any], AfterValidator(storable_json)]
"""A JSON object of the sender's own, kept and given back as it came."""


class OpenRequest(Request):
    """A request whose unknown keys are kept and given back."""

    model_config = ConfigDict(extra="allow")

    @model_validator(mode="after")
    def _unknown_keys_can_be_stored(self) -> Self:
        storable_json(self.model_extra or {})
        return self
