"""Tables as they are after years, made by the database itself: a million groups in a minute.

What is common and what is rare is spread as an accounts department would have it: most groups are through, few are
urgent, some words are in every name and some in one. Ids rise with time, as the UUIDv7 of senders do.
"""

from uuid import UUID

from sqlalchemy import Connection, Engine, text

_START = "timestamptz '2023-01-01 06:00Z'"
_ID = "CAST(lpad(to_hex(1672531200000 + {number}), 12, '0') || '70008000' || lpad(to_hex({number}), 12, '0') AS uuid)"
_GROUP_ID = _ID.format(number="g")

_STATUS = """CASE WHEN g % 1000 = 7 THEN 'paused' WHEN g % 100 = 3 THEN 'failed' WHEN g % 50 = 1 THEN 'processing'
    WHEN g % 50 = 2 THEN 'awaiting_review' WHEN g % 20 = 4 THEN 'queued' WHEN g % 20 = 5 THEN 'completed_with_errors'
    ELSE 'completed' END"""
_DONE = "status IN ('completed', 'completed_with_errors', 'failed')"

_GROUPS = f"""
INSERT INTO job_groups
SELECT id, 'Invoice batch ' || g || ' ' || site, 'Invoices of ' || site || ' in week ' || g % 52,
    'BATCH-' || 2023 + g / 400000 || '-' || g, 'template-' || g % 40,
    CAST(CASE WHEN g % 200 = 0 THEN 'urgent' WHEN g % 10 = 1 THEN 'high' WHEN g % 5 = 2 THEN 'low' ELSE 'medium' END
        AS priority),
    '{{"maxConcurrency": 4}}', '{{}}',
    'user' || g % 300 || '@example.com', CASE WHEN g % 3 > 0 THEN 'user' || g % 50 || '@example.com' END,
    ARRAY['invoices', lower(site), 'week-' || g % 52, 'order-' || g],
    jsonb_build_object('site', site, 'costCentre', g % 500, 'order', g),
    array_to_tsvector(ARRAY['invoice', 'batch', CAST(g AS text), lower(site), 'invoices', 'of', 'in', 'week', 'order',
        CAST(2023 + g / 400000 AS text), CAST(g % 52 AS text)]),
    'active', status, NULL, true, 1, 5, 5,
    CAST(status = 'queued' AS int), CAST(status = 'processing' AS int), CAST(status = 'awaiting_review' AS int),
    1, 0, 0, 0, 0, 0,
    made, made + interval '10 minutes', made + interval '1 second', NULL,
    CASE WHEN {_DONE} THEN made + interval '10 minutes' END,
    CASE WHEN g % 10 = 0 THEN made + interval '10 years' END,
    CASE WHEN g % 97 = 0 THEN made + interval '1 day' END
FROM (
    SELECT g, {_GROUP_ID} AS id, {_STATUS} AS status, {_START} + g * interval '90 seconds' AS made,
        'Site' || g % 83 AS site
    FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS g
) AS numbered
"""

_JOBS = f"""
INSERT INTO jobs
SELECT {_GROUP_ID}, {_ID.format(number="n")}, n, CASE WHEN n % 2 = 0 THEN 'scan-' || n END,
    jsonb_build_object('uri', 'https://scans.example.com/' || g || '/' || n,
        'sha256', md5(g || '/' || n) || md5(n || '/' || g)), '{{}}',
    CASE WHEN n % 100 = 5 THEN 'failed' WHEN n % 100 = 6 THEN 'needs_review' WHEN n % 1000 = 8 THEN 'processing'
        WHEN n % 100 = 7 THEN 'queued' ELSE 'succeeded' END,
    1, 3, CASE WHEN n % 1000 = 7 THEN made + interval '1 hour' END,
    CASE WHEN n % 1000 = 8 THEN made + interval '5 minutes' END,
    0.5 + n % 50 / 100.0, '{{"total": 119}}', NULL, made, made + interval '1 minute', made,
    CASE WHEN n % 100 <> 7 THEN made + interval '1 minute' END
FROM (
    SELECT g, n, {_START} + g * interval '90 seconds' AS made
    FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS g,
        generate_series(1, CAST(:per_group AS int)) AS n
) AS numbered
"""

