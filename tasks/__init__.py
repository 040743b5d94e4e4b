"""The Celery application: one thin task per command, and the one transaction behind them."""
