"""HTTP: the two fronts, authentication, and how answers and errors are rendered."""
