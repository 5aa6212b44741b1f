"""Classifold's engine: everything but the window. Files here are light; `engine.ml` alone imports torch."""

__version__ = "0.1.0"
