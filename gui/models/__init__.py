"""Qt item models of engine records."""
