"""Qt item models over records of the engine."""
