"""MagnetoDB: a key-value and document service that speaks Amazon DynamoDB's protocol."""

__version__ = "0.1.0"
