"""The window. It imports the light files of the engine only, never torch."""
