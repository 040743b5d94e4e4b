"""How job counts look from outside."""

from models.contract import Contract
from models.lifecycle import Counts


class CountsResource(Contract):
    """Jobs by status; `total` is the sum of the others."""

    total: int
    queued: int
    processing: int
    needs_review: int
    succeeded: int
    rejected: int
    failed: int
    cancelled: int
    expired: int
    skipped: int

    @classmethod
    def of(cls, counts: Counts) -> "CountsResource":
        return cls.model_construct(total=counts.total, **{name: getattr(counts, name) for name in Counts.__slots__})
