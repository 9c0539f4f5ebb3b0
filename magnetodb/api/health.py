"""What GET / and GET /healthcheck say, in AWS's words."""


def healthy(region: str) -> bytes:
    """The text of a service that answers. The space at the end is AWS's."""
    return f"healthy: dynamodb.{region}.amazonaws.com ".encode()
