"""Classifold's engine: everything but the window. Files here are light; `engine.ml` alone imports torch."""

import os

# Else onnxruntime tells Microsoft of each model that is opened; processes that are started inherit this
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__version__ = "0.1.0"
