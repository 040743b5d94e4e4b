"""What may be asked, what happened, what is true. Nothing here knows Celery or HTTP."""
