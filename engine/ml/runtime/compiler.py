"""Import torch's compiler: torch does so when the first optimizer is created, and it takes almost a second."""

import torch._dynamo  # noqa: F401 - importing this module loads it
