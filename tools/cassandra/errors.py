"""What can go wrong, said in sentences for the person who started it."""


class ClusterError(Exception):
    """The message says what is wrong and, where it can, what to do."""
