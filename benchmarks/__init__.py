"""Benchmarks: how fast the service is beside others, where a request's time goes, whether it lasts. See README.md."""
