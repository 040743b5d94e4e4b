"""What can be read of dead letters."""

from uuid import UUID

from sqlalchemy import func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from models.dead_letter import DeadLetterReason
from models.dead_letter_resource import MAX_SHOWN_BYTES, DeadLetterDocument, DeadLetterResource, show_body
from models.masking import masked
from models.store.graveyard import stored_headers
from models.store.paging import Page, Paging, Selection, read_page
from models.store.sorting import Order
from models.store.tables import dead_letters

_c = dead_letters.c
_SUMMARY = (
    *(_c.id, _c.reason, _c.detail, _c.source, _c.command_id, _c.command_type, _c.died_at, _c.replayed_at),
    func.nullif(_c.group_id, _c.id).label("group_id"),
    func.octet_length(_c.body).label("body_bytes"),
)


async def list_dead_letters(
    connection: AsyncConnection,
    paging: Paging,
    *,
    reason: DeadLetterReason | None = None,
    before: UUID | None = None,
) -> Page[DeadLetterResource]:
    """Return a page of the letters, newest first: of all reasons or of one, and older than the letter `before`.

    Raises ValidationFailed naming `cursor`.
    """
    selection = Selection(
        dead_letters,
        _SUMMARY,
        within=true() if reason is None else _c.reason == reason,
        order=Order((_c.id,), descending=True),
        wanted=true() if before is None else _c.id < before,
        asked=("dead letters", reason),
    )
    page = await read_page(connection, selection, paging)
    return page.of([DeadLetterResource.model_validate(dict(row)) for row in page.items])


async def get_dead_letter(connection: AsyncConnection, id_: UUID) -> DeadLetterDocument | None:
    """Return one letter with what is in it, or None if there is none of this id."""
    beginning = func.substring(_c.body, 1, MAX_SHOWN_BYTES).label("beginning")
    query = select(*_SUMMARY, _c.headers, beginning).where(_c.id == id_)
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        return None
    shown = {name: row[name] for name in DeadLetterResource.model_fields}
    complete = row["body_bytes"] <= MAX_SHOWN_BYTES
    form, body = show_body(row["beginning"], complete=complete)
    headers = masked(stored_headers(row["headers"]))
    return DeadLetterDocument(**shown, headers=headers, body_form=form, body_complete=complete, body=body)
