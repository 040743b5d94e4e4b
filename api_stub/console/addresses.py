"""What the address of a page asks for, and the addresses of its neighbours."""

from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel


class Asked(BaseModel):
    """What is asked of a page; each field has a default. A form sends what was left empty as well."""

    def query(self, **changes: Any) -> str:
        """Return the address's query, with `changes`. What is as it would be anyway is left out: short addresses are
        passed on."""
        asked = {**{name: getattr(self, name) for name in type(self).model_fields}, **changes}
        told = {name: value for name, value in asked.items() if value and value != self._default(name)}
        return f"?{urlencode(told)}" if told else ""

    def at(self, name: str, cursor: str | None) -> str | None:
        """Return the query of the page of the same list at `cursor`, which is asked for as `name`; None where there is
        none."""
        return self.query(**{name: cursor}) if cursor else None

    @classmethod
    def _default(cls, name: str) -> Any:
        return cls.model_fields[name].default
