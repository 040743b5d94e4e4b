"""What is counted of notifications."""

from prometheus_client import Counter, Histogram

from models.delivery import DeliveryStatus, Verdict

ATTEMPTS = Counter(
    "jobgroups_delivery_attempts",
    "Attempts at a delivery, by channel and by what came of them, once that is written down.",
    ["channel", "verdict"],
)
ENDED = Counter(
    "jobgroups_deliveries", "Deliveries that ended: `delivered`, `failed` or `cancelled`.", ["channel", "status"]
)
SECONDS = Histogram(
    "jobgroups_delivery_duration_seconds",
    "Seconds that an attempt at a delivery took.",
    ["channel"],
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
)

# So that the first one is a rise, and not the beginning of a series.
for _channel in ("webhook", "email"):
    SECONDS.labels(_channel)
    for _verdict in Verdict:
        ATTEMPTS.labels(_channel, _verdict)
    for _status in set(DeliveryStatus) - {DeliveryStatus.PENDING}:
        ENDED.labels(_channel, _status)


def count_attempt(channel: str, verdict: Verdict, status: DeliveryStatus, seconds: float) -> None:
    """Count an attempt that left its delivery in `status`."""
    ATTEMPTS.labels(channel, verdict).inc()
    SECONDS.labels(channel).observe(seconds)
    if status is not DeliveryStatus.PENDING:
        ENDED.labels(channel, status).inc()
