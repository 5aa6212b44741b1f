"""Parts of pages: each follows the state and starts its own work."""
