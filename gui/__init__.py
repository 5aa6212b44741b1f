"""The Qt window. It never imports torch, so it opens quickly."""
