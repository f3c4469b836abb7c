"""Engines get requests by how busy they say they are: readings of them, and what weights come of it."""
