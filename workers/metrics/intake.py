"""What is counted of the intake."""

from prometheus_client import Counter

DOCUMENTS = Counter(
    "jobgroups_intake_documents",
    "Plain JSON documents taken in: `passed_on` as a command, or `dead`.",
    ["result"],
)
for _result in ("passed_on", "dead"):
    DOCUMENTS.labels(_result)
