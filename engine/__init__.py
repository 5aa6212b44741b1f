"""The engine of Classifold: everything except the window. Only `engine.ml` imports torch."""

import os

# Otherwise onnxruntime reports each opened model to Microsoft; child processes inherit this variable
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__version__ = "0.1.0"
