"""Measurements of speed and quality, printed as the tables of the documentation."""
