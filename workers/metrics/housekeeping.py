"""What is counted of housekeeping."""

from prometheus_client import Counter, Gauge

WOKEN = Counter("jobgroups_groups_woken", "Groups in which something was due, and was done.")
TIDIED = Counter("jobgroups_rows_forgotten", "Rows past their retention that were deleted, by what they are.", ["rows"])
LAST_ROUND = Gauge(
    "jobgroups_housekeeping_last_round_timestamp_seconds", "When housekeeping last did all that was due."
)
