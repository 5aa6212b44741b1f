"""Icons, the style sheet and the assets of the sample data."""
