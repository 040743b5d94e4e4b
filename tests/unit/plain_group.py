"""A group with its jobs, told once more in dicts and loops: what the aggregate is held against.

Each command returns whether it is taken, and changes nothing where it is not.
"""

from typing import Any

BUCKETS = ["queued", "processing", "needs_review", "succeeded", "rejected", "failed", "cancelled", "expired", "skipped"]
OVER = {"completed", "completed_with_errors", "failed", "cancelled", "expired"}
RETRYABLE = ("failed", "cancelled", "expired", "rejected")
LEASE_SECONDS = 300


class PlainGroup:
    """`jobs` by number; `now` in seconds since the creation."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.now = 0.0
        self.wish = "active" if settings["autoStart"] else "draft"
        self.sealed = False
        self.generation = 1
        self.ends: list[int] = []
        self.time_began = 0.0
        self.jobs: dict[int, dict[str, Any]] = {}

    # What can be seen

    def counts(self) -> dict[str, int]:
        return {bucket: len(self.those(bucket)) for bucket in BUCKETS}

    def those(self, *statuses: str) -> list[dict[str, Any]]:
        return [job for job in self.jobs.values() if job["status"] in statuses]

    def attempts(self, number: int) -> int:
        return self.jobs[number]["attempts"] if number in self.jobs else 0

    def status(self) -> str:
        if self.wish == "cancelled":
            return "cancelling" if self.those("processing") else "cancelled"
        if self.wish == "expired":
            return "expired"
        waiting, under_review = self.those("queued", "processing"), self.those("needs_review")
        if self.sealed and not waiting and not under_review:
            return self._how_it_ended()
        if self.wish != "active":
            return self.wish
        if self.sealed and not waiting:
            return "awaiting_review"
        return "queued" if len(self.those("queued", "skipped")) == len(self.jobs) else "processing"

    def _how_it_ended(self) -> str:
        if len(self.those("succeeded", "skipped")) == len(self.jobs):
            return "completed"
        return "completed_with_errors" if self.those("succeeded") else "failed"

    # What can be asked

    def add(self, count: int, last: bool, sha256: str | None) -> bool:
        if self.status() in ("cancelling", "cancelled", "expired"):
            return False
        if self.status() in OVER:
            self._reopen("draft" if self.wish == "draft" else "active")
            self.sealed = False
        for _ in range(count):
            known = sha256 is not None and any(job["sha256"] == sha256 for job in self.jobs.values())
            skipped = known and self.settings["duplicatePolicy"] == "skip"
            self.jobs[len(self.jobs) + 1] = {
                "status": "skipped" if skipped else "queued",
                "attempts": 0,
                "allowed": self.settings["maxAttempts"],
                "sha256": sha256,
                "not_before": 0.0,
                "lease": 0.0,
            }
        self.sealed = self.sealed or last
        return self.settle()

    def report(self, reports: list[tuple[int, int, str]]) -> bool:
        failed_before = len(self.those("failed"))
        for number, attempt, result in reports:
            job = self.jobs.get(number)
            if job and job["status"] == "processing" and job["attempts"] == attempt:
                self._take(job, result)
        return self._give_up_after_failures(failed_before)

    def _take(self, job: dict[str, Any], result: str) -> None:
        if self.wish in ("cancelled", "expired"):
            job["status"] = self.wish
        elif result == "good":
            job["status"] = "succeeded"
        elif result == "doubtful":
            job["status"] = "needs_review"
        elif result == "hopeless" or job["attempts"] >= job["allowed"]:
            job["status"] = "failed"
        else:
            job["status"] = "queued"
            job["not_before"] = self.now + 5 * 2 ** (job["attempts"] - 1)

    def _give_up_after_failures(self, failed_before: int) -> bool:
        failed, limit = len(self.those("failed")), self.settings["maxFailures"]
        if limit is not None and failed > failed_before and failed >= limit:
            self.wish = "cancelled"
        return self.settle()

    def review(self, number: int, decision: str) -> bool:
        if number not in self.jobs or self.jobs[number]["status"] != "needs_review":
            return False
        self.jobs[number]["status"] = "succeeded" if decision == "accept" else "rejected"
        return self.settle()

    def start(self) -> bool:
        return self._wish_for("active", self.status() == "draft")

    def pause(self) -> bool:
        return self._wish_for("paused", self.status() in ("queued", "processing", "awaiting_review"))

    def resume(self) -> bool:
        return self._wish_for("active", self.status() == "paused")

    def cancel(self) -> bool:
        return self._wish_for("cancelled", self.status() not in OVER | {"cancelling"})

    def _wish_for(self, wish: str, legal: bool) -> bool:
        if legal:
            self.wish = wish
            self.settle()
        return legal

    def seal(self) -> bool:
        if self.sealed or self.status() in OVER | {"cancelling"}:
            return False
        self.sealed = True
        return self.settle()

    def retry(self) -> bool:
        chosen = self.those(*RETRYABLE)
        if not chosen or self.status() in ("draft", "cancelling"):
            return False
        if self.status() in OVER:
            self._reopen("active")
        for job in chosen:
            job.update(status="queued", not_before=0.0, allowed=job["attempts"] + self.settings["maxAttempts"])
        return self.settle()

    def wake(self) -> bool:
        seconds = self.settings["expiresAfterSeconds"]
        over = self.status() in OVER | {"cancelling"}
        if seconds is not None and not over and self.now >= self.time_began + seconds:
            self.wish = "expired"
        failed_before = len(self.those("failed"))
        for job in self.those("processing"):
            if self.now >= job["lease"]:
                self._take(job, "failed")
        return self._give_up_after_failures(failed_before)

    # What follows

    def settle(self) -> bool:
        if self.wish in ("cancelled", "expired"):
            for job in self.those("queued"):
                job["status"] = self.wish
        if self.wish == "active":
            self._dispatch()
        if self.status() in OVER and self.generation not in self.ends:
            self.ends.append(self.generation)
        return True

    def _dispatch(self) -> None:
        for _, job in sorted(self.jobs.items()):
            full = self.settings["maxConcurrency"] in range(len(self.those("processing")) + 1)
            if job["status"] == "queued" and job["not_before"] <= self.now and not full:
                job.update(status="processing", attempts=job["attempts"] + 1, lease=self.now + LEASE_SECONDS)

    def _reopen(self, wish: str) -> None:
        self.generation += 1
        self.wish = wish
        self.time_began = self.now
