"""Background jobs: the way in by time instead of HTTP."""
