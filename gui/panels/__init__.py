"""Panels of pages. Each follows the state and calls operations itself."""
