"""Tables out of rows: the manager above, the drivers below."""
