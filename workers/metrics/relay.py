"""What is counted of the relay."""

from prometheus_client import Counter, Gauge, Histogram

LEADS = Gauge("jobgroups_relay_is_leader", "1 while this relay is the one that publishes, 0 while it stands by.")
PUBLISHED = Counter("jobgroups_events_published", "Events that the broker has confirmed.")
PUBLISHING = Histogram(
    "jobgroups_publishing_duration_seconds",
    "Seconds that a batch of events took to be published, confirmed and stamped.",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
