"""Programs for who works on MagnetoDB; none of them is installed."""
