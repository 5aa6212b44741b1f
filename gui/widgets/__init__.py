"""Reusable widgets of pages and panels."""