_EVENTS = f"""
INSERT INTO events (group_id, id, sequence, position, name, data, occurred_at, actor, correlation_id, causation_id)
SELECT {_GROUP_ID}, {_ID.format(number="(g * 10 + s)")}, s, CASE WHEN g < :last - 20 THEN g * 2 + s END,
    CASE s WHEN 1 THEN 'job_group.created' ELSE 'job_group.completed' END, '{{}}',
    {_START} + g * interval '90 seconds', 'key:1234', 'grown-' || g, 'grown-' || g
FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS g, generate_series(1, 2) AS s
"""

_COMMANDS = f"""
INSERT INTO commands
SELECT 'grown-' || g, '\\x00', {_GROUP_ID}, jsonb_build_object('commandId', 'grown-' || g, 'status', 'succeeded',
    'type', 'job_group.create', 'groupId', {_GROUP_ID}, 'version', 1), {_START} + g * interval '90 seconds'
FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS g
"""

_LETTERS = f"""
INSERT INTO dead_letters
SELECT {_ID.format(number="g")}, {_ID.format(number="g")},
    CASE WHEN g % 500 = 0 THEN 'handling_failed' ELSE 'undecodable' END, 'detail', 'ocr_invoice.commands', NULL, NULL,
    '{{}}', '\\x00', died, CASE WHEN g % 100 > 0 THEN died + interval '1 hour' END
FROM (
    SELECT g, {_START} + g * interval '90 seconds' AS died
    FROM generate_series(CAST(:first AS int), CAST(:last AS int), 10) AS g
) AS numbered
"""


_DELIVERIES = f"""
INSERT INTO deliveries
SELECT {_GROUP_ID}, {_ID.format(number="n")}, {_ID.format(number="(g * 10 + 1 + n % 2)")}, 'job_group.completed',
    'webhook', 'https://host' || g % 50 || '.example.com/hook', 'host' || g % 50 || '.example.com',
    CASE WHEN n = 1 AND g % 20 = 0 THEN 'pending' WHEN n % 10 = 3 THEN 'failed' ELSE 'delivered' END, 1,
    CASE WHEN n = 1 AND g % 20 = 0 THEN made END, 204, NULL, 0.1, made, made,
    CASE WHEN NOT (n = 1 AND g % 20 = 0) THEN made + interval '1 second' END
FROM (
    SELECT g, n, {_START} + g * interval '90 seconds' AS made
    FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS g, generate_series(1, 4) AS n
) AS numbered
"""


def add_groups(connection: Connection, first: int, last: int) -> None:
    """Add the groups numbered `first` to `last`, with their events, commands, and every tenth number a dead letter."""
    numbers = {"first": first, "last": last}
    for statement in (_GROUPS, _EVENTS, _COMMANDS, _LETTERS):
        connection.execute(text(statement), numbers)


def add_jobs(connection: Connection, first: int, last: int, per_group: int) -> None:
    """Give each of these groups `per_group` jobs."""
    connection.execute(text(_JOBS), {"first": first, "last": last, "per_group": per_group})


def add_deliveries(connection: Connection, first: int, last: int) -> None:
    """Give each of these groups four deliveries, one in twenty groups a pending one."""
    connection.execute(text(_DELIVERIES), {"first": first, "last": last})


def settle(engine: Engine) -> None:
    """Let the database know what is in its tables, as its autovacuum does in time."""
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("VACUUM ANALYZE"))


def group_id(number: int) -> UUID:
    """Return the id of the group of this number."""
    return UUID(f"{1672531200000 + number:012x}70008000{number:012x}")


job_id = group_id
"""Within its group, a job's id is made in the same way."""
